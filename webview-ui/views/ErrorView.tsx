import type { SensitivityDto } from '../../src/protocol/answersDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { ChannelErrors } from '../charts/ChannelErrors';
import { CurveChart } from '../charts/CurveChart';
import { bytes, decibel, shortName, significant, visible } from '../format';
import { plural, t } from '../l10n';
import { channelErrors } from '../state/explain';
import { currentPoint, errorOf, suggested } from '../state/sensitivity';
import { act, page, setPage } from '../state/store';
import { Button } from './Button';
import { ErrorTable } from './ErrorTable';
import { Icon } from './Icon';
import { Title } from './Title';

/** Which layers hurt, what leaving them in float costs, and the whole trade of size against error. */
export function ErrorView({ state, table = false }: { readonly state: ViewSnapshotDto; readonly table?: boolean }) {
  const { sensitivity: found, quantized } = state;
  if (quantized === null)
    return <p class="pad muted">{t('Quantize first: the error is that of the quantized model.')}</p>;
  if (found === null) {
    return (
      <div class="pad">
        <p class="muted">
          {t('Each layer is quantized alone and the output compared with float32: one forward pass per layer.')}
        </p>
        <Button class="vscode-button" disabled={state.busy !== null} onClick={() => act('measureSensitivity', {})}>
          {t('Measure Each Layer')}
        </Button>
      </div>
    );
  }
  if (found.layers.length === 0) return <p class="pad muted">{t('No module is quantized, so there is no error.')}</p>;
  return (
    <div class="scroll" data-testid="error-view">
      <Headline found={found} state={state} />
      <Target />
      {table && <ErrorTable found={found} state={state} />}
      <Channels />
      <section>
        <Title note={t('each point leaves one layer more in float32, worst first')}>{t('Size against error')}</Title>
        <CurveChart found={found} onApply={(n) => keepFirst(found, n)} />
        <p class="muted">{t('Enter or a click on a point ticks exactly its layers; Ctrl+Z takes that back.')}</p>
        {found.scope === 'layer' && (
          <p class="muted">
            <Icon name="info" /> {t('Each layer was run by itself on random input: {0}.', t(found.reason))}
          </p>
        )}
      </section>
    </div>
  );
}

/** Which rows of the selected weight carry its error. */
function Channels() {
  const error = channelErrors.value;
  if (error === null) return null;
  return (
    <section data-testid="channel-errors">
      <Title title={visible(error.name)} note={shortName(error.name, 44)}>
        {t('Error of each row')}
      </Title>
      <ChannelErrors error={error} />
      <p class="muted">
        {t(
          'The whole weight: {0} dB, RMSE {1}, largest {2}.',
          decibel(error.sqnrDb, 2),
          significant(error.rmse, 4),
          significant(error.maxAbsError, 4),
        )}
      </p>
    </section>
  );
}

function keepFirst({ curve }: SensitivityDto, n: number): void {
  act('keepFloat', { paths: curve[n].keep });
}

function Headline({ found, state }: { readonly found: SensitivityDto; readonly state: ViewSnapshotDto }) {
  // Where only float32 alone reaches the target, the worst layer is what to look at first.
  const all = found.layers.length;
  const least = suggested(found);
  const n = least === all ? 1 : least;
  const noise = found.layers.map(({ percent }) => percent ** 2);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const share = sum(noise) === 0 ? 0 : (100 * sum(noise.slice(0, n))) / sum(noise);
  const reached = errorOf(found, n) <= page.value.targetPercent;
  const keep = found.curve[n].keep;
  const applied = currentPoint(found) === n;
  return (
    <section>
      {n === 0 ? (
        <>
          <h2 class="headline">{t('The target is met with every layer quantized')}</h2>
          <p class="muted">{t('The output error is {0}.', percentText(errorOf(found, 0)))}</p>
        </>
      ) : (
        <>
          <h2 class="headline">
            {n === 1
              ? t('Layer {0} makes {1} % of the error', shortName(keep[0] || '(root)', 40), share.toFixed(0))
              : t('{0} layers make {1} % of the error', n, share.toFixed(0))}
          </h2>
          <p class="muted">
            {t('Left in float32:')}{' '}
            <b>
              {keep
                .slice(0, 4)
                .map((path) => visible(path || '(root)'))
                .join(', ')}
            </b>
            {keep.length > 4 && ` ${t('and {0} more', keep.length - 4)}`}.{' '}
            {t(
              'That costs {0} and takes the output error from {1} to {2}.',
              bytes(found.curve[n].bytes - found.curve[0].bytes),
              percentText(errorOf(found, 0)),
              percentText(errorOf(found, n)),
            )}{' '}
            {!reached && t('The target is not reached even so.')}
          </p>
        </>
      )}
      <p class="buttons">
        {!applied && (
          <Button
            class="vscode-button"
            data-testid="apply-suggestion"
            disabled={state.busy !== null}
            onClick={() => keepFirst(found, n)}
          >
            <Icon name="check" /> {n === 0 ? t('Tick All') : plural(n, 'Untick This One', 'Untick These {0}', n)}
          </Button>
        )}
        <Button class="vscode-button secondary" onClick={() => act('command', { name: 'copyAsPython' })}>
          {t('Copy as Python')}
        </Button>
      </p>
    </section>
  );
}

/** Small shares keep two digits, tiny ones say only that they are. */
export function percentText(percent: number): string {
  if (percent === 0) return '0 %';
  if (percent < 0.001) return '< 0.001 %';
  return `${Number(percent.toPrecision(percent >= 1 ? 3 : 2))} %`;
}

/** A logarithmic slider: hundredths of a decade from 0.001 % to 10 %. */
function Target() {
  const { targetPercent } = page.value;
  const value = Math.round(100 * (Math.log10(targetPercent) + 3));
  return (
    <section>
      <div class="title-row">
        <h2 id="target-label">{t('Output error I can accept')}</h2>
        <span class="spacer" />
        <b>{percentText(targetPercent)}</b>
      </div>
      <input
        type="range"
        class="target-slider"
        min={0}
        max={400}
        step={10}
        value={value}
        style={{ '--at': `${value / 4}%` }}
        aria-labelledby="target-label"
        aria-valuetext={percentText(targetPercent)}
        onInput={(event) => setPage({ targetPercent: 10 ** (Number(event.currentTarget.value) / 100 - 3) })}
      />
      <div class="target-ticks" aria-hidden="true">
        {['0.001 %', '0.01 %', '0.1 %', '1 %', '10 %'].map((text, i) => (
          <span key={text} style={{ left: `${25 * i}%` }}>
            {text}
          </span>
        ))}
      </div>
    </section>
  );
}
