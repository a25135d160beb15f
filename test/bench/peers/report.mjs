import { targetLines } from './targets.mjs';

/** RESULTS.md of one run: medians of every contender, and how many times faster we are. */
export function report({
  machine,
  load,
  clock,
  date,
  contenders,
  left,
  results,
  streams,
  interpreter,
  twoThreads,
  rounds,
  turnMs,
}) {
  const peers = contenders.slice(1).map(({ name }) => name);
  return [
    '# Benchmark results',
    '',
    'Written by `npm run bench:peers`; do not edit. Medians in µs, one thread each, every contender in turn in',
    `the same run (${rounds} rounds of ${turnMs} ms a turn). A ratio above 1 says that Quantscope is faster;`,
    'behind it in brackets the ratio of the fastest runs, which a busy machine disturbs less than the medians.',
    '',
    `- Machine: ${machine}`,
    `- Date: ${date}`,
    `- Load average over 1, 5 and 15 minutes: ${load.map((one) => one.toFixed(1)).join(', ')}; this process and its peers are 1 of it. Where it is above the number of CPUs, medians of long runs are mostly waiting`,
    ...contenders.map(({ name, version }) => `- ${name}: ${version}`),
    ...left.map((line) => `- Left out: ${line}`),
    '',
    ...[true, false].flatMap((int8) => table(int8, peers, results)),
    ...targetLines(results, clock),
    '## int8 against our own float32',
    '',
    '| shape | float32 | int8 | int8 is faster by |',
    '|---|---:|---:|---:|',
    ...results.map(({ name, entries }) => {
      const [float, int8] = [false, true].map((wanted) => find(entries, 'Quantscope', wanted));
      const ratio = `${(float.median / int8.median).toFixed(2)} (${(float.best / int8.best).toFixed(2)})`;
      return `| ${name} | ${micros(float.median)} | ${micros(int8.median)} | ${ratio} |`;
    }),
    '',
    '## Statistics',
    '',
    'Minimum, maximum, mean, standard deviation and a histogram of 512 bins of float32 in memory; fastest of three.',
    '',
    ...statisticsLines(streams),
    '',
    ...twoThreadLines(twoThreads),
    '## Interpreter',
    '',
    'Of the time of a Python file’s MLP with three Linears, the share outside of their products: the interpreter, ReLU,',
    'and the tensors between. Target: under 10 % from hidden size 256 on.',
    '',
    ...interpreter.map(
      ({ width, rows, share }) =>
        `- hidden size ${width}, ${rows} ${rows === 1 ? 'row' : 'rows'}: ${(100 * share).toFixed(1)} %`,
    ),
    '',
  ].join('\n');
}

/** Targets: ahead of onnxruntime-node for the LSTMs, its equal at batch 128. */
function twoThreadLines(results) {
  if (results.length === 0) return [];
  const rows = results.flatMap(({ name, entries }) =>
    [true, false].map((int8) => {
      const [own, node] = ['Quantscope', 'onnxruntime-node'].map((who) => find(entries, who, int8));
      const ratio = `${(node.median / own.median).toFixed(2)} (${(node.best / own.best).toFixed(2)})`;
      return `| ${name} | ${int8 ? 'int8' : 'float32'} | ${micros(own.median)} | ${micros(node.median)} | ${ratio} |`;
    }),
  );
  return [
    '## Two threads each',
    '',
    'Quantscope takes the second thread from 0.7 million multiply-adds on, and only where a trial in the same run was faster.',
    '',
    '| shape | precision | Quantscope | onnxruntime-node | ratio |',
    '|---|---|---:|---:|---:|',
    ...rows,
    '',
  ];
}

function statisticsLines({ bytes, own, numpy }) {
  const rate = (micros) => `${(bytes / 1e3 / micros).toFixed(2)} GB/s`;
  if (numpy === undefined) return [`- Quantscope: ${rate(own)}`];
  return [`- Quantscope: ${rate(own)}`, `- numpy: ${rate(numpy)}`, `- ratio: ${(numpy / own).toFixed(1)}`];
}

function table(int8, peers, results) {
  const head = ['shape', 'Quantscope', ...peers.flatMap((name) => [name, 'ratio'])];
  const rows = results.map(({ name, entries }) => {
    const own = find(entries, 'Quantscope', int8);
    const cells = peers.flatMap((peer) => {
      const time = find(entries, peer, int8);
      if (time === undefined) return ['–', '–'];
      return [micros(time.median), `${(time.median / own.median).toFixed(2)} (${(time.best / own.best).toFixed(2)})`];
    });
    return [name, micros(own.median), ...cells];
  });
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    `## ${int8 ? 'int8' : 'float32'}`,
    '',
    line(head),
    line(head.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map(line),
    '',
  ];
}

const find = (entries, name, int8) => entries.find((one) => one.name === name && one.int8 === int8);

function micros(time) {
  return time < 100 ? time.toFixed(1) : Math.round(time).toLocaleString('en-US');
}
