import type { ForwardResultDto } from '../../src/protocol/forwardDto';
import { OutputChart } from '../charts/OutputChart';
import { significant } from '../format';
import { engineText, t } from '../l10n';
import { currentProduct } from '../state/detail';
import { currentOutput, outputImage, outputSeries } from '../state/outputs';
import { act, page, setPage } from '../state/store';
import { LayerChoice, Picture } from './Heatmap';
import { Icon } from './Icon';
import { Menu } from './Menu';
import { Legend, Segmented } from './Segmented';
import { Select } from './Select';
import { Title } from './Title';

/** The outputs of both models, as lines or as a picture, and the way to a file. */
export function Outputs({ forward, busy }: { readonly forward: ForwardResultDto; readonly busy: boolean }) {
  const { outputMode, outputLayer } = page.value;
  const output = currentOutput(forward);
  const series = outputSeries.value;
  const { float } = forward.outputs[output];
  const { form } = forward;
  return (
    <section data-testid="outputs">
      <div class="title-row">
        <Title note={outputMode === 'lines' && series !== null ? engineText(series.label) : float.shape.join(' × ')}>
          {t('Outputs')}
        </Title>
        <span class="spacer" />
        {outputMode === 'lines' && <Legend kinds={['float', 'int8', 'difference']} form={form} />}
      </div>
      <div class="title-row tools">
        {forward.outputs.length > 1 && (
          <Select
            label={t('Output')}
            testId="output-choice"
            value={String(output)}
            options={forward.outputs.map(({ float: each }, i) => [String(i), `${each.name} ${each.shape.join(' × ')}`])}
            onChange={(value) => setPage({ output: Number(value) })}
          />
        )}
        <Segmented
          label={t('Show outputs as')}
          options={[
            ['lines', t('Lines')],
            ['heatmap', t('Heatmap')],
          ]}
          value={outputMode}
          onChange={(mode) => setPage({ outputMode: mode })}
        />
        {outputMode === 'heatmap' && (
          <LayerChoice
            int8={form}
            error={t('Difference')}
            value={outputLayer}
            onChange={(layer) => setPage({ outputLayer: layer })}
          />
        )}
        <span class="spacer" />
        <SaveOutputs forward={forward} form={form} busy={busy} />
      </div>
      {outputMode === 'heatmap' ? (
        <Image name={float.name} />
      ) : series === null ? (
        <div class="bone" />
      ) : (
        <OutputChart series={series} form={form} />
      )}
      {output > 0 && (
        <p class="muted">
          {t(
            'mean |x| {0} in float32, {1} in {2}',
            significant(float.meanAbs, 4),
            significant(forward.outputs[output].quantized.meanAbs, 4),
            form,
          )}
        </p>
      )}
    </section>
  );
}

function Image({ name }: { readonly name: string }) {
  const image = outputImage.value;
  if (image === null) return <div class="bone" />;
  if (image.cells.length === 0) return <p class="muted">{t('This output has no values.')}</p>;
  // The quantized model's output is float again.
  return <Picture image={image} layer={page.value.outputLayer} name={name} codes={false} />;
}

interface SaveProps {
  readonly forward: ForwardResultDto;
  readonly form: string;
  readonly busy: boolean;
}

/** Outputs of one model or both, or what the chosen product saw. */
function SaveOutputs({ forward, form, busy }: SaveProps) {
  const product = currentProduct();
  const one = currentOutput(forward);
  const { name } = forward.outputs[one].float;
  const outputs = (which: 'float' | 'int8' | 'both', output?: number) => () =>
    act('saveForward', { kind: 'outputs', which, output });
  return (
    <Menu
      label={t('Save outputs…')}
      class="vscode-button secondary small"
      testId="save-outputs"
      disabled={busy}
      items={[
        { text: t('{0} outputs', 'float32'), run: outputs('float') },
        { text: t('{0} outputs', form), run: outputs('int8'), testId: 'save-int8' },
        { text: t('Outputs of both'), run: outputs('both') },
        ...(forward.outputs.length > 1
          ? [
              { text: t('Only {0}, {1}', name, 'float32'), run: outputs('float', one) },
              { text: t('Only {0}, {1}', name, form), run: outputs('int8', one) },
            ]
          : []),
        ...(product === undefined
          ? []
          : [
              {
                text: t('Activations of {0}', product.weight),
                detail: t('values, codes, scale and zero point of every step'),
                run: () => act('saveForward', { kind: 'activation', module: product.module, weight: product.weight }),
              },
            ]),
      ]}
    >
      <Icon name="save" /> {t('Save outputs…')}
    </Menu>
  );
}
