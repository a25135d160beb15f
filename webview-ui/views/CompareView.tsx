import { useState } from 'preact/hooks';
import type { ComparedTensorDto, ComparisonDto } from '../../src/protocol/compareDto';
import { bytes, count, decibel, shape, shortName, significant, visible } from '../format';
import { engineText, t } from '../l10n';
import { act } from '../state/store';
import { Button } from './Button';
import { SqnrBar } from './Row';
import { Heads } from './Title';

const shownAtFirst = 200;

/** Two files tensor by tensor: what only one has, what has another shape, and the error of the rest. */
export function CompareView({ comparison }: { readonly comparison: ComparisonDto }) {
  const { before, after, counts, total, tensors } = comparison;
  const [limit, setLimit] = useState(shownAtFirst);
  const facts: readonly (readonly [string, number])[] = [
    [t('changed'), counts.changed],
    [t('equal'), counts.equal],
    [t('added'), counts.added],
    [t('removed'), counts.removed],
    [t('of another shape'), counts.reshaped],
    [t('unreadable'), counts.unread],
  ];
  return (
    <div class="scroll" data-testid="compare">
      <section>
        <h2 class="headline">{headline(comparison)}</h2>
        <p class="muted">
          <b>{visible(before.file)}</b> {engineText(before.label)}, {bytes(before.bytes)} → <b>{visible(after.file)}</b>{' '}
          {engineText(after.label)}, {bytes(after.bytes)}
        </p>
        <p>
          {facts
            .filter(([, value]) => value > 0)
            .map(([name, value]) => `${count(value)} ${name}`)
            .join(' · ')}
          {total !== null && ` · ${t('all compared values: {0} dB', decibel(total.sqnrDb))}`}
        </p>
      </section>
      {tensors.length > 0 && (
        <section class="across">
          <table class="changes compared">
            <Heads names={[t('Tensor'), t('Shape and type'), t('max |error|'), t('SQNR, dB')]} left={2} />
            <tbody>
              {tensors.slice(0, limit).map((tensor) => (
                <Compared key={tensor.name} tensor={tensor} />
              ))}
            </tbody>
          </table>
          {tensors.length > limit && (
            <Button class="link" onClick={() => setLimit(limit + 1000)}>
              {t('{0} more rows', count(tensors.length - limit))}
            </Button>
          )}
        </section>
      )}
    </div>
  );
}

function headline({ counts }: ComparisonDto): string {
  const missing = counts.added + counts.removed + counts.reshaped;
  if (missing + counts.changed + counts.unread === 0) return t('Every tensor is equal');
  if (missing === 0) return t('The same tensors, other values');
  return t('{0} tensors do not match by name and shape', count(missing));
}

function Compared({ tensor }: { readonly tensor: ComparedTensorDto }) {
  const { name, change, before, after, error } = tensor;
  const words = { added: t('added'), removed: t('removed'), reshaped: t('of another shape'), unread: t('unreadable') };
  return (
    <tr>
      <th scope="row">
        <Button class="link" title={visible(name)} onClick={() => act('select', { id: `t:${name}` })}>
          {shortName(name, 44)}
        </Button>
      </th>
      <td class="to-left">{sides(before, after)}</td>
      {error === null ? (
        <td colSpan={2}>{change === 'changed' || change === 'equal' ? '' : words[change]}</td>
      ) : (
        <>
          <td>{significant(error.maxAbsError, 4)}</td>
          <td class="with-bar">
            <SqnrBar value={error.sqnrDb} />
          </td>
        </>
      )}
    </tr>
  );
}

/** `256 × 64 float32 → qint8`: what both sides share is said once. */
function sides(before: ComparedTensorDto['before'], after: ComparedTensorDto['after']): string {
  if (before === null || after === null) return sideText(before ?? after);
  if (shape(before.shape) !== shape(after.shape)) return `${sideText(before)} → ${sideText(after)}`;
  const dtypes = before.dtype === after.dtype ? before.dtype : `${before.dtype} → ${after.dtype}`;
  return `${shape(before.shape)} ${dtypes}`;
}

function sideText(side: ComparedTensorDto['before']): string {
  return side === null ? '' : `${shape(side.shape)} ${side.dtype}`;
}
