import type { WeightErrorDto } from '../protocol/answersDto';
import type { EngineClient } from '../worker/enginePool';
import { type Command, parse, quantizeSpec, specOptions } from './command';
import { decibels, number, printable, table } from './text';

export const weights: Command = {
  name: 'weights',
  synopsis: 'FILE [--tensor NAME]… [--per-channel] [--modules …] [--exclude GLOB]…',
  summary:
    'the error of each int8 weight: whole, by channel, with the other scheme beside it, and its outlier channels',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(
      args,
      { ...specOptions, tensor: { type: 'string', multiple: true } } as const,
      1,
    );
    const client = engine(positionals[0]);
    const spec = quantizeSpec(values);
    const names = values.tensor ?? (await quantizedWeights(client, spec));
    const scheme = spec.perChannel ? 'per_channel' : 'per_tensor';
    const found: WeightErrorDto[] = [];
    for (const name of names) {
      progress(found.length, names.length, name);
      found.push(await client.call('weightError', { name, scheme }, { signal }));
    }
    return { json: { weights: found }, text: weightsText(found, values.tensor !== undefined) };
  },
};

/** Names of all weights that the spec makes int8. */
async function quantizedWeights(client: EngineClient, spec: ReturnType<typeof quantizeSpec>): Promise<string[]> {
  const { modules } = await client.call('quantize', spec);
  return modules.flatMap(({ path, weights: all }) =>
    all.flatMap(({ name, dtype }) => (dtype === undefined ? [path === '' ? name : `${path}.${name}`] : [])),
  );
}

function weightsText(found: readonly WeightErrorDto[], detailed: boolean): string {
  const rows = found.map(
    ({ name, scheme, shape, sqnrDb, rmse, relativeRmse, maxAbsError, p95AbsError, cosine, other, outliers }) => [
      printable(name),
      shape.join(' × '),
      scheme,
      decibels(sqnrDb),
      number(rmse),
      `${(100 * relativeRmse).toFixed(2)} %`,
      number(maxAbsError),
      number(p95AbsError),
      cosine.toFixed(6),
      decibels(other.sqnrDb),
      outliers.length === 0 ? '–' : `${outliers[0].channel} (${outliers[0].ratio.toFixed(1)} ×)`,
    ],
  );
  const head = [
    'weight',
    'shape',
    'scheme',
    'SQNR dB',
    'rmse',
    'of mean |w|',
    'max',
    'p95',
    'cosine',
    'other scheme dB',
    'worst outlier',
  ];
  const lines = rows.length === 0 ? ['0 weights become int8'] : [table([head, ...rows], [3, 4, 5, 6, 7, 8, 9])];
  return [...lines, ...(detailed ? found.flatMap(channelLines) : [])].join('\n');
}

function channelLines({ name, channels, outliers }: WeightErrorDto): string[] {
  const rows = channels.sqnrDb.map((db, i) => [
    String(i),
    decibels(db),
    number(channels.rmse[i]),
    number(channels.maxAbsError[i]),
    number(channels.amplitude[i]),
  ]);
  const named = outliers.map(({ channel, ratio, sqnrDb, perChannelSqnrDb }) => [
    String(channel),
    `${ratio.toFixed(2)} × the median`,
    decibels(sqnrDb),
    decibels(perChannelSqnrDb),
  ]);
  const columns = [0, 1, 2, 3, 4];
  return [
    '',
    printable(name),
    table([['outlier', 'amplitude', 'SQNR dB', 'with its own scale'], ...named], columns),
    '',
    table([['channel', 'SQNR dB', 'rmse', 'max |error|', 'amplitude'], ...rows], columns),
  ];
}
