import type { ModelSummaryDto } from '../../src/protocol/dto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { bytes, count, visible } from '../format';
import { t } from '../l10n';
import { Icon } from './Icon';

interface Props {
  readonly state: ViewSnapshotDto;
  readonly model: ModelSummaryDto;
}

/** The file at a glance: what quantizing does to it, what is odd about it, what its pickle names. */
export function Overview({ state, model }: Props) {
  const oddities = model.warnings.filter(({ code }) => code !== 'E_PICKLE_DANGEROUS');
  const metadata = Object.entries(model.metadata);
  return (
    <div class="scroll">
      <Sizes state={state} model={model} />
      {oddities.length > 0 && (
        <section>
          <h2>{t('Warnings')}</h2>
          {oddities.map(({ code, message }) => (
            <p key={code + message}>
              <Icon name="warning" kind="warning" /> {visible(message)} <span class="muted code">{code}</span>
            </p>
          ))}
        </section>
      )}
      <section>
        <h2>
          {t('Safety')} <span class="muted">{t('what the pickle names; nothing in the file was run')}</span>
        </h2>
        <table class="globals">
          <tbody>
            {model.safety.globals.slice(0, 200).map(({ module, name, verdict, reason, offset, use }) => (
              <tr key={`${module}.${name}.${offset}`}>
                <td class="mono" title={t('byte {0} of the pickle', count(offset))}>
                  {visible(`${module}.${name}`)}
                </td>
                <td>
                  <Icon
                    name={verdict === 'safe' ? 'check' : 'warning'}
                    kind={verdict === 'safe' ? 'pass' : 'warning'}
                  />{' '}
                  {verdict === 'safe'
                    ? t('allowed')
                    : verdict === 'dangerous'
                      ? t('would run code ({0})', use)
                      : t('unknown')}
                  <span class="muted reason">{verdict === 'safe' ? '' : visible(reason)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {metadata.length > 0 && (
        <section>
          <h2>{t('Metadata')}</h2>
          <table class="globals">
            <tbody>
              {metadata.map(([key, value]) => (
                <tr key={key}>
                  <td class="mono">{visible(key)}</td>
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

function Sizes({ state, model }: Props) {
  const { quantized } = state;
  const before = quantized?.bytes.before ?? model.bytes;
  return (
    <section>
      <h2>
        {quantized === null ? t('If you quantize now') : t('Size of the file')}{' '}
        <span class="muted">
          {state.spec.engine}, int8, {state.spec.perChannel ? t('per channel') : t('per tensor')}
        </span>
      </h2>
      <Bar label={t('float32')} share={1} text={bytes(before)} exact={before} kind="float" />
      {quantized !== null && (
        <Bar
          label="int8"
          share={quantized.bytes.after / before}
          text={bytes(quantized.bytes.after)}
          exact={quantized.bytes.after}
          kind="int8"
          note={t('{0} times smaller', (before / quantized.bytes.after).toFixed(2))}
        />
      )}
      {quantized === null ? (
        <p class="muted">
          {model.quantizableCount === 0
            ? t('0 modules would be int8: none has a type that quantize_dynamic replaces.')
            : t(
                model.quantizableCount === 1 ? '{0} module would be int8.' : '{0} modules would be int8.',
                count(model.quantizableCount),
              )}
        </p>
      ) : (
        quantized.skipped.map(({ type, reason, count: number, paths }) => (
          <p key={type + reason} class="muted">
            <b>{visible(paths.slice(0, 4).join(', ') || '(root)')}</b>
            {number > 4 && t(' and {0} more', number - 4)} {t(number === 1 ? 'stays' : 'stay')} float32: {type} {reason}
          </p>
        ))
      )}
    </section>
  );
}

function Bar(props: {
  readonly label: string;
  readonly share: number;
  readonly text: string;
  readonly exact: number;
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
      <span class="value" title={`${count(props.exact)} bytes`}>
        {props.text}
      </span>
    </div>
  );
}
