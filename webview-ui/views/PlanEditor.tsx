import type { ForwardPlanDto, PlanStepDto } from '../../src/protocol/planDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { visible } from '../format';
import { assumption, t } from '../l10n';
import { act } from '../state/store';
import { Button, IconButton } from './Button';
import { Heads } from './Title';

/** Rows of the list; a longer plan is edited as JSON. */
const shownSteps = 200;

interface Props {
  readonly report: NonNullable<ViewSnapshotDto['plan']>;
  readonly busy: boolean;
}

/** The steps of a plan: what each takes can be changed, steps can be moved and left out. */
export function PlanEditor({ report, busy }: Props) {
  const { plan, unused, saved } = report;
  const change = (next: Partial<ForwardPlanDto>) => act('editPlan', { text: JSON.stringify({ ...plan, ...next }) });
  const withStep = (index: number, next: readonly PlanStepDto[]) =>
    change({ steps: [...plan.steps.slice(0, index), ...next, ...plan.steps.slice(index + 1)] });
  return (
    <div class="plan" data-testid="plan">
      <div class="data-table" tabIndex={0} role="region" aria-label={t('Steps of the forward plan')}>
        <table>
          <Heads names={[t('value'), t('from'), t('what'), t('assumed because'), t('change')]} left={5} />
          <tbody>
            {plan.inputs.map(({ name, shape, dtype }) => (
              <tr key={`input ${name}`}>
                <th scope="row">{visible(name)}</th>
                <td class="to-left muted">{t('input')}</td>
                <td class="to-left">
                  {dtype} {shape.join(' × ')}
                </td>
                <td />
                <td />
              </tr>
            ))}
            {plan.steps.slice(0, shownSteps).map((step, i) => (
              <tr key={step.name} class={step.assumed === undefined ? '' : 'assumed'}>
                <th scope="row">{visible(step.name)}</th>
                <td class="to-left">
                  <input
                    type="text"
                    class="vscode-textfield from"
                    aria-label={t('What {0} takes', visible(step.name))}
                    value={step.from.join(', ')}
                    disabled={busy}
                    onChange={(event) =>
                      withStep(i, [{ ...step, from: event.currentTarget.value.split(/[\s,]+/).filter(Boolean) }])
                    }
                  />
                </td>
                <td class="to-left">{visible(whatOf(step))}</td>
                <td class="to-left muted">{assumption(visible(step.assumed ?? ''))}</td>
                <td class="to-left">
                  <IconButton
                    icon="arrow-up"
                    label={t('Move {0} up', visible(step.name))}
                    disabled={busy || i === 0}
                    onClick={() => change({ steps: moved(plan.steps, i) })}
                  />
                  <IconButton
                    icon="close"
                    label={t('Leave {0} out', visible(step.name))}
                    disabled={busy || step.from.length !== 1}
                    data-testid={`leave-out-${step.name}`}
                    onClick={() => change(without(plan, i))}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {unused.length > 0 && (
        <p class="muted">
          {t('Not in the plan:')} {unused.map(({ path }) => visible(path)).join(', ')}
        </p>
      )}
      <p>
        <Button
          class="link"
          disabled={busy || saved}
          data-testid="save-plan"
          onClick={() => act('savePlan', { open: false })}
        >
          {saved ? t('Saved beside the model') : t('Save beside the model')}
        </Button>{' '}
        <Button class="link" disabled={busy} onClick={() => act('savePlan', { open: true })}>
          {t('Edit as JSON')}
        </Button>{' '}
        <Button class="link" onClick={() => act('copy', { text: report.python })}>
          {t('Copy as a Python class')}
        </Button>
      </p>
      <details>
        <summary>{t('The class that the plan stands for')}</summary>
        <pre class="repr">{visible(report.python)}</pre>
      </details>
    </div>
  );
}

function whatOf({ module, type, function: name, arguments: given, take }: PlanStepDto): string {
  const words = Object.entries(given ?? {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const part = take === undefined ? '' : take.map((index) => `[${index}]`).join('');
  return module === undefined
    ? `${name}(${words.join(', ')})${part}`
    : `${module}: ${type}(${words.join(', ')})${part}`;
}

function moved(steps: readonly PlanStepDto[], index: number): PlanStepDto[] {
  const next = [...steps];
  [next[index - 1], next[index]] = [next[index], next[index - 1]];
  return next;
}

/** Those that took the value take what it was made from. */
function without({ steps, outputs }: ForwardPlanDto, index: number): Partial<ForwardPlanDto> {
  const { name, from } = steps[index];
  const instead = (names: readonly string[]) => names.map((one) => (one === name ? from[0] : one));
  return {
    steps: steps.filter((_, i) => i !== index).map((step) => ({ ...step, from: instead(step.from) })),
    outputs: instead(outputs),
  };
}
