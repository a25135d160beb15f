import { useState } from 'preact/hooks';
import type { TensorDetailDto, ValuesPageDto } from '../../src/protocol/tensorDto';
import { count, minus, significant } from '../format';
import { t } from '../l10n';
import { page, setPage } from '../state/store';
import { goToElement, pageColumns, pageRows, valuesPage } from '../state/values';
import { IconButton } from './Button';
import { LayerChoice } from './Heatmap';

/** Sixteen rows and five columns at a time; never the whole tensor. */
export function ValuesTable({ tensor }: { readonly tensor: TensorDetailDto }) {
  const shown = valuesPage.value;
  const { row, column } = page.value.element;
  if (shown === null) return <div class="bone" />;
  const move = (rows: number, columns: number) =>
    goToElement(
      Math.max(0, Math.min(Math.max(0, shown.totalRows - 1), row + rows)),
      Math.max(0, Math.min(Math.max(0, shown.totalColumns - 1), column + columns)),
    );
  const keys = (event: KeyboardEvent) => {
    const moves: Record<string, readonly [number, number]> = {
      PageDown: [pageRows, 0],
      PageUp: [-pageRows, 0],
      ArrowDown: [1, 0],
      ArrowUp: [-1, 0],
      ArrowRight: [0, 1],
      ArrowLeft: [0, -1],
    };
    const next = moves[event.key];
    if (next === undefined) return;
    event.preventDefault();
    move(...next);
  };
  return (
    <>
      <div class="title-row tools">
        {tensor.quantization !== null && <LayerChoice />}
        <GoTo shown={shown} />
        <span class="spacer" />
        <IconButton
          icon="arrow-up"
          label={t('Previous rows')}
          disabled={row === 0}
          onClick={() => move(-pageRows, 0)}
        />
        <IconButton
          icon="arrow-down"
          label={t('Next rows')}
          disabled={row + pageRows >= shown.totalRows}
          onClick={() => move(pageRows, 0)}
        />
        <IconButton
          icon="arrow-left"
          label={t('Previous columns')}
          disabled={column === 0}
          onClick={() => move(0, -pageColumns)}
        />
        <IconButton
          icon="arrow-right"
          label={t('Next columns')}
          disabled={column + pageColumns >= shown.totalColumns}
          onClick={() => move(0, pageColumns)}
        />
      </div>
      <div
        class="data-table values"
        tabIndex={0}
        role="region"
        aria-label={t('Values of {0}', tensor.name)}
        data-testid="values-table"
        onKeyDown={keys}
      >
        <table>
          <thead>
            <tr>
              <td />
              {Array.from({ length: shown.columns }, (_, c) => (
                <th key={c} scope="col">
                  {count(shown.column + c)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: shown.rows }, (_, r) => (
              <tr key={r}>
                <th scope="row">{count(shown.row + r)}</th>
                {Array.from({ length: shown.columns }, (_, c) => (
                  <Cell key={c} shown={shown} row={r} column={c} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Cell({
  shown,
  row,
  column,
}: {
  readonly shown: ValuesPageDto;
  readonly row: number;
  readonly column: number;
}) {
  const at = row * shown.columns + column;
  const float = shown.float[at];
  const code = shown.codes?.[at];
  const scale = shown.scales?.[row] ?? 0;
  const { layer } = page.value;
  const error = code === undefined ? 0 : Math.fround(code * scale) - float;
  const text =
    layer === 'float' || code === undefined
      ? significant(float, 4)
      : layer === 'int8'
        ? minus(code)
        : significant(error, 2);
  const title =
    code === undefined
      ? String(float)
      : `float32 ${float}\nint8 ${code} × ${scale} = ${Math.fround(code * scale)}\n${t('error')} ${error}`;
  return <td title={title}>{text}</td>;
}

/** `12, 3` or `[12, 3]`; undefined when it is no place in the matrix. */
function parseElement(
  text: string,
  { totalRows, totalColumns }: ValuesPageDto,
): { row: number; column: number } | undefined {
  const match = /^\s*\[?\s*(\d{1,12})\s*(?:[,\s]\s*(\d{1,12}))?\s*\]?\s*$/.exec(text);
  if (match === null) return undefined;
  const single = match[2] === undefined && totalRows === 1;
  const row = single ? 0 : Number(match[1]);
  const column = single ? Number(match[1]) : Number(match[2] ?? 0);
  return row < totalRows && column < totalColumns ? { row, column } : undefined;
}

function GoTo({ shown }: { readonly shown: ValuesPageDto }) {
  const [text, setText] = useState('');
  const wrong = text !== '' && parseElement(text, shown) === undefined;
  const submit = (event: Event) => {
    event.preventDefault();
    const place = parseElement(text, shown);
    if (place !== undefined) setPage({ element: place });
  };
  return (
    <form class="go-to" onSubmit={submit}>
      <label>
        {t('Go to Element')}{' '}
        <input
          type="text"
          class="vscode-textfield"
          data-testid="go-to-element"
          placeholder={t('row, column')}
          value={text}
          aria-invalid={wrong}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
    </form>
  );
}
