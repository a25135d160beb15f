import type { ModelSummaryDto } from '../../src/protocol/modelDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { shortName, visible } from '../format';
import { engineText, plural, t } from '../l10n';
import { act, page, setPage } from '../state/store';
import { Button, Fold } from './Button';
import { Icon } from './Icon';

const maxLines = 400;

/** What was quantized and what was not, then print(model), with a small diff after Quantize. */
export function ReprPanel({ state, model }: { readonly state: ViewSnapshotDto; readonly model: ModelSummaryDto }) {
  const { quantized } = state;
  const open = page.value.reprOpen;
  return (
    <div class="below-tree">
      {quantized !== null && (
        <p class="coverage" role="status" data-testid="coverage">
          <Icon name="info" />{' '}
          <b>
            {plural(
              quantized.quantizedCount,
              '{0} module quantized',
              '{0} modules quantized',
              quantized.quantizedCount,
            )}
          </b>
          <span class="muted">{skippedText(quantized.skipped)}</span> <AddSkipped state={state} />
        </p>
      )}
      <div class="section-head">
        <Fold open={open} onToggle={(reprOpen) => setPage({ reprOpen })}>
          print(model)
        </Fold>
        {quantized !== null ? (
          <Button class="link" onClick={() => act('command', { name: 'showReprDiff' })}>
            {t('Open in diff editor')}
          </Button>
        ) : (
          model.reprInferred && <span class="muted">{t('types inferred from names and shapes')}</span>
        )}
      </div>
      {open && (
        <Listing
          before={quantized?.repr.before ?? model.repr}
          after={quantized?.repr.after}
          leftOut={model.reprLeftOut ?? 0}
        />
      )}
    </div>
  );
}

/** One click from "stays float32" to what can be done about it. */
function AddSkipped({ state }: { readonly state: ViewSnapshotDto }) {
  const group = state.quantized?.skipped.find(({ takes }) => takes !== undefined);
  if (group?.takes === undefined) return null;
  const { type, count, takes, paths, reason } = group;
  const [path] = paths;
  const unticked = reason === 'excluded';
  // Ticks are of modules, not of types: of several that are unticked the first is offered.
  const one = path !== '' && (count === 1 || unticked);
  const add = () => {
    if (unticked) return act('tick', { path, ticked: true });
    const { overrides = [] } = state.spec;
    const own = { target: one ? path : type, qconfig: takes };
    // Types before modules: the last that fits decides.
    act('quantize', { overrides: one ? [...overrides, own] : [own, ...overrides] });
  };
  return (
    <Button class="link" data-testid="add-skipped" disabled={state.busy !== null} onClick={add}>
      {one ? t('Add {0}', shortName(path, 28)) : t('Add all {0}', visible(type))}
    </Button>
  );
}

function skippedText(skipped: NonNullable<ViewSnapshotDto['quantized']>['skipped']): string {
  return skipped
    .map(
      ({ type, reason, count }) =>
        ` · ${plural(count, '{0} stays float32: {1} {2}', '{0} stay float32: {1} {2}', count, type, engineText(reason))}`,
    )
    .join('');
}

/** Quantizing replaces modules in place, so the two texts have the same lines. */
function Listing({
  before,
  after,
  leftOut,
}: {
  readonly before: string;
  readonly after: string | undefined;
  readonly leftOut: number;
}) {
  const lines = before.split('\n');
  const changed = after?.split('\n') ?? lines;
  const shown = lines.slice(0, maxLines);
  // A text that leaves lines out has one that says so.
  const more = lines.length - maxLines + Math.max(0, leftOut - 1);
  return (
    <div class="repr" tabIndex={0} role="region" aria-label="print(model)">
      {shown.map((line, i) =>
        line === changed[i] ? (
          <div key={i} class="repr-line">
            {visible(line)}
          </div>
        ) : (
          <div key={i}>
            <div class="repr-line removed">{visible(line)}</div>
            <div class="repr-line added">{visible(changed[i] ?? '')}</div>
          </div>
        ),
      )}
      {more > 0 && <div class="muted">{t('{0} more lines', more)}</div>}
    </div>
  );
}
