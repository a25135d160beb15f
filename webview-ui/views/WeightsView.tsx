import type { TensorDetailDto, TensorQuantizationDto } from '../../src/protocol/tensorDto';
import { CodeSteps } from '../charts/CodeSteps';
import { WeightHistogram } from '../charts/WeightHistogram';
import { count, shape, significant, visible } from '../format';
import { engineText, t } from '../l10n';
import { detail, detailError } from '../state/detail';
import { act, page, setPage } from '../state/store';
import { Button } from './Button';
import { ChannelView } from './ChannelView';
import { Figures } from './Figures';
import { Heatmap } from './Heatmap';
import { SaveMenu } from './SaveMenu';
import { AxisChoice, Legend, Segmented } from './Segmented';
import { Title } from './Title';
import { ValuesTable } from './ValuesTable';

/** One tensor: its values, the scale int8 gives it, and the error that costs. */
export function WeightsView() {
  const tensor = detail.value;
  if (tensor === null) return <p class="pad muted">{detailError.value || t('Reading the values…')}</p>;
  const { quantization } = tensor;
  const perChannel = quantization?.scheme === 'per_channel';
  return (
    <div class="scroll" data-testid="weights">
      <section class="tensor-head">
        <div class="title-row">
          <Button
            class="tensor-name"
            data-testid="tensor-name"
            title={t('Go to another module or tensor')}
            onClick={() => act('command', { name: 'goToModule' })}
          >
            {visible(tensor.name)}
          </Button>
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
          <SaveTensor tensor={tensor} />
        </div>
        {quantization === null ? <StaysLine tensor={tensor} /> : <ScaleLine quantization={quantization} />}
      </section>
      {quantization !== null && perChannel && <ChannelView tensor={tensor} quantization={quantization} />}
      <Values tensor={tensor} />
      <Figures tensor={tensor} />
    </div>
  );
}

/** Its values, and what int8 makes of them or made before. */
function SaveTensor({ tensor: { name, dtype, stored, quantization } }: { readonly tensor: TensorDetailDto }) {
  const save = (values: 'own' | 'codes' | 'dequantized') => () =>
    act('saveTensor', { name, scheme: page.value.scheme, values });
  const items = [
    ...(stored === null ? [{ text: t('{0} values', dtype), run: save('own') }] : []),
    ...((stored ?? quantization)
      ? [
          { text: t('{0} codes', 'int8'), run: save('codes') },
          { text: t('Dequantized values'), run: save('dequantized') },
        ]
      : []),
  ];
  return <SaveMenu items={items} testId="save-tensor" />;
}

/** Why a tensor is not quantized, or that what int8 does is still being measured. */
export function StaysLine({ tensor }: { readonly tensor: TensorDetailDto }) {
  const { dtype, stays } = tensor;
  const text = stays === '' ? t('Measuring int8…') : t('Stays {0}: {1}.', dtype, engineText(stays));
  return <p class="muted">{text}</p>;
}

function Values({ tensor }: { readonly tensor: TensorDetailDto }) {
  const { quantization } = tensor;
  const { weightsMode, histogramLog } = page.value;
  return (
    <section>
      <div class="title-row">
        <Title note={count(tensor.count)}>{t('Values')}</Title>
        <Segmented
          label={t('Show values as')}
          options={[
            ['histogram', t('Histogram'), 'graph'],
            ['heatmap', t('Heatmap'), 'symbol-color'],
            ['table', t('Table'), 'table'],
          ]}
          value={weightsMode}
          onChange={(mode) => setPage({ weightsMode: mode })}
        />
        <span class="spacer" />
        {weightsMode === 'histogram' && (
          <>
            {quantization !== null && <Legend kinds={['float', 'int8']} />}
            <AxisChoice label={t('Count axis')} log={histogramLog} onChange={(log) => setPage({ histogramLog: log })} />
          </>
        )}
      </div>
      {weightsMode === 'histogram' && (
        <>
          <WeightHistogram tensor={tensor} log={histogramLog} height={190} />
          {quantization !== null && <CodeSteps quantization={quantization} />}
        </>
      )}
      {weightsMode === 'heatmap' && <Heatmap tensor={tensor} />}
      {weightsMode === 'table' && <ValuesTable tensor={tensor} />}
    </section>
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
        <span class="big" data-testid="scale-value" title={t('per tensor {0}', perTensorScale)}>
          {significant(low, 4)} – {significant(high, 4)}
        </span>
      )}
      <span class="muted">{perTensor ? t('scale') : t('{0} scales', scales.length)}</span>
      <span class="big" data-testid="zero-point">
        {zeroPoint}
      </span>
      <span class="muted">{t('zero point')}</span>
      <span class="spacer" />
      <span class="muted">= {engineText(formula)}</span>
    </div>
  );
}
