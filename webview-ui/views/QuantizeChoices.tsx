import { formName } from '../../src/protocol/formNames';
import type { OverviewDto } from '../../src/protocol/modelDto';
import type { QConfigNameDto, QConfigOverrideDto, QuantizedDType } from '../../src/protocol/quantizeDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { count, shortName, visible } from '../format';
import { t } from '../l10n';
import { detail } from '../state/detail';
import { act } from '../state/store';
import { IconButton } from './Button';
import { Select } from './Select';

/** `base` follows the dtype and granularity of the engine menu. */
type Choice = QConfigNameDto | 'base' | 'float';

type Takes = OverviewDto['types'][number]['takes'];

/** What the engine menu's dtype makes of a type, as quantize_dynamic's default spec has it. */
function baseForm(dtype: QuantizedDType, type: string, takes: Takes): string {
  const tables = dtype === 'quint8' || (dtype === 'quint4x2' && type === 'EmbeddingBag');
  const products = dtype === 'qint8' || dtype === 'float16';
  return (takes === 'table' ? tables : products) ? formName(dtype) : 'float32';
}

function options(takes: Takes, base: string): readonly (readonly [Choice, string])[] {
  const ends = [
    ['base', t('{0} (engine menu)', base)],
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
            base={baseForm(state.spec.dtype, type, takes)}
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
            base={baseForm(state.spec.dtype, '', takesOf(named, target))}
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
            base={baseForm(state.spec.dtype, selected?.moduleType ?? '', offered.takes)}
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
  /** What it becomes without a choice of its own. */
  readonly base: string;
  onChange(choice: Choice): void;
  onRemove?(): void;
}

function Line({ name, note, takes, value, base, onChange, onRemove }: LineProps) {
  const label = t('What {0} becomes', visible(name));
  return (
    <tr>
      <th scope="row" title={visible(name)}>
        {shortName(name, 36)} <span class="muted">{note}</span>
      </th>
      <td>
        <Select
          label={label}
          value={value}
          options={options(takes, base)}
          onChange={(choice) => onChange(choice as Choice)}
        />
        {onRemove !== undefined && <IconButton icon="close" label={t('Remove')} onClick={onRemove} />}
      </td>
    </tr>
  );
}
