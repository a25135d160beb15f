import type { TensorDetailDto } from '../../src/protocol/tensorDto';
import { count, decibel, fixed, significant } from '../format';
import { t } from '../l10n';
import { Heads } from './Title';

/** The numbers below the charts: float beside what int8 stands for, and the error between them. */
export function Figures({ tensor }: { readonly tensor: TensorDetailDto }) {
  const { quantization: q } = tensor;
  const rows: readonly (readonly [string, number, number | undefined])[] = [
    [t('min'), tensor.min, q?.dequantized.min],
    [t('max'), tensor.max, q?.dequantized.max],
    [t('mean'), tensor.mean, q?.dequantized.mean],
    [t('std'), tensor.std, q?.dequantized.std],
  ];
  const decimals = decimalsFor(Math.max(Math.abs(tensor.min), Math.abs(tensor.max)));
  const errors: readonly (readonly [string, string])[] =
    q === null
      ? [
          [t('NaN'), count(tensor.nan)],
          [t('Infinity'), count(tensor.inf)],
          [t('1st percentile'), fixed(tensor.p01, decimals)],
          [t('99th percentile'), fixed(tensor.p99, decimals)],
        ]
      : [
          ['SQNR', `${decibel(q.sqnrDb, 2)} dB`],
          ['RMSE', significant(q.rmse, 4)],
          [t('max |error|'), significant(q.maxAbsError, 4)],
          [t('codes used'), t('{0} of {1}', q.codesUsed, 256)],
          [t('at −128 or 127'), count(q.atLimits)],
        ];
  return (
    <section class="figures">
      <table>
        <Heads names={['', tensor.dtype, ...(q === null ? [] : ['int8 × scale'])]} />
        <tbody>
          {rows.map(([name, float, int8]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td title={String(float)}>{fixed(float, decimals)}</td>
              {int8 !== undefined && <td title={String(int8)}>{fixed(int8, decimals)}</td>}
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
        <Heads names={[q === null ? t('values') : t('error'), '']} left={1} />
        <tbody>
          {errors.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Six significant digits of the largest value; the whole column has the same decimals. */
function decimalsFor(largest: number): number {
  if (!Number.isFinite(largest) || largest === 0) return 6;
  return Math.max(0, Math.min(12, 5 - Math.floor(Math.log10(largest))));
}
