import type { AbortCheck } from '../core/abort';
import { invalid, QuantscopeError } from '../core/errors';
import { construct } from '../engine/forward/interpreter/call';
import { PyFunction } from '../engine/forward/interpreter/pyFunction';
import type { Swap } from '../engine/forward/interpreter/swaps';
import { type RunOptions, startRun } from '../engine/forward/runProgram';
import { nnClasses } from '../engine/forward/source/layer';
import { moduleClass, stateEntries, walkModules } from '../engine/forward/source/moduleClass';
import { SourceLibrary } from '../engine/forward/source/sourceLibrary';
import { SourceProgram } from '../engine/forward/source/sourceProgram';
import { PyClass, PyDict, PyFloat, PyList, PyObject, type Value } from '../engine/forward/values/values';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { loadState, sharedPath, stateTensors } from './loadState';
import type { Model } from './openModel';
import { choices } from './qconfigSpec';
import type { Program } from './scriptProgram';
import { solveArguments } from './solveArguments';
import { parseSource } from './sourceFiles';
import { libraryModules, type SourceModule } from './sourceImports';

/** Which class of a source, and what its `__init__` gets. */
export interface SourceChoice {
  /** Name of the file, for messages; `.ipynb` is read as a notebook. */
  readonly name: string;
  readonly text: string;
  /** The class; without one, the only nn.Module that no other class of the file uses. */
  readonly className?: string;
  /** Arguments of `__init__` by name, as JSON values; what is missing is worked out from shapes. */
  readonly init?: Readonly<Record<string, unknown>>;
  /** Files beside it that it imports, from gatherModules. */
  readonly modules?: readonly SourceModule[];
  /** The package that the file is in below the root of imports; empty at the root itself. */
  readonly packageName?: string;
}

/** A program from source, and how its arguments were found. */
export interface SourceModel {
  readonly program: Program;
  readonly className: string;
  /** Arguments that were worked out and not given, by name. */
  readonly solved: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

/** Builds the class, loads the model's state dict into it strictly, and gives it back ready to run. */
export async function loadSourceProgram(
  model: Model,
  choice: SourceChoice,
  options: Omit<RunOptions, 'swaps'>,
  abort: AbortCheck,
): Promise<SourceModel> {
  const { files, problems } = parseSource(choice.text, choice.name);
  const { modules: beside = [], packageName = '' } = choice;
  const library = new SourceLibrary(libraryModules(beside), packageName);
  const source = new SourceProgram(files, library, packageName);
  const start = () => {
    const run = startRun(options);
    source.start(run);
    library.start(run);
    return run;
  };
  start();
  const type = chooseClass(source, choice);
  const given = new Map(Object.entries(choice.init ?? {}).map(([name, value]) => [name, fromJson(value)]));
  const build = (values: ReadonlyMap<string, Value>): PyObject => construct(start(), type, [], values) as PyObject;
  const unknown = requiredArguments(type).filter((name) => !given.has(name));
  const targets = new Map([...stateTensors(model)].map(([name, { shape }]) => [name, shape]));
  const solved =
    unknown.length === 0
      ? {}
      : solveArguments(unknown, targets, (values) =>
          shapesOf(model, build(new Map<string, Value>([...given, ...values]))),
        );
  const root = build(new Map<string, Value>([...given, ...Object.entries(solved)]));
  await loadState(model, root, abort);
  const modules = new Map<string, PyObject>();
  for (const [path, module] of walkModules(root)) modules.set(path, module);
  return { program: { root, modules }, className: type.name, solved, problems };
}

/** Shapes by the names that the file's tree has for them. */
function shapesOf(model: Model, root: PyObject): Map<string, readonly number[]> {
  const entries = stateEntries(root);
  const shared = sharedPath(model, entries.keys());
  return new Map([...entries].map(([name, { shape }]) => [name.slice(shared.length), shape]));
}

function chooseClass(source: SourceProgram, { className, name }: SourceChoice): PyClass {
  if (className !== undefined) {
    const type = source.classNamed(className);
    if (type.extends(moduleClass)) return type;
    throw invalid('E_NO_CLASS', `${className} of ${name} is no nn.Module.`);
  }
  const names = source.moduleClasses();
  const [only] = names;
  if (names.length === 1) return source.classNamed(only);
  throw invalid(
    'E_NO_CLASS',
    names.length === 0
      ? `${name} has no class below nn.Module.`
      : `${name} has ${names.length} classes below nn.Module.`,
    {
      hint:
        names.length === 0
          ? 'Choose the file that defines the model.'
          : `Say which one: ${name}:${names.at(-1)}. There are ${names.slice(0, 20).join(', ')}.`,
    },
  );
}

/** Parameters of `__init__` that have no default. */
function requiredArguments(type: PyClass): string[] {
  const init = type.find('__init__')?.value;
  return init instanceof PyFunction ? init.required.slice(1) : [];
}

/** A JSON value as Python's: whole numbers are ints, objects are records whose fields are attributes. */
function fromJson(value: unknown, depth = 0): Value {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : new PyFloat(value);
  if (depth > 20)
    throw new QuantscopeError({ code: 'E_USAGE', kind: 'invalid', message: 'The arguments are nested too deep.' });
  if (Array.isArray(value)) return new PyList(value.map((item) => fromJson(item, depth + 1)));
  if (typeof value !== 'object') return new PyDict();
  const record = new PyObject(new PyClass('Config', [], false));
  for (const [name, item] of Object.entries(value as object)) record.attributes.set(name, fromJson(item, depth + 1));
  return record;
}

/** What quantize_dynamic would replace: the modules of torch.nn itself, by their types. */
export function sourceSwaps({ modules }: Program, spec: QuantizeSpecDto): Map<string, Swap> {
  const choose = choices(spec);
  const swaps = new Map<string, Swap>();
  for (const [path, { type }] of modules) {
    if (nnClasses.get(type.name) !== type) continue;
    const { qconfig } = choose(type.name, path);
    if (qconfig !== undefined) swaps.set(path, { path, engine: spec.engine, qconfig });
  }
  return swaps;
}
