import { useState } from 'preact/hooks';
import type { RunnableDto } from '../../src/protocol/modelDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { visible } from '../format';
import { t } from '../l10n';
import { act, page, setPage } from '../state/store';
import { Button, IconButton } from './Button';
import { Segmented } from './Segmented';
import { Select } from './Select';

/** Sizes written as `20 × 1 × 8`, `20,1,8` or `20 1 8`; undefined when they are none. */
export function parseShape(text: string): number[] | undefined {
  const parts = text.trim().split(/[\s,x×*]+/i);
  return parts.every((part) => /^\d{1,9}$/.test(part)) ? parts.map(Number) : undefined;
}

/** Something that can be run: the whole model, or one of its modules. */
interface Choice {
  readonly key: string;
  readonly text: string;
  readonly path: string;
  readonly whole: boolean;
  readonly inputs: RunnableDto['inputs'];
  /** Names of values that can be asked for. */
  readonly values?: readonly string[];
}

/** The whole model stands first; by its own code it takes the root's place. */
export function choicesOf({ whole, model }: ViewSnapshotDto): Choice[] {
  const modules = (model?.runnable ?? [])
    .filter(({ path }) => path !== '' || whole === null || whole.by === 'source' || whole.by === 'plan')
    .map(({ path, repr, inputs }) => ({
      key: `m:${path}`,
      text: `${visible(path || '(root)')} ${repr}`,
      path,
      whole: false,
      inputs,
    }));
  if (whole === null) return modules;
  const by =
    whole.by === 'source'
      ? `${visible(whole.className)} · ${visible(whole.file)}`
      : whole.by === 'plan'
        ? t('Whole model by the plan below')
        : whole.by === 'onnx'
          ? t('Whole graph')
          : t('Whole model by its own code: {0}', visible(whole.className));
  return [{ key: 'whole', text: by, path: '', whole: true, inputs: whole.inputs, values: whole.values }, ...modules];
}

/** Which module or model, which inputs, which seed and shapes. */
export function ForwardForm({ state }: { readonly state: ViewSnapshotDto }) {
  const { forward, inputsFile, whole } = state;
  const busy = state.busy !== null;
  const choices = choicesOf(state);
  const ran = forward === null ? undefined : choices.find(({ path }) => path === forward.module);
  const [picked, setPicked] = useState<string>();
  const [seed, setSeed] = useState(String(forward?.seed ?? 29592));
  const [value, setValue] = useState('');
  const [texts, setTexts] = useState<Record<string, string>>({});
  const chosen = choices.find(({ key }) => key === picked) ?? ran ?? choices[0];
  const fields = chosen.inputs.map(({ name, shape, high }, i) => {
    const last = chosen === ran ? forward?.inputs[i]?.shape : undefined;
    const key = `${chosen.key} ${chosen.whole ? whole?.className : ''} ${name} ${i}`;
    return { key, name, high, text: texts[key] ?? (last ?? shape).join(' × ') };
  });
  const shapes = fields.map(({ text }) => parseShape(text));
  const seedValue = /^-?\d{1,15}$/.test(seed.trim()) ? Number(seed) : undefined;
  const { inputsSource, literal, text } = page.value;
  const readsText = state.model?.hasTokenizer === true;
  const source = inputsSource === 'text' && !readsText ? 'seed' : inputsSource;
  const typed = source === 'text' ? text : literal;
  const valid =
    source === 'seed'
      ? seedValue !== undefined && shapes.every((shape) => shape !== undefined)
      : source === 'file'
        ? inputsFile !== ''
        : typed.trim() !== '';
  const submit = (event: Event) => {
    event.preventDefault();
    if (!valid || busy) return;
    act('runForward', {
      module: chosen.path,
      whole: chosen.whole,
      seed: seedValue ?? 0,
      // Shapes and seed of the form are not used where inputs are given, but they must be whole.
      shapes: source === 'seed' ? (shapes as number[][]) : chosen.inputs.map(({ shape }) => shape),
      source,
      typed,
      ...(value === '' || chosen.values === undefined ? {} : { values: [value] }),
    });
  };
  return (
    <form id="forward-form" class="forward-form" onSubmit={submit}>
      {choices.length > 1 && (
        <label htmlFor="forward-what">
          {t('model')}
          <Select
            id="forward-what"
            testId="forward-what"
            value={chosen.key}
            options={choices.map(({ key, text }) => [key, text])}
            onChange={setPicked}
          />
        </label>
      )}
      <Segmented
        label={t('Inputs')}
        options={[
          ['seed', t('Seed')],
          ['file', t('File…')],
          ['literal', t('Typed')],
          ...(readsText ? ([['text', t('Text')]] as const) : []),
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
          {fields.map(({ key, name, text, high }, i) => (
            <label key={key} title={high === undefined ? undefined : t('whole numbers from 0 to {0}', high - 1)}>
              {visible(name)}
              <input
                type="text"
                class="vscode-textfield shape"
                value={text}
                aria-invalid={shapes[i] === undefined}
                onInput={(event) => setTexts({ ...texts, [key]: event.currentTarget.value })}
              />
              {high !== undefined && <span aria-hidden="true">{t('< {0}', high)}</span>}
            </label>
          ))}
        </>
      )}
      {source === 'file' && (
        <Button class="link" onClick={() => act('pickInputs', {})}>
          {inputsFile === '' ? t('Choose a .npy, .npz or .pt file…') : visible(inputsFile)}
        </Button>
      )}
      {(source === 'literal' || source === 'text') && (
        <textarea
          class="vscode-textfield literal"
          rows={Math.min(4, Math.max(1, chosen.inputs.length))}
          placeholder={
            source === 'text'
              ? t('A text for tokenizer.json')
              : t('[[1, 2], [3, 4]], one input a line: {0}', chosen.inputs.map(({ name }) => name).join(', '))
          }
          aria-label={source === 'text' ? t('A text for tokenizer.json') : t('Typed inputs, one a line')}
          value={typed}
          onInput={(event) => setPage({ [source]: event.currentTarget.value })}
        />
      )}
      {chosen.values !== undefined && (
        <label title={t('A value of the graph to show after its outputs, by name')}>
          {t('value')}
          <input
            type="text"
            class="vscode-textfield shape"
            list="graph-values"
            data-testid="graph-value"
            value={value}
            onInput={(event) => setValue(event.currentTarget.value.trim())}
          />
          <datalist id="graph-values">
            {chosen.values.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </label>
      )}
      <IconButton
        type="submit"
        icon={forward === null ? 'play' : 'refresh'}
        label={t('Run')}
        disabled={!valid || busy}
        data-testid="form-run"
      />
    </form>
  );
}
