import type { ComponentChildren } from 'preact';
import type { EngineName, Verdict } from '../../src/protocol/dto';
import type { ModelSummaryDto } from '../../src/protocol/modelDto';
import type { QuantizeSpecDto } from '../../src/protocol/quantizeDto';
import type { ViewCommand, ViewSnapshotDto } from '../../src/protocol/viewApi';
import { bytes, count, decibel, visible } from '../format';
import { engineText, t } from '../l10n';
import { act } from '../state/store';
import { Button } from './Button';
import { Icon } from './Icon';
import { Menu } from './Menu';

interface Props {
  readonly state: ViewSnapshotDto;
  readonly model: ModelSummaryDto;
}

/** What the file is and what it is now; one primary button: Quantize before, Run Forward after. */
export function Header({ state, model }: Props) {
  const { busy, quantized } = state;
  const amount = busy?.unit === 'bytes' ? bytes : count;
  return (
    <>
      {busy !== null && <Progress busy={busy} />}
      <header class="header">
        <div class="facts">
          <div class="title">
            <h1 data-testid="file-name">{visible(state.file)}</h1>{' '}
            <span class="muted">
              {quantized === null
                ? engineText(model.label)
                : t('quantized with {0}, not saved', model.code === 'onnx' ? 'ONNX Runtime' : quantized.engine)}
            </span>
          </div>
          {/* A fact that does not fit goes away whole; only a warning may take a second line. */}
          <div class={model.safety.verdict === 'safe' ? 'line' : 'line wraps'}>
            {quantized === null ? <FloatFacts model={model} /> : <QuantizedFacts state={state} model={model} />}
          </div>
        </div>
        <Actions state={state} model={model} />
      </header>
      {busy !== null && (
        <div class="busy" role="status">
          <span>
            {busy.what}
            {busy.total > 0 && ` · ${t('{0} of {1}', amount(busy.done), amount(busy.total))}`}
            {busy.secondsLeft !== null && ` · ${timeLeft(busy.secondsLeft)}`}
          </span>
          <Button class="vscode-button secondary" data-testid="cancel" onClick={() => act('cancel', {})}>
            {t('Cancel')} <kbd>Esc</kbd>
          </Button>
        </div>
      )}
    </>
  );
}

function timeLeft(seconds: number): string {
  return seconds < 90 ? t('{0} s left', seconds) : t('{0} min left', Math.round(seconds / 60));
}

function Progress({ busy }: { readonly busy: NonNullable<ViewSnapshotDto['busy']> }) {
  const known = busy.total > 0;
  return (
    <div
      class={known ? 'progress' : 'progress indeterminate'}
      role="progressbar"
      aria-label={busy.what}
      aria-valuemin={0}
      aria-valuemax={known ? busy.total : undefined}
      aria-valuenow={known ? busy.done : undefined}
    >
      {known && <div class="bar" style={{ width: `${(100 * busy.done) / busy.total}%` }} />}
    </div>
  );
}

function FloatFacts({ model }: { readonly model: ModelSummaryDto }) {
  return (
    <>
      <b title={t('{0} bytes', count(model.bytes))}>{bytes(model.bytes)}</b>
      <Fact>
        <b>{t('{0} parameters', count(model.parameters))}</b>
      </Fact>
      <Fact>
        <b>{model.dtype}</b>
      </Fact>
      <Fact>
        <Safety verdict={model.safety.verdict} />
      </Fact>
      {model.safety.verdict === 'safe' && <Fact>{t('{0} globals, none runs code', model.safety.globals.length)}</Fact>}
    </>
  );
}

function QuantizedFacts({ state, model }: Props) {
  const { quantized, forward, forwardStale } = state;
  if (quantized === null) return null;
  const { before, after } = quantized.bytes;
  // What comes out says more than the weights do, once it is known.
  const whole = forward?.module === '' || quantized.quantizedCount === 1;
  const output = forward !== null && !forwardStale && whole;
  const smaller = before / after;
  return (
    <>
      <span>
        <span title={t('{0} bytes', count(before))}>{bytes(before)}</span> →{' '}
        <b title={t('{0} bytes', count(after))}>{bytes(after)}</b>
      </span>
      <Fact>
        <b>{smaller > 1 ? t('{0} times smaller', smaller.toFixed(2)) : t('not smaller')}</b>
      </Fact>
      {quantized.quantizedCount > 0 && (
        <Fact>
          <b>
            {output
              ? t('output at {0} dB', decibel(forward.accuracy.sqnrDb))
              : t('weights at {0} dB', decibel(quantized.sqnrDb))}
          </b>
        </Fact>
      )}
      <Fact>
        <Safety verdict={model.safety.verdict} />
      </Fact>
    </>
  );
}

function Fact({ children }: { readonly children: ComponentChildren }) {
  return (
    <span>
      {' · '}
      {children}
    </span>
  );
}

function verdictOf(verdict: Verdict): { icon: string; kind: 'pass' | 'warning'; text: string } {
  if (verdict === 'safe') return { icon: 'pass', kind: 'pass', text: t('Safe') };
  if (verdict === 'dangerous') return { icon: 'warning', kind: 'warning', text: t('Runs code when loaded') };
  if (verdict === 'suspicious') return { icon: 'warning', kind: 'warning', text: t('Suspicious') };
  return { icon: 'question', kind: 'warning', text: t('Names unknown code') };
}

export function Safety({ verdict }: { readonly verdict: Verdict }) {
  const { icon, kind, text } = verdictOf(verdict);
  return (
    <span class={`verdict verdict-${kind}`}>
      <Icon name={icon} kind={kind} /> {text}
    </span>
  );
}

function Actions({ state, model }: Props) {
  const quantized = state.quantized !== null;
  const idle = state.busy === null;
  return (
    <div class="actions">
      <div class="split">
        <Button
          class={quantized ? 'vscode-button secondary' : 'vscode-button'}
          data-testid="quantize"
          disabled={!idle}
          onClick={() => act('quantize', {})}
        >
          <Icon name="symbol-numeric" /> {quantized ? t('Quantize Again') : t('Quantize')}
        </Button>
        <EngineMenu state={state} secondary={quantized} disabled={!idle} />
      </div>
      <Button
        class={quantized ? 'vscode-button' : 'vscode-button secondary'}
        data-testid="run-forward"
        disabled={!idle}
        onClick={() => runForward(state)}
      >
        <Icon name="play" /> {t('Run Forward…')}
      </Button>
      <Button
        class="vscode-button secondary export"
        data-testid="export"
        disabled={!idle}
        onClick={() => act('command', { name: 'exportModel' })}
      >
        <Icon name="export" /> {t('Export…')}
      </Button>
      <Overflow state={state} model={model} />
    </div>
  );
}

/** Runs what the form says; before there is one, the host knows what to run or asks. */
function runForward({ tab }: ViewSnapshotDto): void {
  const form = document.getElementById('forward-form');
  if (tab === 'forward' && form instanceof HTMLFormElement) form.requestSubmit();
  else act('startForward', {});
}

function engines(): readonly (readonly [EngineName, string])[] {
  return [
    ['fbgemm', t('PyTorch on x86; activations keep 7 bits')],
    ['x86', t('PyTorch on x86 by its newer name; the same as fbgemm')],
    ['onednn', t('PyTorch with oneDNN; activations keep 7 bits')],
    ['qnnpack', t('PyTorch on ARM; activations use 8 bits')],
  ];
}

function dtypes(): readonly (readonly [QuantizeSpecDto['dtype'], string, string])[] {
  return [
    ['qint8', 'int8', t('weights of Linear, LSTM, GRU and cells as bytes')],
    ['float16', 'float16', t('the same modules in half precision')],
    ['quint8', 'quint8', t('embeddings, 8 bits and a scale a row')],
    ['quint4x2', 'quint4x2', t('embedding bags, 4 bits and a scale a row')],
  ];
}

function EngineMenu({
  state,
  secondary,
  disabled,
}: {
  readonly state: ViewSnapshotDto;
  readonly secondary: boolean;
  readonly disabled: boolean;
}) {
  const { engine, dtype, perChannel, halfStorage = false } = state.spec;
  return (
    <Menu
      label={t('Engine: {0}', engine)}
      class={secondary ? 'vscode-button secondary' : 'vscode-button'}
      testId="engine-menu"
      disabled={disabled}
      items={[
        ...engines().map(([name, text]) => ({
          text: name,
          detail: text,
          radio: true,
          checked: engine === name,
          run: () => act('setSpec', { engine: name }),
        })),
        ...dtypes().map(([name, text, detail], i) => ({
          text,
          detail,
          radio: true,
          checked: dtype === name,
          separator: i === 0,
          testId: `dtype-${name}`,
          run: () => act('setSpec', { dtype: name }),
        })),
        {
          text: t('Per channel'),
          detail: t('one scale for each output channel'),
          checked: perChannel,
          disabled: dtype !== 'qint8',
          separator: true,
          run: () => act('setSpec', { perChannel: !perChannel }),
        },
        {
          text: t('Keep half precision in the file'),
          detail: t('PyTorch’s own float16 file is no smaller'),
          checked: halfStorage,
          disabled: dtype !== 'float16',
          run: () => act('setSpec', { halfStorage: !halfStorage }),
        },
        {
          text: t('By type and module…'),
          separator: true,
          testId: 'by-type',
          run: () => act('showTab', { tab: 'overview' }),
        },
      ]}
    >
      {dtype === 'qint8' ? engine : `${engine} ${dtype}`} <Icon name="chevron-down" />
    </Menu>
  );
}

function Overflow({ state, model }: Props) {
  const command = (name: ViewCommand) => () => act('command', { name });
  return (
    <Menu
      label={t('More actions')}
      class="icon-button"
      testId="overflow"
      items={[
        { text: t('Undo'), disabled: !state.canUndo, run: () => act('undo', {}), testId: 'undo' },
        { text: t('Export…'), disabled: state.busy !== null, run: command('exportModel') },
        { text: t('Copy as Python'), run: command('copyAsPython') },
        { text: t('Export Report…'), run: command('exportReport') },
        { text: t('Compare with Another File…'), run: command('compareFiles'), separator: true },
        { text: t('Show Module Repr Diff'), disabled: state.quantized === null, run: command('showReprDiff') },
        ...(model.format.includes('script') || model.label.startsWith('TorchScript')
          ? [{ text: t('Open Source…'), run: command('openSource') }]
          : []),
        { text: t('Go to Module…'), run: command('goToModule') },
        { text: t('Reload from Disk'), run: () => act('reload', {}), separator: true },
      ]}
    >
      <Icon name="ellipsis" />
    </Menu>
  );
}
