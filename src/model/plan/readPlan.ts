import { invalid, malformed, unsupported } from '../../core/errors';
import type { ForwardPlanDto, PlanInputDto, PlanStepDto, PlanValueDto } from '../../protocol/planDto';
import { maxArguments, maxInputs, maxName, maxPath, maxPlanText, maxRank, maxSteps, maxText } from './limits';
import { type PlanFunction, planFunctions } from './planFunctions';

/** A plan from a file or an editor: nothing of it is believed before it was looked at here. */

/** Reads the JSON text of a plan; every error names the place in it. */
export function parsePlan(text: string, file?: string): ForwardPlanDto {
  if (text.length > maxPlanText) {
    throw unsupported('E_PLAN_LIMIT', 'The forward plan is too long.', {
      where: { file },
      found: `${text.length} characters`,
      expected: `at most ${maxPlanText}`,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed('E_PLAN', `The forward plan is not JSON: ${error instanceof Error ? error.message : ''}`, {
      where: { file },
    });
  }
  return readPlan(value, file);
}

/** A plan of unknown origin as one that can be run: names are identifiers, steps look back only. */
export function readPlan(value: unknown, file?: string): ForwardPlanDto {
  const reader = new Reader(file);
  const plan = reader.record(value, '', ['format', 'version', 'inputs', 'steps', 'outputs', '$schema']);
  if (plan.get('format') !== 'quantscope-forward-plan')
    throw reader.wrong('format', 'quantscope-forward-plan', plan.get('format'));
  if (plan.get('version') !== 1) throw reader.wrong('version', '1', plan.get('version'));
  const names = new Set<string>();
  const inputs = reader
    .list(plan.get('inputs'), 'inputs', maxInputs)
    .map((one, i) => readInput(reader, one, `inputs[${i}]`, names));
  if (inputs.length === 0) throw reader.wrong('inputs', 'at least one input', []);
  const types = new Map<string, PlanStepDto>();
  const steps = reader
    .list(plan.get('steps'), 'steps', maxSteps)
    .map((one, i) => readStep(reader, one, `steps[${i}]`, names, types));
  const outputs = reader
    .list(plan.get('outputs'), 'outputs', maxInputs)
    .map((one, i) => reader.known(one, `outputs[${i}]`, names));
  if (outputs.length === 0) throw reader.wrong('outputs', 'at least one name', []);
  return { format: 'quantscope-forward-plan', version: 1, inputs, steps, outputs };
}

function readInput(reader: Reader, value: unknown, at: string, names: Set<string>): PlanInputDto {
  const input = reader.record(value, at, ['name', 'shape', 'dtype', 'high']);
  const name = reader.fresh(input.get('name'), `${at}.name`, names);
  const shape = reader
    .list(input.get('shape'), `${at}.shape`, maxRank)
    .map((size, i) => reader.whole(size, `${at}.shape[${i}]`, 0));
  const dtype = input.get('dtype');
  if (dtype !== 'float32' && dtype !== 'int64') throw reader.wrong(`${at}.dtype`, 'float32 or int64', dtype);
  const high = input.get('high');
  return { name, shape, dtype, ...(high === undefined ? {} : { high: reader.whole(high, `${at}.high`, 1) }) };
}

function readStep(
  reader: Reader,
  value: unknown,
  at: string,
  names: Set<string>,
  modules: Map<string, PlanStepDto>,
): PlanStepDto {
  const step = reader.record(value, at, ['name', 'from', 'module', 'type', 'function', 'arguments', 'take', 'assumed']);
  const from = reader
    .list(step.get('from'), `${at}.from`, maxInputs)
    .map((one, i) => reader.known(one, `${at}.from[${i}]`, names));
  if (from.length === 0) throw reader.wrong(`${at}.from`, 'at least one name', []);
  const assumed = step.has('assumed') ? { assumed: reader.text(step.get('assumed'), `${at}.assumed`, maxText) } : {};
  const args = readArguments(reader, step.get('arguments') ?? {}, `${at}.arguments`);
  const given = step.has('arguments') ? { arguments: args } : {};
  // After `from`: a step does not take its own result.
  const name = () => reader.fresh(step.get('name'), `${at}.name`, names);
  if (step.has('module') === step.has('function'))
    throw reader.wrong(at, 'either module or function', step.has('module') ? 'both' : 'neither');
  if (step.has('function')) {
    const called = reader.text(step.get('function'), `${at}.function`, maxName);
    const known = planFunctions.get(called);
    if (known === undefined)
      throw reader.wrong(`${at}.function`, `one of ${[...planFunctions.keys()].join(', ')}`, called);
    for (const key of ['type', 'take']) if (step.has(key)) throw reader.wrong(`${at}.${key}`, 'no such field', 'one');
    checkCall(reader, known, from.length, args, at);
    return { name: name(), from, function: called, ...given, ...assumed };
  }
  const module = reader.text(step.get('module'), `${at}.module`, maxPath);
  if (!module.split('.').every((part) => /^\w+$/.test(part) && !part.startsWith('__')))
    throw reader.wrong(`${at}.module`, 'a path such as encoder.layers.0', module);
  const type = reader.text(step.get('type'), `${at}.type`, maxName);
  if (!/^[A-Z]\w*$/.test(type)) throw reader.wrong(`${at}.type`, 'a class of torch.nn', type);
  const take = step.has('take')
    ? { take: reader.list(step.get('take'), `${at}.take`, 4).map((one, i) => reader.whole(one, `${at}.take[${i}]`, 0)) }
    : {};
  const before = modules.get(module);
  if (before !== undefined && JSON.stringify([before.type, before.arguments ?? {}]) !== JSON.stringify([type, args]))
    throw reader.wrong(at, `${module} as it was built before`, `another type or other arguments`);
  const inside = [...modules.keys()].find((one) => one.startsWith(`${module}.`) || module.startsWith(`${one}.`));
  if (inside !== undefined)
    throw reader.wrong(`${at}.module`, 'modules beside each other', `${module} beside ${inside}`);
  const result: PlanStepDto = { name: name(), from, module, type, ...given, ...take, ...assumed };
  modules.set(module, result);
  return result;
}

function checkCall(
  reader: Reader,
  known: PlanFunction,
  values: number,
  args: Readonly<Record<string, PlanValueDto>>,
  at: string,
): void {
  if (known.values === 'many' ? values < 2 : values !== known.values)
    throw reader.wrong(`${at}.from`, `${known.values === 'many' ? 'two or more' : known.values} names`, values);
  for (const [key, value] of Object.entries(args)) {
    if (!Object.hasOwn(known.arguments, key))
      throw reader.wrong(
        `${at}.arguments.${key}`,
        `one of ${Object.keys(known.arguments).join(', ') || 'none'}`,
        'another name',
      );
    const { type } = known.arguments[key];
    const fits =
      type === 'ints'
        ? Array.isArray(value)
        : typeof value === 'number' && (type === 'float' || Number.isSafeInteger(value));
    if (!fits) throw reader.wrong(`${at}.arguments.${key}`, type, value);
  }
  for (const [key, { default: fallback }] of Object.entries(known.arguments)) {
    if (fallback === undefined && !Object.hasOwn(args, key))
      throw reader.wrong(`${at}.arguments.${key}`, 'a value', undefined);
  }
}

function readArguments(reader: Reader, value: unknown, at: string): Record<string, PlanValueDto> {
  const entries = [...reader.record(value, at)];
  if (entries.length > maxArguments) throw reader.wrong(at, `at most ${maxArguments} arguments`, entries.length);
  const args: Record<string, PlanValueDto> = Object.create(null);
  for (const [key, item] of entries) {
    if (!/^[a-z]\w{0,40}$/.test(key)) throw reader.wrong(at, 'arguments with PyTorch’s names', key);
    args[key] = readValue(reader, item, `${at}.${key}`);
  }
  return { ...args };
}

function readValue(reader: Reader, value: unknown, at: string): PlanValueDto {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string' && /^[\w.-]{1,64}$/.test(value)) return value;
  if (Array.isArray(value))
    return reader.list(value, at, maxRank).map((one, i) => reader.whole(one, `${at}[${i}]`, -1));
  throw reader.wrong(at, 'a number, a flag, a word, null or a list of whole numbers', value);
}

const keywords: ReadonlySet<string> = new Set(
  'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield self torch nn F getattr setattr super'.split(
    ' ',
  ),
);

/** Takes values apart and names the place of what does not fit. */
class Reader {
  constructor(private readonly file: string | undefined) {}

  wrong(field: string, expected: string, found: unknown) {
    return invalid('E_PLAN', `The forward plan is wrong at ${field || 'its top'}: expected ${expected}.`, {
      where: { file: this.file, field },
      expected,
      found: found === undefined ? 'nothing' : String(JSON.stringify(found)).slice(0, 100),
    });
  }

  record(value: unknown, at: string, allowed?: readonly string[]): Map<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong(at, 'an object', value);
    const entries = new Map(Object.entries(value));
    const strange = allowed && [...entries.keys()].find((key) => !allowed.includes(key));
    if (strange !== undefined) throw this.wrong(at, `only ${allowed?.join(', ')}`, strange.slice(0, maxName));
    return entries;
  }

  list(value: unknown, at: string, limit: number): unknown[] {
    if (!Array.isArray(value)) throw this.wrong(at, 'a list', value);
    if (value.length > limit) throw this.wrong(at, `at most ${limit} entries`, value.length);
    return value;
  }

  text(value: unknown, at: string, limit: number): string {
    if (typeof value === 'string' && value.length <= limit) return value;
    throw this.wrong(at, `a text of at most ${limit} characters`, value);
  }

  whole(value: unknown, at: string, least: number): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    throw this.wrong(at, `a whole number from ${least}`, value);
  }

  /** A name that no value has yet. */
  fresh(value: unknown, at: string, names: Set<string>): string {
    const name = this.text(value, at, maxName);
    if (!/^[A-Za-z]\w*$/.test(name) || keywords.has(name)) throw this.wrong(at, 'a Python name', name);
    if (names.has(name)) throw this.wrong(at, 'a name that is still free', name);
    names.add(name);
    return name;
  }

  known(value: unknown, at: string, names: ReadonlySet<string>): string {
    const name = this.text(value, at, maxName);
    if (names.has(name)) return name;
    throw this.wrong(at, 'the name of an input or of an earlier step', name);
  }
}
