import { type Command, parse, quantizeSpec, specOptions, UsageError } from './command';

export const report: Command = {
  name: 'report',
  synopsis: 'FILE -o OUT.html|OUT.json [--engine …] [--per-channel] [--exclude GLOB]…',
  summary: "the recipe's five steps for this file as one HTML page without links, or as JSON",
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(args, { ...specOptions, out: { type: 'string', short: 'o' } } as const, 1);
    const target = values.out;
    if (target === undefined || !/\.(html|json)$/i.test(target)) {
      throw new UsageError('report needs -o with a name that ends in .html or .json.');
    }
    const options = { signal, onProgress: progress };
    const client = engine(positionals[0]);
    const { html, json } = await client.call('report', { spec: quantizeSpec(values), forward: null }, options);
    const text = /\.json$/i.test(target) ? json : html;
    const { bytes } = await client.call('writeText', { path: target, text }, options);
    return { json: { written: target, bytes }, text: `wrote ${target}` };
  },
};
