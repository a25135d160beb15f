import type { ProgressUnit } from '../core/progress';
import { formatBytes } from '../core/text';

/** One line: `37 % of 2.1 GB, 12 s left  layers.4`. */
export function progressText(
  done: number,
  total: number,
  what: string,
  unit: ProgressUnit | undefined,
  secondsLeft: number | null,
): string {
  if (total <= 0) return what;
  const share = `${Math.floor((100 * done) / total)} %`;
  const size = unit === 'bytes' ? ` of ${formatBytes(total)}` : '';
  const time = secondsLeft === null ? '' : `, ${timeText(secondsLeft)} left`;
  return `${share}${size}${time}  ${what}`;
}

function timeText(seconds: number): string {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
