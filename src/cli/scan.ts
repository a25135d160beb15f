import { type Command, parse } from './command';
import { printable, table } from './text';

export const scan: Command = {
  name: 'scan',
  synopsis: 'FILE',
  summary: 'every global that a pickle names, with a verdict; nothing is run',
  async run(args, { engine, signal }) {
    const { positionals } = parse(args, {}, 1);
    const { verdict, globals } = await engine(positionals[0]).call('scan', {}, { signal });
    const json = {
      verdict,
      globals: globals.map(({ module, name, verdict, reason, offset }) => ({ module, name, verdict, reason, offset })),
    };
    const rows = globals.map((use) => [
      use.verdict,
      printable(`${use.module}.${use.name}`),
      `byte ${use.offset}`,
      use.reason,
    ]);
    return { json, text: [verdict, ...(rows.length > 0 ? [table(rows)] : [])].join('\n') };
  },
};
