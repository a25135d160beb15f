/** “Native AVX2” where the targets say so: on a processor with VNNI onnxruntime-node has four times the products a cycle. */
const avx2 = 'onnxruntime-node on AVX2';

/** What the product sets itself, as ratios of medians with one thread each; for the same rows of both tables. */
const int8 = [
  ['LSTM 8', 'onnxruntime-node', 8],
  ['LSTM 8', 'PyTorch', 40],
  ['LSTM 256', 'onnxruntime-node', 0.75],
  ['LSTM 256', avx2, 0.75],
  ['LSTM 256', 'onnxruntime-web', 6],
  ['LSTM 256', 'PyTorch', 1.3],
  ['LSTM 1024 × 2 layers', 'onnxruntime-node', 0.75],
  ['LSTM 1024 × 2 layers', avx2, 0.75],
  ['LSTM 1024 × 2 layers', 'onnxruntime-web', 6],
  ['LSTM 1024 × 2 layers', 'PyTorch', 1.3],
  ['Linear 1024 → 4096, batch 1', 'onnxruntime-node', 1.2],
  ['Linear 1024 → 4096, batch 1', avx2, 1.2],
  ['Linear 1024 → 4096, batch 1', 'onnxruntime-web', 15],
  ['Linear 768 → 3072, batch 128', 'onnxruntime-node', 0.67],
  ['Linear 768 → 3072, batch 128', avx2, 0.67],
  ['Linear 768 → 3072, batch 128', 'onnxruntime-web', 1.8],
];

/** Vectors are 128 bits wide; see docs/kernels.md. */
const limits = {
  int8: '32 with the dot product of four (16 products in each of 2 instructions a cycle, 128-bit vectors), 21.3 with that of two; native AVX2 has 32, VNNI with 256 bits 64, with 512 bits 128',
  float: '8 (one product and one sum of 4 a cycle in each of 2 pipes, 128-bit vectors); native AVX2 has 16',
};

/** Lines of the section: each target beside its ratio, whether it holds, and the work per cycle that was done. */
export function targetLines(results, clock) {
  const wanted = [
    ...int8.map(([shape, peer, least]) => ({ shape, peer, least, int8: true })),
    ...results.map(({ name }) => ({ shape: name, peer: 'onnxruntime-web', least: 1, int8: false })),
    { shape: 'Linear 1024 → 4096, batch 1', peer: 'onnxruntime-node', least: 1.5, int8: false },
  ];
  const rows = wanted.flatMap((target) => targetRow(target, results, clock));
  const own = results.map((result) => ownRow(result));
  return [
    '## Targets',
    '',
    `Clock while this ran: ${clock.toFixed(2)} GHz. Multiply-adds a cycle are those of the whole call, with everything that`,
    'is not a product; GB/s are the weights over the time, which counts where they are used once.',
    '',
    `- Limit of the int8 kernels, multiply-adds a cycle: ${limits.int8}`,
    `- Limit of the float kernels: ${limits.float}`,
    '',
    '| shape | precision | against | target | ratio | | ours: multiply-adds a cycle | GB/s |',
    '|---|---|---|---:|---:|---|---:|---:|',
    ...rows,
    ...own,
    '',
  ];
}

function targetRow({ shape, peer, least, int8: wantInt8 }, results, clock) {
  const result = results.find(({ name }) => name === shape);
  const own = result?.entries.find((one) => one.name === 'Quantscope' && one.int8 === wantInt8);
  const other = result?.entries.find((one) => one.name === peer && one.int8 === wantInt8);
  if (own === undefined || other === undefined) return [];
  const ratio = other.median / own.median;
  const perCycle = result.multiplyAdds / (own.median * 1e3 * clock);
  const rate = (result.weights * (wantInt8 ? 1 : 4)) / (own.median * 1e3);
  const cells = [shape, wantInt8 ? 'int8' : 'float32', peer, least, verdict(ratio, least)];
  return [`| ${cells.join(' | ')} | ${perCycle.toFixed(1)} | ${rate.toFixed(0)} |`];
}

/** int8 against our own float: faster from size 64 on, and within 1.1 times below. */
function ownRow({ name, entries, size }) {
  const [float, quantized] = [false, true].map((wanted) =>
    entries.find((one) => one.name === 'Quantscope' && one.int8 === wanted),
  );
  const least = size >= 64 ? 1 : 1 / 1.1;
  const target = size >= 64 ? '1' : '0.91';
  return `| ${name} | int8 | our float32 | ${target} | ${verdict(float.median / quantized.median, least)} | | |`;
}

const verdict = (ratio, least) => `${ratio.toFixed(2)} | ${ratio >= least ? 'holds' : 'missed'}`;

/** GHz, from a chain of multiplications that take three cycles each on the processors of today. */
export function measureClock() {
  const chain = (count) => {
    let x = 3;
    for (let i = 0; i < count; i++) {
      x = Math.imul(Math.imul(Math.imul(Math.imul(x, x), x), x), x);
      x = Math.imul(Math.imul(Math.imul(Math.imul(x, x), x), x), x);
    }
    return x;
  };
  let best = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let round = 0; round < 30; round++) {
    const start = performance.now();
    sum += chain(100_000);
    best = Math.min(best, performance.now() - start);
  }
  return sum === 0 ? Number.NaN : (8 * 3 * 100_000) / (best * 1e6);
}
