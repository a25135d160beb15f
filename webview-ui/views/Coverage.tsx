import type { CoverageRowDto } from '../../src/protocol/answersDto';
import { bytes, count, shortName, visible } from '../format';
import { engineText, t } from '../l10n';
import { coverage } from '../state/overview';
import { act, page, setPage } from '../state/store';
import { Button, Fold } from './Button';
import { Icon } from './Icon';
import { Heads } from './Title';

const shownAtFirst = 300;

/** Every module, quantized or not, and why. */
export function Coverage() {
  const open = page.value.coverageOpen;
  const found = coverage.value;
  return (
    <section data-testid="module-coverage">
      <div class="title-row">
        <Fold open={open} testId="coverage-fold" onToggle={(coverageOpen) => setPage({ coverageOpen })}>
          {t('Every module')}
        </Fold>
        {found !== null && (
          <span class="muted small-text">
            {t('{0} % of the parameters become int8 or half', (100 * found.share).toFixed(1))}
          </span>
        )}
      </div>
      {open && found !== null && (
        <div class="across">
          <table class="changes">
            <Heads names={[t('Module'), t('Result'), t('Size')]} left={2} />
            <tbody>
              {found.rows
                .filter(({ status }) => status !== 'container')
                .slice(0, shownAtFirst)
                .map((row) => (
                  <Line key={row.path} row={row} />
                ))}
            </tbody>
          </table>
          {found.quantized + found.float > shownAtFirst && (
            <p class="muted">{t('{0} more rows', count(found.quantized + found.float - shownAtFirst))}</p>
          )}
        </div>
      )}
    </section>
  );
}

function Line({ row }: { readonly row: CoverageRowDto }) {
  const { path, type, status, reason, bytes: size } = row;
  const name = path || '(root)';
  return (
    <tr>
      <th scope="row">
        <Button class="link" title={visible(name)} onClick={() => act('select', { id: `m:${path}` })}>
          {shortName(name, 32)}
        </Button>{' '}
        <span class="muted">{visible(type)}</span>
      </th>
      <td class="to-left">
        {status === 'quantized' ? (
          <>
            <Icon name="check" kind="pass" /> {t('quantized')}
          </>
        ) : (
          t('stays float32')
        )}
        {reason !== '' && <span class="muted reason">{visible(engineText(reason))}</span>}
      </td>
      <td title={t('{0} bytes', count(size.before))}>
        {size.before === size.after ? (
          bytes(size.before)
        ) : (
          <>
            <span class="muted">{bytes(size.before)} → </span>
            {bytes(size.after)}
          </>
        )}
      </td>
    </tr>
  );
}
