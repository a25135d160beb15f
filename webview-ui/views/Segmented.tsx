interface Props<T extends string> {
  readonly label: string;
  readonly options: readonly (readonly [T, string])[];
  readonly value: T;
  onChange(value: T): void;
}

/** Two or three exclusive choices side by side. */
export function Segmented<T extends string>({ label, options, value, onChange }: Props<T>) {
  return (
    <fieldset class="segmented">
      <legend class="visually-hidden">{label}</legend>
      {options.map(([id, text]) => (
        <button key={id} type="button" aria-pressed={id === value} onClick={() => onChange(id)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}

/** A small mark of a series, as in the charts. */
export function Legend({ kinds }: { readonly kinds: readonly ('float' | 'int8' | 'difference')[] }) {
  const texts = { float: 'float32', int8: 'int8', difference: 'int8 − float32' };
  return (
    <span class="legend">
      {kinds.map((kind) => (
        <span key={kind}>
          <span class={`mark ${kind}`} aria-hidden="true" /> {texts[kind]}
        </span>
      ))}
    </span>
  );
}
