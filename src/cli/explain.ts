import type { ExplainedElementDto } from '../protocol/forwardDto';
import { type Command, parse, wholeNumber } from './command';
import { forwardOptions, forwardRequest, productOption, withOptionalValues } from './forwardRequest';
import { number, printable, table } from './text';

const options = {
  ...forwardOptions,
  row: { type: 'string' },
  channel: { type: 'string' },
} as const;

export const explain: Command = {
  name: 'explain',
  synopsis: 'FILE --product MODULE.WEIGHT [--call N] [--step N] [--row N] [--channel N] [same options as forward]',
  summary: 'one output number of a quantized product taken apart: codes, accumulator, multiplier, bias',
  async run(args, { engine, signal }) {
    const { positionals, values } = parse(withOptionalValues(args), options, 1);
    const client = engine(positionals[0]);
    const request = await forwardRequest(client, positionals[0], { ...values, runs: '1' });
    const [module, weight] = productOption('explain', values.product);
    const at = (option: 'call' | 'step' | 'row' | 'channel') => wholeNumber(`--${option}`, values[option], 0);
    const query = {
      request,
      module,
      weight,
      call: at('call'),
      step: at('step'),
      row: at('row'),
      channel: at('channel'),
    };
    const json = await client.call('explain', query, { signal });
    return { json, text: explainText(json) };
  },
};

const shownTerms = 12;

function explainText(e: ExplainedElementDto): string {
  const name = `${e.module === '' ? '' : `${e.module}.`}${e.weight}`;
  const terms = [...e.terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, shownTerms);
  const rows = terms.map(({ index, value, code, floatWeight, weight, product }) =>
    [index, value, code, floatWeight, weight, product].map(number),
  );
  return [
    printable(`${name}, row ${e.row} of ${e.rows}, channel ${e.channel} of ${e.channels}, ${e.engine}`),
    `activation  ${number(e.min)} … ${number(e.max)}  scale ${number(e.scale)}  zero point ${e.zeroPoint}`,
    `weight      scale ${number(e.weightScale)}`,
    `output      ${number(e.output)} = ${e.accumulator} · ${number(e.multiplier)}${e.bias === null ? '' : ` + ${number(e.bias)}`}; in float ${number(e.floatOutput)}`,
    `sum         ${e.k} products, largest partial sum ${e.largestPartial}; ${e.saturatedPairs} of ${e.pairs} pairs would not fit 16 bits`,
    '',
    `the ${rows.length} largest of ${e.k} products`,
    table([['k', 'x', 'code', 'w', 'int8', '(code − zero) · int8'], ...rows], [0, 1, 2, 3, 4, 5]),
  ].join('\n');
}
