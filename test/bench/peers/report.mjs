/** RESULTS.md of one run: medians of every contender, and how many times faster we are. */
export function report({ machine, date, contenders, left, results, rounds, turnMs }) {
  const peers = contenders.slice(1).map(({ name }) => name);
  return [
    '# Benchmark results',
    '',
    'Written by `npm run bench:peers`; do not edit. Medians in µs, one thread each, every contender in turn in',
    `the same run (${rounds} rounds of ${turnMs} ms a turn). A ratio above 1 says that Quantscope is faster.`,
    '',
    `- Machine: ${machine}`,
    `- Date: ${date}`,
    ...contenders.map(({ name, version }) => `- ${name}: ${version}`),
    ...left.map((line) => `- Left out: ${line}`),
    '',
    ...[true, false].flatMap((int8) => table(int8, peers, results)),
    '## int8 against our own float32',
    '',
    '| shape | float32 | int8 | int8 is faster by |',
    '|---|---:|---:|---:|',
    ...results.map(({ name, entries }) => {
      const [float, int8] = [false, true].map((wanted) => find(entries, 'Quantscope', wanted));
      return `| ${name} | ${micros(float)} | ${micros(int8)} | ${(float / int8).toFixed(2)} |`;
    }),
    '',
  ].join('\n');
}

function table(int8, peers, results) {
  const head = ['shape', 'Quantscope', ...peers.flatMap((name) => [name, 'ratio'])];
  const rows = results.map(({ name, entries }) => {
    const own = find(entries, 'Quantscope', int8);
    const cells = peers.flatMap((peer) => {
      const time = find(entries, peer, int8);
      return time === undefined ? ['–', '–'] : [micros(time), (time / own).toFixed(2)];
    });
    return [name, micros(own), ...cells];
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

const find = (entries, name, int8) => entries.find((one) => one.name === name && one.int8 === int8)?.median;

function micros(time) {
  return time < 100 ? time.toFixed(1) : Math.round(time).toLocaleString('en-US');
}
