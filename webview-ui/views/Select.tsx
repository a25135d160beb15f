interface Props {
  /** For a visible label; else `label` says what it is. */
  readonly id?: string;
  readonly label?: string;
  readonly testId?: string;
  /** Value and text. */
  readonly options: readonly (readonly [string, string])[];
  readonly value: string;
  onChange(value: string): void;
}

export function Select({ id, label, testId, options, value, onChange }: Props) {
  return (
    <select
      id={id}
      class="vscode-select"
      aria-label={label}
      data-testid={testId}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {options.map(([key, text]) => (
        <option key={key} value={key}>
          {text}
        </option>
      ))}
    </select>
  );
}
