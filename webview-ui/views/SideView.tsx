import type { ComponentChild } from 'preact';
import { WeightHistogram } from '../charts/WeightHistogram';
import { decibel, shape, shortName, significant } from '../format';
import { engineMessage, t } from '../l10n';
import { detail, detailError } from '../state/detail';
import { act, snapshot } from '../state/store';
import { Button } from './Button';
import { SqnrBar } from './Row';
import { Legend } from './Segmented';
import { FiguresList } from './Title';
import { StaysLine } from './WeightsView';

/** The side bar's inspector: the selected tensor in brief. */
export function SideView() {
  const state = snapshot.value;
  if (state === null || state.phase === 'empty')
    return <p class="side muted">{t('Select a module or tensor of an open model.')}</p>;
  if (state.phase === 'failed') return <p class="side">{state.error === null ? '' : engineMessage(state.error)}</p>;
  const tensor = detail.value;
  if (tensor === null) return <p class="side muted">{detailError.value || t('Reading the values…')}</p>;
  const { quantization: q } = tensor;
  const figures: readonly (readonly [string, ComponentChild])[] =
    q === null
      ? [
          [t('min'), significant(tensor.min, 5)],
          [t('max'), significant(tensor.max, 5)],
          [t('mean'), significant(tensor.mean, 4)],
          [t('std'), significant(tensor.std, 4)],
        ]
      : [
          [
            t('scale'),
            <span key="scale">
              <span data-testid="scale-value">{significant(q.scales[0], 5)}</span>{' '}
              <span class="muted">{t('per tensor')}</span>
            </span>,
          ],
          [t('zero point'), String(q.zeroPoint)],
          [
            'SQNR',
            <span key="sqnr" class="sqnr">
              {decibel(q.sqnrDb)} dB <SqnrBar value={q.sqnrDb} />
            </span>,
          ],
          [t('max |error|'), significant(q.maxAbsError, 4)],
        ];
  return (
    <main class="side">
      <div class="title-row">
        <h1 data-testid="tensor-name" title={tensor.name}>
          {shortName(tensor.name, 30)}
        </h1>
        <span class="spacer" />
        <span class="muted">{shape(tensor.shape)}</span>
      </div>
      <WeightHistogram tensor={tensor} log={false} height={92} bare />
      {q !== null && <Legend kinds={['float', 'int8']} />}
      <FiguresList figures={figures} />
      {q === null && <StaysLine tensor={tensor} />}
      <Button class="link" onClick={() => act('command', { name: 'revealEditor' })}>
        {t('Open in Editor')}
      </Button>
    </main>
  );
}
