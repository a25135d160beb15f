import type { ErrorDto } from '../../src/protocol/dto';
import { count, visible } from '../format';
import { engineMessage, isTranslated, t } from '../l10n';
import { act } from '../state/store';
import { Button } from './Button';
import { Icon } from './Icon';

/** What is wrong, where, and what to do. */
export function ErrorCard({ error, file }: { readonly error: ErrorDto; readonly file: string }) {
  const { where, sound } = error;
  const places: readonly (readonly [string, string | undefined])[] = [
    [t('File'), file],
    [t('Record'), where?.entry],
    [t('Byte'), where?.offset === undefined ? undefined : count(where.offset)],
    [t('Tensor'), where?.tensor],
    [t('Field'), where?.field],
    [t('Found'), error.found],
    [t('Expected'), error.expected],
  ];
  const details = JSON.stringify({ file, ...error }, null, 2);
  return (
    <main class="state-page" data-testid="error-card">
      <div class="card">
        <h1>
          <Icon name="error" kind="error" /> {headline(error)}
        </h1>
        <p>{visible(engineMessage(error))}</p>
        <dl>
          {places.map(
            ([name, value]) =>
              value !== undefined && (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{visible(value)}</dd>
                </div>
              ),
          )}
        </dl>
        <Original error={error} />
        {error.hint !== undefined && !isTranslated(error) && <p>{visible(error.hint)}</p>}
        {sound !== undefined && (
          <>
            <PartBar part={sound.values} total={sound.tensors} />
            <p>
              {t(
                'Names and shapes of {0} tensors can be read all the same, and the values of {1} of them.',
                count(sound.tensors),
                count(sound.values),
              )}
            </p>
          </>
        )}
        <p class="buttons">
          {sound !== undefined && (
            <Button class="vscode-button" data-testid="open-sound" onClick={() => act('reload', { damaged: true })}>
              {t('Open What Is There')}
            </Button>
          )}
          <Button
            class={sound === undefined ? 'vscode-button' : 'vscode-button secondary'}
            onClick={() => act('reload', {})}
          >
            <Icon name="refresh" /> {t('Try Again')}
          </Button>
          <Button class="link" onClick={() => act('copy', { text: details })}>
            {t('Copy details')}
          </Button>
          <span class="muted code">{error.code}</span>
        </p>
      </div>
    </main>
  );
}

/** How much of a damaged file can be read. */
export function PartBar({ part, total }: { readonly part: number; readonly total: number }) {
  return (
    <div class="records" aria-hidden="true">
      <span style={{ width: `${(100 * part) / Math.max(1, total)}%` }} />
    </div>
  );
}

/** The engine's own words with the details, where a shorter sentence stands above them. */
export function Original({
  error,
}: {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}) {
  if (!isTranslated(error)) return null;
  return (
    <p class="muted" lang="en">
      {visible([error.message, error.hint].filter(Boolean).join(' '))}
    </p>
  );
}

function headline({ code, kind }: ErrorDto): string {
  if (code === 'E_ZIP_TRUNCATED') return t('The file is cut off');
  const headlines = {
    malformed: t('The file cannot be read'),
    unsupported: t('This file is not supported yet'),
    io: t('The file could not be opened'),
    invalid: t('That did not work'),
    aborted: t('Cancelled'),
    internal: t('Something went wrong in Quantscope'),
  };
  return headlines[kind];
}

export function EmptyState() {
  return (
    <main class="state-page">
      <div class="card centered">
        <h1>{t('No model is open')}</h1>
        <p class="muted">
          {t(
            'Click a model file in the Explorer: .pt, .safetensors, .onnx and others. Files are read, never run, and never changed.',
          )}
        </p>
        <p class="buttons">
          <Button class="vscode-button" onClick={() => act('command', { name: 'openModel' })}>
            {t('Open Model…')}
          </Button>
          <Button class="vscode-button secondary" onClick={() => act('command', { name: 'createRecipeModel' })}>
            {t("Start with the Recipe's LSTM")}
          </Button>
        </p>
      </div>
    </main>
  );
}
