import type { ComponentChildren } from 'preact';

interface TitleProps {
  readonly note: ComponentChildren;
  readonly title?: string;
  readonly children: ComponentChildren;
}

/** The headline of a section with a quieter note behind it. */
export function Title({ note, title, children }: TitleProps) {
  return (
    <h2 title={title}>
      {children} <span class="muted">{note}</span>
    </h2>
  );
}

/** The head of a table; a column without a name has no head. The first `left` columns are read from the left. */
export function Heads({ names, left = 0 }: { readonly names: readonly string[]; readonly left?: number }) {
  return (
    <thead>
      <tr>
        {names.map((name, i) =>
          name === '' ? (
            <td key={i} />
          ) : (
            <th key={i} scope="col" class={i < left ? 'to-left' : undefined}>
              {name}
            </th>
          ),
        )}
      </tr>
    </thead>
  );
}

/** Names and their values, one under the other. */
export function FiguresList({ figures }: { readonly figures: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="figures-list">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
