import type { OverviewDto } from '../../src/protocol/modelDto';
import type { QConfigNameDto, QConfigOverrideDto } from '../../src/protocol/quantizeDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { count, shortName, visible } from '../format';
import { t } from '../l10n';
import { detail } from '../state/detail';
import { act } from '../state/store';
import { Icon } from './Icon';

/** `base` follows the dtype and granularity of the engine menu. */
type Choice = QConfigNameDto | 'base' | 'float';

type Takes = OverviewDto['types'][number]['takes'];

function options(takes: Takes): readonly (readonly [Choice, string])[] {
  const ends = [
    ['base', t('as the engine menu says')],
    ['float', t('leave float32')],
  ] as const;
  return takes === 'product'
    ? [
        ends[0],
        ['default_dynamic', t('int8, per tensor')],
        ['per_channel_dynamic', t('int8, per channel')],
        ['float16_dynamic', 'float16'],
        ends[1],
      ]
    : [
        ends[0],
        ['float_qparams', t('8 bits, a scale a row')],
        ['float_qparams_4bit', t('4 bits, a scale a row')],
        ends[1],
      ];
}

/** The last override of a target, as the planner takes it. */
function chosen(overrides: readonly QConfigOverrideDto[], target: string): Choice {
  const found = overrides.filter((each) => each.target === target).at(-1);
  return found === undefined ? 'base' : (found.qconfig ?? 'float');
}

/** The qconfig_spec as a table: what each type of module becomes, and single modules that differ. */
export function QuantizeChoices({
  state,
  overview,
}: {
  readonly state: ViewSnapshotDto;
  readonly overview: OverviewDto;
}) {
  const { overrides = [], exclude } = state.spec;
  const types = new Map(overview.types.map((each) => [each.type, each]));
  if (types.size === 0) return null;
  // Unticked modules stand in the tree; here are only those that a person gave a form.
  const named = overrides.filter(
    ({ target, qconfig }) => !types.has(target) && !(qconfig === null && exclude.includes(target)),
  );
  const selected = state.selection === null ? undefined : detail.value;
  const offered = selected !== null && selected !== undefined ? types.get(selected.moduleType) : undefined;
  const path = selected?.module ?? '';
  const set = (target: string, choice: Choice) => {
    const others = overrides.filter((each) => each.target !== target);
    const own = choice === 'base' ? [] : [{ target, qconfig: choice === 'float' ? null : choice }];
    // Types before modules: the last that fits decides.
    act('setSpec', { overrides: types.has(target) ? [...own, ...others] : [...others, ...own] });
  };
  return (
    <table class="choices" data-testid="choices">
      <caption>{t('What each type becomes')}</caption>
      <tbody>
        {[...types.values()].map(({ type, takes, count: number }) => (
          <Line
            key={type}
            name={type}
            note={`× ${count(number)}`}
            takes={takes}
            value={chosen(overrides, type)}
            onChange={(choice) => set(type, choice)}
          />
        ))}
        {named.map(({ target }) => (
          <Line
            key={target}
            name={target}
            note={t('only this module')}
            takes={takesOf(named, target)}
            value={chosen(overrides, target)}
            onChange={(choice) => set(target, choice)}
            onRemove={() => set(target, 'base')}
          />
        ))}
        {offered !== undefined && path !== '' && !named.some(({ target }) => target === path) && (
          <Line
            key={`selected ${path}`}
            name={path}
            note={t('only this module')}
            takes={offered.takes}
            value="base"
            onChange={(choice) => set(path, choice)}
          />
        )}
      </tbody>
    </table>
  );
}

function takesOf(overrides: readonly QConfigOverrideDto[], target: string): Takes {
  return chosen(overrides, target).startsWith('float_qparams') ? 'table' : 'product';
}

interface LineProps {
  readonly name: string;
  readonly note: string;
  readonly takes: Takes;
  readonly value: Choice;
  onChange(choice: Choice): void;
  onRemove?(): void;
}

function Line({ name, note, takes, value, onChange, onRemove }: LineProps) {
  const label = t('What {0} becomes', visible(name));
  return (
    <tr>
      <th scope="row" title={visible(name)}>
        {shortName(name, 36)} <span class="muted">{note}</span>
      </th>
      <td>
        <select
          class="vscode-select"
          aria-label={label}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value as Choice)}
        >
          {options(takes).map(([id, text]) => (
            <option key={id} value={id}>
              {text}
            </option>
          ))}
        </select>
        {onRemove !== undefined && (
          <button type="button" class="icon-button" title={t('Remove')} aria-label={t('Remove')} onClick={onRemove}>
            <Icon name="close" />
          </button>
        )}
      </td>
    </tr>
  );
}
