import type { SensitivityDto, SensitivityLayerDto } from '../../src/protocol/answersDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { bytes, decibel, shortName, visible } from '../format';
import { t } from '../l10n';
import { chosenLayers } from '../state/sensitivity';
import { act, page } from '../state/store';
import { Button, IconButton } from './Button';
import { percentText } from './ErrorView';
import { Icon } from './Icon';
import { Title } from './Title';

/** The axis of the bars, in percent. */
const lowest = 0.001;

function share(percent: number, highest: number): number {
  if (percent <= lowest) return 0.02;
  return Math.max(0.02, Math.min(1, Math.log10(percent / lowest) / Math.log10(highest / lowest)));
}

/** Layers by the error that each makes alone, with the target across all rows. */
export function ErrorTable({ found, state }: { readonly found: SensitivityDto; readonly state: ViewSnapshotDto }) {
  const highest = Math.max(10, ...found.layers.map(({ percent }) => percent));
  const target = 100 * share(page.value.targetPercent, highest);
  return (
    <div class="error-table">
      <div class="title-row error-head">
        <Title note={t('one forward pass per layer')}>
          {found.scope === 'model'
            ? t('Layers by the output error each one adds')
            : t('Layers by the error of their own output')}
        </Title>
        <span class="spacer" />
        <IconButton
          icon="refresh"
          label={t('Measure Again')}
          disabled={state.busy !== null}
          onClick={() => act('measureSensitivity', {})}
        />
      </div>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <td />
              <th scope="col" class="to-left">
                {t('Layer')}
              </th>
              <th scope="col">{t('Saves')}</th>
              <th scope="col" class="to-left">
                {t('Output error, log')}
              </th>
              <td />
              <th scope="col">dB</th>
            </tr>
          </thead>
          <tbody>
            {found.layers.map((layer) => (
              <Line key={layer.path} layer={layer} state={state} highest={highest} target={target} />
            ))}
          </tbody>
        </table>
        <p class="muted target-note">{t('dashed line: the target, {0}', percentText(page.value.targetPercent))}</p>
      </div>
    </div>
  );
}

interface LineProps {
  readonly layer: SensitivityLayerDto;
  readonly state: ViewSnapshotDto;
  readonly highest: number;
  /** Percent of the bar's width. */
  readonly target: number;
}

function Line({ layer, state, highest, target }: LineProps) {
  const { path, percent, sqnrDb, bytes: size } = layer;
  const ticked = chosenLayers.value?.has(path) ?? !state.spec.exclude.includes(path);
  const beyond = percent > page.value.targetPercent;
  const name = visible(path || '(root)');
  return (
    <tr class={state.selection === `m:${path}` ? 'selected' : ''}>
      <td>
        <Button
          class="tick"
          role="checkbox"
          aria-checked={ticked}
          aria-label={t('Quantize {0}', name)}
          disabled={state.busy !== null}
          onClick={() => act('tick', { path, ticked: !ticked })}
        >
          {ticked && <Icon name="check" />}
        </Button>
      </td>
      <th scope="row">
        <Button class="plain-button" title={name} onClick={() => act('select', { id: `m:${path}` })}>
          {shortName(name, 42)}
        </Button>
      </th>
      <td>{bytes(size.before - size.after)}</td>
      <td class="error-bar">
        <span
          class={beyond ? 'fill int8 beyond' : 'fill int8 solid'}
          style={{ width: `${100 * share(percent, highest)}%` }}
          aria-hidden="true"
        />
        <span class="target-line" style={{ left: `${target}%` }} aria-hidden="true" />
      </td>
      <td>{percentText(percent)}</td>
      <td>{decibel(sqnrDb)}</td>
    </tr>
  );
}
