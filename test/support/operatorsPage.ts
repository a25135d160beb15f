import '../../src/engine/forward/source/namespaces';
import { allOperators, type OperatorSet } from '../../src/engine/forward/operators/table';
import { nnClasses } from '../../src/engine/forward/source/layer';
import { composedClassNames } from '../../src/engine/forward/source/prelude';
import { planFunctions } from '../../src/model/plan/planFunctions';

const titles: Readonly<Record<OperatorSet, readonly [title: string, about: string]>> = {
  torch: [
    'torch and tensor methods',
    'Written `torch.f(x)`, `x.f()`, `F.f(x)` where F has no form of its own, and `torch.f(x)` in TorchScript.',
  ],
  functional: ['torch.nn.functional', 'Forms whose arguments differ from those above.'],
  linalg: ['torch.linalg', ''],
  special: ['torch.special', ''],
  quantized: ['ops.quantized', 'Of models that were quantized before they were saved as TorchScript.'],
  prim: ['ops.prim', 'TorchScript’s own.'],
};

/** docs/operators.md, from the table that the executor itself uses. */
export function operatorsPage(): string {
  const lines = [
    '# Operators that a forward pass can use',
    '',
    'Made from the code by `node scripts/operators.mjs`. An operator that is not here is named by the error, with its file and line, the first time that the model asks for it; code that never runs needs nothing.',
    '',
    'Types are PyTorch’s: `int[2]` takes one int or two, `?` allows None, what stands after `*` is given by name. Arguments about devices, layouts and memory formats are accepted and change nothing. int64 values are exact to 2^53.',
  ];
  const all = allOperators();
  for (const set of Object.keys(titles) as OperatorSet[]) {
    const operators = all.filter((one) => one.set === set).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (operators.length === 0) continue;
    const [title, about] = titles[set];
    lines.push('', `## ${title}`, '', ...(about === '' ? [] : [about, '']), '| operator | forms |', '|---|---|');
    for (const { name, operator } of operators) {
      // Sorted: in which order families are loaded is no part of what they support.
      const forms = operator.overloads.map(({ signature }) => `\`${signature.text.replaceAll('|', '\\|')}\``).sort();
      const own = operator.name === name ? forms.join('<br>') : `the same as \`${operator.name}\``;
      lines.push(`| \`${name}\` | ${own} |`);
    }
  }
  const classes = [...nnClasses.keys(), ...composedClassNames()].sort();
  lines.push(
    '',
    '## torch.nn',
    '',
    'Classes that Python source can build:',
    '',
    classes.map((name) => `\`${name}\``).join(', '),
    '',
    '## Forward plan',
    '',
    'Functions of a plan’s steps ([forward.md](forward.md)):',
    '',
    '| function | values | arguments | what |',
    '|---|---|---|---|',
    ...[...planFunctions].map(([name, { values, arguments: args, says }]) => {
      const list = Object.entries(args).map(
        ([key, { type, default: fallback }]) => `\`${type} ${key}${fallback === undefined ? '' : `=${fallback}`}\``,
      );
      return `| \`${name}\` | ${values === 'many' ? '2 or more' : values} | ${list.join(', ')} | ${says} |`;
    }),
    '',
  );
  return lines.join('\n');
}
