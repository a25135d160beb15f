import { t } from '../l10n';
import { Icon } from './Icon';

interface Props<T extends string> {
  readonly label: string;
  /** Value, text, and an icon to show in the text's place where words take too much room. */
  readonly options: readonly (readonly [T, string, icon?: string])[];
  readonly value: T;
  onChange(value: T): void;
}

/** Two or three exclusive choices side by side. */
export function Segmented<T extends string>({ label, options, value, onChange }: Props<T>) {
  return (
    <fieldset class="segmented">
      <legend class="visually-hidden">{label}</legend>
      {options.map(([id, text, icon]) => (
        <button
          key={id}
          type="button"
          aria-pressed={id === value}
          aria-label={icon && text}
          title={icon && text}
          onClick={() => onChange(id)}
        >
          {icon === undefined ? text : <Icon name={icon} />}
        </button>
      ))}
    </fieldset>
  );
}

interface AxisProps {
  readonly label: string;
  readonly log: boolean;
  onChange(log: boolean): void;
}

export function AxisChoice({ label, log, onChange }: AxisProps) {
  return (
    <Segmented
      label={label}
      options={[
        ['linear', t('Linear')],
        ['log', t('Log')],
      ]}
      value={log ? 'log' : 'linear'}
      onChange={(value) => onChange(value === 'log')}
    />
  );
}

/** A small mark of a series, as in the charts. */
export function Legend({
  kinds,
  form = 'int8',
}: {
  readonly kinds: readonly ('float' | 'int8' | 'difference')[];
  /** What the quantized series is. */
  readonly form?: string;
}) {
  const texts = { float: 'float32', int8: form, difference: `${form} − float32` };
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
