import type { ExplainedElementDto } from '../../src/protocol/forwardDto';
import { count, minus, significant } from '../format';
import { t } from '../l10n';
import { explained, explainFailure } from '../state/explain';
import { page, setPage } from '../state/store';
import { Fold } from './Button';
import { Heads } from './Title';

const shownTerms = 64;

/** One output number as the integers, the scaling and the bias that make it. */
export function ExplainPanel() {
  const { explainOpen } = page.value;
  return (
    <section data-testid="explain">
      <Fold open={explainOpen} onToggle={(open) => setPage({ explainOpen: open })}>
        {t('Explain one number')}
      </Fold>
      {explainOpen && <Explanation />}
    </section>
  );
}

function Explanation() {
  const found = explained.value;
  if (explainFailure.value !== '') return <p class="muted">{explainFailure.value}</p>;
  if (found === null) return <div class="bone" />;
  return (
    <>
      <div class="title-row tools">
        <Place label={t('row')} value={found.row} last={found.rows - 1} onChange={(row) => move({ row })} />
        <Place
          label={t('channel')}
          value={found.channel}
          last={found.channels - 1}
          onChange={(channel) => move({ channel })}
        />
        <span class="muted">{t('of {0} rows and {1} channels', count(found.rows), count(found.channels))}</span>
      </div>
      <Formula found={found} />
      <Terms found={found} />
    </>
  );
}

function move(change: Partial<{ row: number; channel: number }>): void {
  setPage({ explainAt: { ...page.value.explainAt, ...change } });
}

interface PlaceProps {
  readonly label: string;
  readonly value: number;
  readonly last: number;
  onChange(value: number): void;
}

function Place({ label, value, last, onChange }: PlaceProps) {
  return (
    <label>
      {label}{' '}
      <input
        type="number"
        class="vscode-textfield place"
        min={0}
        max={last}
        value={value}
        onChange={(event) => {
          const next = Number(event.currentTarget.value);
          if (Number.isInteger(next) && next >= 0 && next <= last) onChange(next);
        }}
      />
    </label>
  );
}

function Formula({ found }: { readonly found: ExplainedElementDto }) {
  const { accumulator, scale, weightScale, multiplier, bias, output, floatOutput, saturatedPairs, pairs, zeroPoint } =
    found;
  return (
    <table class="changes explain">
      <tbody>
        <Line
          name={t('Σ (code − {0}) · weight', zeroPoint)}
          value={minus(count(accumulator))}
          note={t('exact, in int32')}
        />
        <Line
          name={t('× {0} · {1}', significant(scale, 6), significant(weightScale, 6))}
          value={significant(accumulator * multiplier, 6)}
          note={t('scale of the input times scale of the weight')}
        />
        <Line
          name={t('+ bias')}
          value={bias === null ? '0' : significant(bias, 6)}
          note={bias === null ? t('none') : ''}
        />
        <Line name={t('int8 output')} value={significant(output, 6)} note="" strong />
        <Line
          name={t('float32 output')}
          value={significant(floatOutput, 6)}
          note={t('difference {0}', significant(output - floatOutput, 3))}
        />
        {saturatedPairs > 0 && (
          <Line
            name={t('16-bit pairs')}
            value={t('{0} of {1}', count(saturatedPairs), count(pairs))}
            note={t('would saturate on processors without VNNI')}
          />
        )}
      </tbody>
    </table>
  );
}

function Line(props: {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly strong?: boolean;
}) {
  return (
    <tr class={props.strong ? 'strong' : ''}>
      <th scope="row">{props.name}</th>
      <td>{props.value}</td>
      <td class="to-left muted">{props.note}</td>
    </tr>
  );
}

function Terms({ found }: { readonly found: ExplainedElementDto }) {
  const { terms, k, zeroPoint } = found;
  return (
    <div class="data-table" tabIndex={0} role="region" aria-label={t('Terms of the sum')}>
      <table>
        <Heads
          names={[
            t('index'),
            t('value'),
            t('code'),
            t('code − {0}', zeroPoint),
            t('weight'),
            t('int8 weight'),
            t('product'),
          ]}
        />
        <tbody>
          {terms.slice(0, shownTerms).map(({ index, value, code, floatWeight, weight, product }) => (
            <tr key={index}>
              <td>{index}</td>
              <td>{significant(value, 4)}</td>
              <td>{code}</td>
              <td>{minus(code - zeroPoint)}</td>
              <td>{significant(floatWeight, 4)}</td>
              <td>{minus(weight)}</td>
              <td>{minus(product)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {k > Math.min(terms.length, shownTerms) && (
        <p class="muted">{t('{0} more', count(k - Math.min(terms.length, shownTerms)))}</p>
      )}
    </div>
  );
}
