import { type Command, parse } from './command';
import { table } from './text';

export const bench: Command = {
  name: 'bench',
  synopsis: '[--filter NAME]',
  summary: 'times float32 and int8 at common shapes on one thread, with their ratio',
  async run(args, { engine, signal, progress }) {
    const { values } = parse(args, { filter: { type: 'string' } } as const, 0);
    const json = await engine().call('bench', { filter: values.filter ?? '' }, { signal, onProgress: progress });
    const rows = json.results.map(({ name, multiplyAdds, float, int8, ratio }) => [
      name,
      `${(multiplyAdds / 1e6).toPrecision(3)} M`,
      float.median.toFixed(1),
      int8.median.toFixed(1),
      ratio.toFixed(2),
    ]);
    const head = ['shape', 'multiply-adds', 'float32 µs', 'int8 µs', 'int8 is faster by'];
    return { json, text: `${json.kernels}, 1 thread, medians\n${table([head, ...rows], [1, 2, 3, 4])}` };
  },
};
