import type { AbortCheck } from '../core/abort';
import { invalid, malformed, unsupported } from '../core/errors';
import { ScriptLibrary } from '../engine/forward/script/scriptLibrary';
import { PyObject, PyTuple, type Value } from '../engine/forward/values/values';
import type { ScriptProgram } from '../formats/types';
import type { Model } from './openModel';
import { ObjectReader } from './scriptObjects';

/** A model that can run as a whole: the root object, and the objects below it by their path. */
export interface Program {
  readonly root: PyObject;
  readonly modules: ReadonlyMap<string, PyObject>;
}

/** Sources of one archive: each class of a big model may have its own. */
const maxSources = 5_000;
const maxSourceText = 32 * 1024 * 1024;

/** Reads a TorchScript archive as a program: code, constants and objects with their tensors. */
export async function loadScriptProgram(model: Model, abort: AbortCheck): Promise<Program> {
  const { program } = model.file;
  if (program === undefined) {
    throw invalid('E_NO_CODE', 'This file has no code of its own.', {
      hint: 'Give the model’s class with --source model.py:Class, or run one module with --module.',
    });
  }
  const { root, tensor } = program.objects;
  const first = rootClass(program);
  const sources = await readSources(program, first, abort);
  const constants: Value[] = [];
  const library = new ScriptLibrary(sources, constants);
  const reader = new ObjectReader(model.file, library, abort);
  const read = await reader.read(await program.constants(abort));
  if (read instanceof PyTuple) constants.push(...read.items);
  const object = await reader.read({ root, tensor });
  if (!(object instanceof PyObject)) throw malformed('E_SCRIPT_ROOT', 'The archive’s root is not a module.');
  return { root: object, modules: modulePaths(object) };
}

/** Every module below the root by path. A module that is reached twice has its first path; one inside itself is refused. */
function modulePaths(root: PyObject): Map<string, PyObject> {
  const paths = new Map<string, PyObject>();
  const seen = new Set<PyObject>();
  const visit = (object: PyObject, path: string, above: readonly PyObject[]): void => {
    if (above.includes(object)) throw malformed('E_MODULE_CYCLE', `The module ${path} contains itself.`);
    if (above.length > 200) throw malformed('E_SCRIPT_DEPTH', 'Modules are nested deeper than 200 levels.');
    if (!paths.has(path)) paths.set(path, object);
    if (seen.has(object)) return;
    seen.add(object);
    const children = [...object.attributes, ...(object.module?.modules ?? [])];
    for (const [name, child] of children) {
      if (child instanceof PyObject && child.type.isModule)
        visit(child, path === '' ? name : `${path}.${name}`, [...above, object]);
    }
  };
  visit(root, '', []);
  return paths;
}

function rootClass({ objects: { root } }: ScriptProgram): string {
  const callee = root !== null && typeof root === 'object' && 'callee' in root ? root.callee : null;
  return callee !== null && typeof callee === 'object' && 'fullName' in callee ? callee.fullName : '';
}

const qualifiedName = /__torch__(?:\.\w+)+/g;

/** The sources that can be reached from a class, by module name. */
async function readSources(program: ScriptProgram, first: string, abort: AbortCheck): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  const asked = new Set<string>();
  const pending = [first, ...classNames(program)];
  let length = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const module = name.split('.').slice(0, -1).join('.');
    if (module === '' || asked.has(module)) continue;
    asked.add(module);
    abort.throwIfAborted();
    if (asked.size > maxSources || length > maxSourceText) {
      throw unsupported('E_SCRIPT_LIMIT', `The code of this archive is too large: ${asked.size} sources.`);
    }
    if (!/^[\w.]+$/.test(module))
      throw malformed('E_SCRIPT_NAME', `The class name ${JSON.stringify(name.slice(0, 100))} is none.`);
    const text = await program.source(`${module.replaceAll('.', '/')}.py`);
    if (text === undefined) continue;
    length += text.length;
    sources.set(module, text);
    for (const [found] of text.matchAll(qualifiedName)) pending.push(found);
  }
  return sources;
}

/** Class names of all objects of the pickle. */
function classNames({ objects: { root } }: ScriptProgram): string[] {
  const names = new Set<string>();
  const seen = new Set<unknown>();
  const pending: unknown[] = [root];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value) || value instanceof Uint8Array) continue;
    seen.add(value);
    if ('fullName' in value && typeof value.fullName === 'string' && value.fullName.startsWith('__torch__.'))
      names.add(value.fullName);
    for (const part of ['callee', 'args', 'state', 'items', 'entries'] as const) {
      if (part in value) pending.push((value as Record<string, unknown>)[part]);
    }
    if (Array.isArray(value)) for (const item of value) pending.push(item);
  }
  return [...names];
}
