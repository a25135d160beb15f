import { useState } from 'preact/hooks';
import type { ForwardResultDto } from '../../src/protocol/forwardDto';
import type { RunnableDto } from '../../src/protocol/modelDto';
import { visible } from '../format';
import { t } from '../l10n';
import { act, page, setPage } from '../state/store';
import { Icon } from './Icon';
import { Segmented } from './Segmented';

interface Props {
  readonly runnable: readonly RunnableDto[];
  readonly forward: ForwardResultDto | null;
  /** Chosen file with inputs; empty without one. */
  readonly inputsFile: string;
  readonly busy: boolean;
}

/** Sizes written as `20 × 1 × 8`, `20,1,8` or `20 1 8`; undefined when they are none. */
export function parseShape(text: string): number[] | undefined {
  const parts = text.trim().split(/[\s,x×*]+/i);
  return parts.every((part) => /^\d{1,9}$/.test(part)) ? parts.map(Number) : undefined;
}

/** Which module, which seed, which shapes. */
export function ForwardForm({ runnable, forward, inputsFile, busy }: Props) {
  const [path, setPath] = useState(forward?.module ?? runnable[0].path);
  const [seed, setSeed] = useState(String(forward?.seed ?? 29592));
  const [texts, setTexts] = useState<Record<string, string>>({});
  const module = runnable.find((candidate) => candidate.path === path) ?? runnable[0];
  const fields = module.inputs.map(({ name, shape }, i) => {
    const ran = forward?.module === module.path ? forward.inputs[i]?.shape : undefined;
    const key = `${module.path} ${name}`;
    return { key, name, text: texts[key] ?? (ran ?? shape).join(' × ') };
  });
  const shapes = fields.map(({ text }) => parseShape(text));
  const seedValue = /^-?\d{1,15}$/.test(seed.trim()) ? Number(seed) : undefined;
  const { inputsSource: source, literal } = page.value;
  const valid =
    source === 'seed'
      ? seedValue !== undefined && shapes.every((shape) => shape !== undefined)
      : source === 'file'
        ? inputsFile !== ''
        : literal.trim() !== '';
  const submit = (event: Event) => {
    event.preventDefault();
    if (!valid || busy) return;
    // Shapes and seed of the form are not used where inputs are given, but they must be whole.
    const whole = module.inputs.map(({ shape }) => shape);
    act('runForward', {
      module: module.path,
      seed: seedValue ?? 0,
      shapes: source === 'seed' ? (shapes as number[][]) : whole,
      source,
      literal,
    });
  };
  return (
    <form id="forward-form" class="forward-form" onSubmit={submit}>
      {runnable.length > 1 && (
        <label>
          {t('module')}
          <select class="vscode-select" value={module.path} onChange={(event) => setPath(event.currentTarget.value)}>
            {runnable.map(({ path: value, repr }) => (
              <option key={value} value={value}>
                {value || '(root)'} {repr}
              </option>
            ))}
          </select>
        </label>
      )}
      <Segmented
        label={t('Inputs')}
        options={[
          ['seed', t('Seed')],
          ['file', t('File…')],
          ['literal', t('Typed')],
        ]}
        value={source}
        onChange={(next) => {
          setPage({ inputsSource: next });
          if (next === 'file' && inputsFile === '') act('pickInputs', {});
        }}
      />
      {source === 'seed' && (
        <>
          <label>
            {t('seed')}
            <input
              type="text"
              class="vscode-textfield seed"
              inputMode="numeric"
              value={seed}
              aria-invalid={seedValue === undefined}
              onInput={(event) => setSeed(event.currentTarget.value)}
            />
          </label>
          {fields.map(({ key, name, text }, i) => (
            <label key={key}>
              {name}
              <input
                type="text"
                class="vscode-textfield shape"
                value={text}
                aria-invalid={shapes[i] === undefined}
                onInput={(event) => setTexts({ ...texts, [key]: event.currentTarget.value })}
              />
            </label>
          ))}
        </>
      )}
      {source === 'file' && (
        <button type="button" class="link" onClick={() => act('pickInputs', {})}>
          {inputsFile === '' ? t('Choose a .npy, .npz or .pt file…') : visible(inputsFile)}
        </button>
      )}
      {source === 'literal' && (
        <textarea
          class="vscode-textfield literal"
          rows={Math.min(4, Math.max(1, module.inputs.length))}
          placeholder={t('[[1, 2], [3, 4]], one input a line: {0}', module.inputs.map(({ name }) => name).join(', '))}
          aria-label={t('Typed inputs, one a line')}
          value={literal}
          onInput={(event) => setPage({ literal: event.currentTarget.value })}
        />
      )}
      <button
        type="submit"
        class="icon-button"
        disabled={!valid || busy}
        title={t('Run')}
        aria-label={t('Run')}
        data-testid="form-run"
      >
        <Icon name={forward === null ? 'play' : 'refresh'} />
      </button>
    </form>
  );
}
