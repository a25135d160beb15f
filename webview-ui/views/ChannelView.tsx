import type { TensorDetailDto, TensorQuantizationDto } from '../../src/protocol/tensorDto';
import { ChannelScales, rowName } from '../charts/ChannelScales';
import { bytes, decibel, significant } from '../format';
import { t } from '../l10n';
import { perTensorDetail } from '../state/detail';
import { weightError } from '../state/explain';
import { goToElement } from '../state/values';
import { Button } from './Button';
import { Heads, Title } from './Title';

interface Props {
  readonly tensor: TensorDetailDto;
  readonly quantization: TensorQuantizationDto;
}

/** max |w| over scale, as the symmetric observer chooses it. */
const codesOfMaximum = 127.5;

/** What one scale a row would change, and which rows have the most to gain. */
export function ChannelView({ tensor, quantization }: Props) {
  const { scales, perTensorScale } = quantization;
  const smallest = Math.min(...scales);
  const spread = perTensorScale === 0 ? 0 : 100 * (1 - smallest / perTensorScale);
  return (
    <>
      <section>
        <Title note={t('bars hang from the per-tensor scale; longer = more to gain')}>{t('Scale of each row')}</Title>
        <ChannelScales quantization={quantization} onPick={(row) => goToElement(row, 0)} />
      </section>
      <section>
        <h2>{t('What per channel would change')}</h2>
        <Changes tensor={tensor} quantization={quantization} />
        <p class="muted">
          {spread < 25
            ? t(
                'Little to gain: the scales of the rows differ by at most {0} %. Per channel pays when a few rows are far larger than the rest.',
                spread.toFixed(1),
              )
            : t('The smallest row would get a scale {0} times finer.', (perTensorScale / smallest).toFixed(1))}
        </p>
      </section>
      <Outliers tensor={tensor} quantization={quantization} />
    </>
  );
}

function Changes({ tensor, quantization }: Props) {
  const whole = perTensorDetail.value?.name === tensor.name ? perTensorDetail.value.quantization : null;
  const rows = quantization.scales.length;
  const extra = rows * 8 + rows * 8;
  const lines: readonly (readonly [string, string, string, string])[] = [
    [
      'SQNR',
      whole === null ? '…' : `${whole.sqnrDb.toFixed(2)} dB`,
      `${quantization.sqnrDb.toFixed(2)} dB`,
      whole === null ? '' : signed(quantization.sqnrDb - whole.sqnrDb, 2),
    ],
    [
      'RMSE',
      whole === null ? '…' : significant(whole.rmse, 4),
      significant(quantization.rmse, 4),
      whole === null ? '' : `${signed(100 * (quantization.rmse / whole.rmse - 1), 1)} %`,
    ],
    [
      t('max |error|'),
      whole === null ? '…' : significant(whole.maxAbsError, 4),
      significant(quantization.maxAbsError, 4),
      whole === null ? '' : `${signed(100 * (quantization.maxAbsError / whole.maxAbsError - 1), 1)} %`,
    ],
    [t('scales and zero points'), bytes(16), bytes(extra), `+${bytes(extra - 16)}`],
  ];
  return (
    <table class="changes">
      <Heads names={['', t('per tensor'), t('per channel'), t('change')]} />
      <tbody>
        {lines.map(([name, before, after, change]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{before}</td>
            <td>{after}</td>
            <td>{change}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function signed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '';
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;
}

const shownRows = 8;

/** The rows farthest from the rest on both sides: the small ones gain, the large ones set the per-tensor scale. */
function Outliers({ tensor, quantization }: Props) {
  const errors = weightError.value?.name === tensor.name ? weightError.value.channels.sqnrDb : undefined;
  const { scales, gates, sqnrDb } = quantization;
  const order = scales.map((_, i) => i).sort((a, b) => scales[a] - scales[b]);
  const ranked =
    order.length <= shownRows ? order : [...order.slice(0, shownRows / 2), ...order.slice(-shownRows / 2).reverse()];
  return (
    <section>
      <Title note={t('of {0} rows, SQNR of all {1} dB', scales.length, decibel(sqnrDb))}>
        {t('Smallest and largest scales')}
      </Title>
      <table class="changes">
        <Heads names={[t('row'), t('max |w|'), t('scale'), t('SQNR per tensor')]} left={1} />
        <tbody>
          {ranked.map((row) => (
            <tr key={row}>
              <th scope="row">
                <Button class="link" onClick={() => goToElement(row, 0)}>
                  {rowName(gates, row, scales.length)}
                </Button>
              </th>
              <td>{significant(scales[row] * codesOfMaximum, 6)}</td>
              <td title={String(scales[row])}>{significant(scales[row], 5)}</td>
              <td>{errors === undefined ? '…' : `${decibel(errors[row])} dB`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
