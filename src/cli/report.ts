import { type Command, parse, quantizeSpec, specOptions, UsageError } from './command';
import { forwardRequest, inputOptions, withOptionalValues } from './forwardRequest';

const options = {
  ...specOptions,
  ...inputOptions,
  runs: { type: 'string' },
  out: { type: 'string', short: 'o' },
} as const;

export const report: Command = {
  name: 'report',
  synopsis:
    'FILE -o OUT.html|OUT.json [--engine …] [--per-channel] [--exclude GLOB]… [--module PATH | --source … | --plan …] [--inputs IN.npz | --text TEXT [--tokenizer tokenizer.json] | --random SEED [--shape 20,1,8]…] [--runs N]',
  summary: "the recipe's five steps for this file as one HTML page without links, or as JSON",
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(withOptionalValues(args), options, 1);
    const target = values.out;
    if (target === undefined || !/\.(html|json)$/i.test(target)) {
      throw new UsageError('report needs -o with a name that ends in .html or .json.');
    }
    const call = { signal, onProgress: progress };
    const client = engine(positionals[0]);
    const asked = values.runs !== undefined || Object.keys(inputOptions).some((name) => name in values);
    // Where nothing was asked for, a file of which nothing runs has a report all the same.
    const forward = asked ? await forwardRequest(client, positionals[0], values) : null;
    const { html, json } = await client.call('report', { spec: quantizeSpec(values), forward }, call);
    const text = /\.json$/i.test(target) ? json : html;
    const { bytes } = await client.call('writeText', { path: target, text }, call);
    return { json: { written: target, bytes }, text: `wrote ${target}` };
  },
};
