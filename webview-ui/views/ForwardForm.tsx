import { useState } from 'preact/hooks';
import type { ForwardResultDto, RunnableDto } from '../../src/protocol/dto';
import { t } from '../l10n';
import { act } from '../state/store';
import { Icon } from './Icon';

interface Props {
  readonly runnable: readonly RunnableDto[];
  readonly forward: ForwardResultDto | null;
  readonly busy: boolean;
}

/** Sizes written as `20 × 1 × 8`, `20,1,8` or `20 1 8`; undefined when they are none. */
export function parseShape(text: string): number[] | undefined {
  const parts = text.trim().split(/[\s,x×*]+/i);
  return parts.every((part) => /^\d{1,9}$/.test(part)) ? parts.map(Number) : undefined;
}

/** Which module, which seed, which shapes. */
export function ForwardForm({ runnable, forward, busy }: Props) {
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
  const valid = seedValue !== undefined && shapes.every((shape) => shape !== undefined);
  const submit = (event: Event) => {
    event.preventDefault();
    if (valid && !busy) act('runForward', { module: module.path, seed: seedValue, shapes: shapes as number[][] });
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
