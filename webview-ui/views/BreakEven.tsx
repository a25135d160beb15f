import { useState } from 'preact/hooks';
import type { BreakEvenDto } from '../../src/protocol/answersDto';
import type { ModelSummaryDto } from '../../src/protocol/modelDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { BreakEvenChart } from '../charts/BreakEvenChart';
import { count, shortName, visible } from '../format';
import { t } from '../l10n';
import { act } from '../state/store';
import { Button } from './Button';
import { Select } from './Select';
import { Title } from './Title';

/** Types whose size has a curve. */
const scalable = new Set(['Linear', 'LSTM', 'GRU', 'RNN']);

/** From which size on int8 is faster here; measured when somebody asks. */
export function BreakEven({ state, model }: { readonly state: ViewSnapshotDto; readonly model: ModelSummaryDto }) {
  const layers = model.runnable.filter(({ type }) => scalable.has(type));
  const [chosen, setChosen] = useState('');
  const found = state.breakEven;
  if (layers.length === 0) return null;
  const module = layers.find(({ path }) => path === (chosen || found?.module)) ?? layers[0];
  return (
    <section data-testid="break-even">
      <Title note={t('latency over the size of a layer, on this machine')}>{t('When int8 pays')}</Title>
      <div class="title-row tools">
        {layers.length > 1 && (
          <Select
            label={t('Layer')}
            value={module.path}
            options={layers
              .slice(0, 200)
              .map(({ path, type }) => [path, `${shortName(path || '(root)', 40)} ${visible(type)}`])}
            onChange={setChosen}
          />
        )}
        <Button
          class="vscode-button secondary"
          data-testid="measure-break-even"
          disabled={state.busy !== null}
          onClick={() => act('measureBreakEven', { module: module.path })}
        >
          {found === null ? t('Measure Sizes') : t('Measure Again')}
        </Button>
      </div>
      {found !== null && (
        <>
          <p>{sentence(found)}</p>
          <BreakEvenChart found={found} />
        </>
      )}
    </section>
  );
}

function sentence({ points, breakEvenParameters, moduleType }: BreakEvenDto): string {
  const own = points.find((point) => point.own);
  const here =
    own === undefined
      ? ''
      : own.ratio >= 1
        ? t('{0}: int8 is {1} times faster here.', own.label, own.ratio.toFixed(1))
        : t('{0}: int8 is {1} times slower here.', own.label, (1 / own.ratio).toFixed(1));
  const rest =
    breakEvenParameters !== null
      ? t('{0} breaks even at about {1} parameters.', moduleType, count(Math.round(breakEvenParameters)))
      : points.every(({ ratio }) => ratio >= 1)
        ? t('int8 is faster at every size measured.')
        : t('int8 is slower at every size measured.');
  return `${here} ${rest}`.trim();
}
