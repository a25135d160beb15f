import type { TensorDetailDto, TensorQuantizationDto } from '../../src/protocol/dto';
import { ChannelScales } from '../charts/ChannelScales';
import { CodeSteps } from '../charts/CodeSteps';
import { WeightHistogram } from '../charts/WeightHistogram';
import { count, decibel, shape, significant, visible } from '../format';
import { t } from '../l10n';
import { detail, detailError } from '../state/detail';
import { page, setPage } from '../state/store';
import { Legend, Segmented } from './Segmented';

/** One tensor: its values, the scale int8 gives it, and the error that costs. */
export function WeightsView() {
  const tensor = detail.value;
  if (tensor === null) return <p class="pad muted">{detailError.value || t('Reading the values…')}</p>;
  const { quantization } = tensor;
  return (
    <div class="scroll" data-testid="weights">
      <section class="tensor-head">
        <div class="title-row">
          <span class="tensor-name" data-testid="tensor-name">
            {visible(tensor.name)}
          </span>
          <span class="muted">{shape(tensor.shape)}</span>
          <span class="spacer" />
          {quantization !== null && (
            <Segmented
              label={t('Granularity')}
              options={[
                ['per_tensor', t('Per tensor')],
                ['per_channel', t('Per channel')],
              ]}
              value={page.value.scheme}
              onChange={(scheme) => setPage({ scheme })}
            />
          )}
        </div>
        {quantization === null ? (
          <p class="muted">{t('Stays {0}: {1}.', tensor.dtype, tensor.stays)}</p>
        ) : (
          <ScaleLine quantization={quantization} />
        )}
      </section>
      <section>
        <div class="title-row">
          <h2>
            {t('Values')} <span class="muted">{count(tensor.count)}</span>
          </h2>
          <span class="spacer" />
          {quantization !== null && <Legend kinds={['float', 'int8']} />}
          <Segmented
            label={t('Count axis')}
            options={[
              ['linear', t('Linear')],
              ['log', t('Log')],
            ]}
            value={page.value.histogramLog ? 'log' : 'linear'}
            onChange={(value) => setPage({ histogramLog: value === 'log' })}
          />
        </div>
        <WeightHistogram tensor={tensor} log={page.value.histogramLog} height={190} />
        {quantization !== null && <CodeSteps quantization={quantization} />}
        {quantization !== null && quantization.scheme === 'per_channel' && (
          <ChannelScales quantization={quantization} />
        )}
      </section>
      <Figures tensor={tensor} />
    </div>
  );
}

function ScaleLine({ quantization }: { readonly quantization: TensorQuantizationDto }) {
  const { scales, zeroPoint, scheme, formula, perTensorScale } = quantization;
  const perTensor = scheme === 'per_tensor';
  const low = Math.min(...scales);
  const high = Math.max(...scales);
  return (
    <div class="scale-line">
      {perTensor ? (
        <span class="big" data-testid="scale-value" title={String(scales[0])}>
          {significant(scales[0], 5)}
        </span>
      ) : (
        <span class="big" data-testid="scale-value" title={t('per tensor: {0}', perTensorScale)}>
          {significant(low, 4)} – {significant(high, 4)}
        </span>
      )}
      <span class="muted">{perTensor ? t('scale') : t('{0} scales', scales.length)}</span>
      <span class="big" data-testid="zero-point">
        {zeroPoint}
      </span>
      <span class="muted">{t('zero point')}</span>
      <span class="spacer" />
      <span class="muted">= {formula}</span>
    </div>
  );
}

function Figures({ tensor }: { readonly tensor: TensorDetailDto }) {
  const { quantization: q } = tensor;
  const rows: readonly (readonly [string, number, number | undefined])[] = [
    ['min', tensor.min, q?.dequantized.min],
    ['max', tensor.max, q?.dequantized.max],
    ['mean', tensor.mean, q?.dequantized.mean],
    ['std', tensor.std, q?.dequantized.std],
  ];
  const errors: readonly (readonly [string, string])[] =
    q === null
      ? [
          ['NaN', count(tensor.nan)],
          ['infinite', count(tensor.inf)],
          ['1st percentile', significant(tensor.p01, 4)],
          ['99th percentile', significant(tensor.p99, 4)],
        ]
      : [
          ['SQNR', `${decibel(q.sqnrDb)} dB`],
          ['RMSE', significant(q.rmse, 4)],
          ['max |error|', significant(q.maxAbsError, 4)],
          ['codes used', `${q.codesUsed} of 256`],
          ['at −128 or 127', count(q.atLimits)],
        ];
  return (
    <section class="figures">
      <table>
        <thead>
          <tr>
            <td />
            <th scope="col">{tensor.dtype}</th>
            {q !== null && <th scope="col">int8 × scale</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, float, int8]) => (
            <tr key={name}>
              <th scope="row">{t(name)}</th>
              <td>{significant(float, 5)}</td>
              {int8 !== undefined && <td>{significant(int8, 5)}</td>}
            </tr>
          ))}
          <tr>
            <th scope="row">{t('zeros')}</th>
            <td>{count(tensor.zeros)}</td>
            {q !== null && <td>{count(q.dequantized.zeros)}</td>}
          </tr>
        </tbody>
      </table>
      <table>
        <thead>
          <tr>
            <th scope="col" class="left">
              {q === null ? t('values') : t('error')}
            </th>
            <td />
          </tr>
        </thead>
        <tbody>
          {errors.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{t(name)}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
