import { type Command, engineName, parse, wholeNumber } from './command';

export const recipe: Command = {
  name: 'recipe',
  synopsis: '[--engine fbgemm|x86|onednn|qnnpack] [--runs N] [--write FILE]',
  summary: "PyTorch's dynamic quantization recipe from start to end; --write saves its float LSTM",
  async run(args, { engine, signal, progress }) {
    const options = { engine: { type: 'string' }, runs: { type: 'string' }, write: { type: 'string' } } as const;
    const { values } = parse(args, options, 0);
    const client = engine();
    if (values.write !== undefined) {
      const { bytes } = await client.call('writeRecipe', { path: values.write }, { signal });
      return { json: { file: values.write, bytes }, text: `${values.write}: ${bytes} bytes` };
    }
    const runs = Math.max(wholeNumber('--runs', values.runs, 100), 1);
    const json = await client.call(
      'recipe',
      { engine: engineName(values.engine), runs },
      { signal, onProgress: progress },
    );
    return { json, text: json.lines.join('\n') };
  },
};
