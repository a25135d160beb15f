import { formName } from '../../src/protocol/formNames';
import type { HealthDto, ModelSummaryDto, OverviewDto } from '../../src/protocol/modelDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { Treemap } from '../charts/Treemap';
import { bytes, count, significant, visible } from '../format';
import { engineMessage, engineText, plural, t } from '../l10n';
import { checkHealth, health, overview } from '../state/overview';
import { act } from '../state/store';
import { BreakEven } from './BreakEven';
import { Button } from './Button';
import { Coverage } from './Coverage';
import { Original } from './ErrorCard';
import { Icon } from './Icon';
import { QuantizeChoices } from './QuantizeChoices';
import { Title } from './Title';

interface Props {
  readonly state: ViewSnapshotDto;
  readonly model: ModelSummaryDto;
}

/** The file at a glance: where its bytes are, what quantizing does to them, what is odd about it, what its pickle names. */
export function Overview({ state, model }: Props) {
  const oddities = model.warnings.filter(({ code }) => code !== 'E_PICKLE_DANGEROUS');
  const metadata = Object.entries(model.metadata);
  const shown = overview.value;
  return (
    <div class="scroll" data-testid="overview">
      {shown !== null && shown.tiles.length > 0 && <Sizes overview={shown} model={model} />}
      <Prediction state={state} model={model} overview={shown} />
      <Coverage />
      <BreakEven state={state} model={model} />
      {oddities.length > 0 && (
        <section>
          <h2>{t('Warnings')}</h2>
          {oddities.map((warning) => (
            <div key={warning.code + warning.message}>
              <p>
                <Icon name="warning" kind="warning" /> {visible(engineMessage(warning))}{' '}
                <span class="muted code">{warning.code}</span>
              </p>
              <Original error={warning} />
            </div>
          ))}
        </section>
      )}
      <Health />
      {model.safety.globals.length > 0 && <Globals model={model} />}
      {metadata.length > 0 && (
        <section>
          <h2>{t('Metadata')}</h2>
          <table class="globals">
            <tbody>
              {metadata.map(([key, value]) => (
                <tr key={key}>
                  <th scope="row" class="mono">
                    {visible(key)}
                  </th>
                  <td>{visible(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}

function Sizes({ overview: shown, model }: { readonly overview: OverviewDto; readonly model: ModelSummaryDto }) {
  return (
    <section>
      <Title note={t('{0} of weights', bytes(model.tensorBytes))}>{t('Size by module')}</Title>
      <Treemap overview={shown} onPick={(id) => act('select', { id })} />
      <p class="legend">
        <span>
          <span class="mark tile" aria-hidden="true" /> {t('Quantize changes it')}
        </span>
        <span>
          <span class="mark tile stays" aria-hidden="true" /> {t('stays float32')}
        </span>
        {shown.dtypes.length > 1 && (
          <span class="muted">
            {shown.dtypes
              .slice(0, 4)
              .map(({ dtype, bytes: size }) => `${dtype} ${bytes(size)}`)
              .join(' · ')}
          </span>
        )}
      </p>
    </section>
  );
}

function Prediction({ state, model, overview: shown }: Props & { readonly overview: OverviewDto | null }) {
  const { quantized, spec } = state;
  const before = quantized?.bytes.before ?? model.bytes;
  const after = quantized?.bytes.after ?? shown?.predictedBytes;
  const nothing = shown !== null && shown.quantized.count === 0;
  const scheme = spec.perChannel ? t('per channel') : t('per tensor');
  return (
    <section>
      <Title note={[spec.engine, formName(spec.dtype), ...(spec.dtype === 'qint8' ? [scheme] : [])].join(', ')}>
        {quantized === null ? t('If you quantize now') : t('Size of the file')}
      </Title>
      <Bar label={quantized === null ? t('now') : t('before')} share={1} value={before} kind="float" />
      {after !== undefined && !nothing && (
        <Bar
          label={formName(spec.dtype)}
          share={after / before}
          value={after}
          kind="int8"
          note={after < before ? t('{0} times smaller', (before / after).toFixed(2)) : t('not smaller')}
        />
      )}
      {shown !== null && <Sentence overview={shown} done={quantized !== null} />}
      {shown !== null && <QuantizeChoices state={state} overview={shown} />}
    </section>
  );
}

/** Which modules become int8, and for each other kind why not. */
function Sentence({ overview: shown, done }: { readonly overview: OverviewDto; readonly done: boolean }) {
  const { quantized, skipped } = shown;
  const names = quantized.paths.slice(0, 4).map((path) => visible(path || '(root)'));
  const list = `${names.join(', ')}${quantized.count > names.length ? ', …' : ''}`;
  return (
    <p class="muted">
      <b>
        {done
          ? plural(quantized.count, '{0} module is quantized', '{0} modules are quantized', count(quantized.count))
          : plural(
              quantized.count,
              '{0} module would be quantized',
              '{0} modules would be quantized',
              count(quantized.count),
            )}
      </b>
      {quantized.count > 0 && `: ${list}`}.{' '}
      {skipped.slice(0, 4).map(({ type, reason, count: number, paths }) => (
        <span key={type + reason}>
          <b>{number === 1 ? visible(paths[0] || '(root)') : count(number)}</b>{' '}
          {plural(number, 'stays float32: {0} ({1}).', 'stay float32: {0} ({1}).', type, engineText(reason))}{' '}
        </span>
      ))}
    </p>
  );
}

function Bar(props: {
  readonly label: string;
  readonly share: number;
  readonly value: number;
  readonly kind: 'float' | 'int8';
  readonly note?: string;
}) {
  return (
    <div class="size-bar">
      <span class="muted">{props.label}</span>
      <span class="track">
        <span class={`fill ${props.kind}`} style={{ width: `${Math.max(1, Math.min(100, props.share * 100))}%` }} />
        {props.note !== undefined && <span class="muted">{props.note}</span>}
      </span>
      <span class="value" title={t('{0} bytes', count(props.value))}>
        {bytes(props.value)}
      </span>
    </div>
  );
}

function Health() {
  const found = health.value;
  const offer = found === null || found === 'stopped';
  return (
    <section data-testid="health">
      <Title note={found === 'reading' ? t('reading every value…') : offer ? '' : verdict(found)}>{t('Health')}</Title>
      {offer && (
        <Button class="link" onClick={checkHealth}>
          {t('Check every value')}
        </Button>
      )}
      {found === 'reading' && <div class="bone" />}
      {found !== 'reading' && !offer && <HealthTable health={found} />}
    </section>
  );
}

function verdict({ nan, inf, zeroRows, constantRows, unread }: HealthDto): string {
  return nan + inf + zeroRows + constantRows + unread.length === 0 ? t('no problem found') : '';
}

function HealthTable({ health: found }: { readonly health: HealthDto }) {
  const values = t('of {0} values', count(found.values));
  const rows = t('of {0} rows', count(found.rows));
  const lines: readonly (readonly [string, number, string])[] = [
    [t('NaN'), found.nan, values],
    [t('Infinity'), found.inf, values],
    [t('All-zero rows'), found.zeroRows, rows],
    [t('Constant rows'), found.constantRows, rows],
  ];
  return (
    <>
      <table class="health">
        <tbody>
          {lines.map(([name, value, of]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">
                {value > 0 && <Icon name="warning" kind="warning" />} {count(value)}
              </td>
              <td class="muted">{of}</td>
            </tr>
          ))}
          {found.largest !== null && (
            <tr>
              <th scope="row">{t('Largest |w|')}</th>
              <td class="number">{significant(found.largest.value, 4)}</td>
              <td class="muted">
                <TensorLink name={found.largest.name} />, {found.largest.sigmas.toFixed(1)} σ
              </td>
            </tr>
          )}
        </tbody>
      </table>
      {found.findings.slice(0, 8).map((finding) => (
        <p key={finding.name} class="muted">
          <Icon name="warning" kind="warning" /> <TensorLink name={finding.name} />:{' '}
          {[
            finding.nan > 0 ? t('{0} NaN', count(finding.nan)) : '',
            finding.inf > 0 ? t('{0} infinite', count(finding.inf)) : '',
            finding.zeroRows > 0 ? t('{0} of {1} rows all zero', count(finding.zeroRows), count(finding.rows)) : '',
            finding.constantRows > 0
              ? t('{0} of {1} rows constant', count(finding.constantRows), count(finding.rows))
              : '',
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
      ))}
      {found.unread.slice(0, 4).map((name) => (
        <p key={name} class="muted">
          <Icon name="warning" kind="warning" /> <TensorLink name={name} />: {t('its values cannot be read')}
        </p>
      ))}
    </>
  );
}

function TensorLink({ name }: { readonly name: string }) {
  return (
    <Button class="link" onClick={() => act('select', { id: `t:${name}` })}>
      {visible(name)}
    </Button>
  );
}

const maxGlobals = 200;

function Globals({ model }: { readonly model: ModelSummaryDto }) {
  const { globals } = model.safety;
  return (
    <section>
      <Title note={t('what the pickle names; nothing in the file was run')}>{t('Safety')}</Title>
      <table class="globals">
        <tbody>
          {globals.slice(0, maxGlobals).map(({ module, name, verdict: safe, reason, offset, use }) => (
            <tr key={`${module}.${name}.${offset}`}>
              <th scope="row" class="mono" title={t('byte {0} of the pickle', count(offset))}>
                {visible(`${module}.${name}`)}
              </th>
              <td>
                <Icon name={safe === 'safe' ? 'check' : 'warning'} kind={safe === 'safe' ? 'pass' : 'warning'} />{' '}
                {safe === 'safe'
                  ? t('allowed')
                  : safe === 'dangerous'
                    ? use === 'called'
                      ? t('would run code (called)')
                      : t('would run code (referenced)')
                    : t('unknown')}
                {safe !== 'safe' && <span class="muted reason">{visible(engineText(reason))}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {globals.length > maxGlobals && <p class="muted">{t('{0} more', count(globals.length - maxGlobals))}</p>}
    </section>
  );
}
