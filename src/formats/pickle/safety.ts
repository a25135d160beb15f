import type { GlobalUse, Verdict } from '../types';
import type { PickleGlobal, PickleResult } from './types';

/**
 * What would happen if Python loaded this pickle. Quantscope resolves no name, so nothing here
 * protects it; the lists only decide which warning a person sees.
 */

/** Modules that can run code, touch files or the network; a submodule counts as its parent. The union of what the open pickle scanners flag. */
const dangerousModules: ReadonlySet<string> = new Set([
  '__builtin__',
  '__builtins__',
  '_aix_support',
  '_ctypes',
  '_frozen_importlib',
  '_frozen_importlib_external',
  '_imp',
  '_interpreters',
  '_operator',
  '_osx_support',
  '_pickle',
  '_posixsubprocess',
  '_pyrepl',
  '_signal',
  '_sqlite3',
  '_thread',
  '_xxsubinterpreters',
  'aiohttp',
  'aiohttp.client',
  'asyncio',
  'atexit',
  'bdb',
  'builtins',
  'cProfile',
  'cloudpickle',
  'code',
  'codeop',
  'commands',
  'compile',
  'compileall',
  'ctypes',
  'ctypes.util',
  'difflib',
  'dill',
  'distutils',
  'distutils.file_util',
  'doctest',
  'ensurepip',
  'eval',
  'exec',
  'filecmp',
  'fileinput',
  'ftplib',
  'functools',
  'gc',
  'glob',
  'http',
  'httplib',
  'idlelib',
  'imaplib',
  'imp',
  'importlib',
  'inspect',
  'joblib',
  'lib2to3',
  'linecache',
  'logging',
  'marshal',
  'mmap',
  'multiprocessing',
  'nntplib',
  'nt',
  'numpy.f2py',
  'numpy.testing._private.utils',
  'operator',
  'os',
  'pdb',
  'pexpect',
  'pickle',
  'pip',
  'pip._internal',
  'pip._internal.cli',
  'pip._internal.cli.main',
  'pip._vendor',
  'pip._vendor.distlib',
  'pip._vendor.distlib.scripts',
  'pipes',
  'pkgutil',
  'platform',
  'poplib',
  'posix',
  'profile',
  'pty',
  'py_compile',
  'pydoc',
  'requests',
  'requests.api',
  'runpy',
  'select',
  'selectors',
  'shelve',
  'shutil',
  'signal',
  'site',
  'smtplib',
  'socket',
  'socketserver',
  'sqlite3',
  'ssl',
  'subprocess',
  'sys',
  'syslog',
  'tarfile',
  'telnetlib',
  'tempfile',
  'test',
  'threading',
  'timeit',
  'torch.hub',
  'trace',
  'types',
  'unittest',
  'urllib',
  'urllib.request',
  'urllib2',
  'uuid',
  'venv',
  'webbrowser',
  'xmlrpc',
  'zipfile',
  'zipimport',
]);

/** Functions that run code or read files, in modules that are otherwise harmless. */
const dangerousNames =
  /^(_io\.FileIO|io\.open|_io\._?open(_code)?|codecs\.open|torch\.load|torch\.serialization\.load|torch\.jit\.load|torch\.jit\._serialization\.load|torch\.(hub|package)\..*|torch\.(ops|classes)\.load_library|torch\.utils\.cpp_extension\.load(_inline)?|torch\.storage\._load_from_bytes|torch\.distributed\.rpc\.(rpc_sync|rpc_async|remote|RemoteModule)|torch\._dynamo\.guards\.GuardBuilder\.get|torch\._inductor\.codecache\.compile_file|torch\.fx\.experimental\.symbolic_shapes\.ShapeEnv\.evaluate_guards_expression|torch\.jit\.unsupported_tensor_ops\.execWrapper|torch\.utils\._config_module\.ConfigModule\.load_config|torch\.utils\.bottleneck\.__main__\..*|torch\.utils\.collect_env\.run(_and_read_all)?|torch\.utils\.data\.datapipes\.utils\.decoder\.basichandlers|torch\.fx\.graph_module\.(reduce_graph_module|reduce_package_graph_module|_exec_with_source)|numpy\.load|numpy\.ctypeslib\.load_library|pandas\.read_pickle|sklearn\.externals\.joblib\..*|keras\.models\.load_model|tensorflow\..*load_library|transformers\..*from_pretrained)$/;

/** Names that a scanner-evading file imports to switch scanners off. */
const scannerModules = /^(fickling|picklescan|modelscan|modelaudit|model_unpickler|saferpickle)(\.|$)/;

const builtinModules = new Set(['builtins', '__builtin__', '__builtins__']);
const safeBuiltins = new Set(
  'bytes bytearray set frozenset complex slice range xrange int long float str unicode bool list dict tuple object'.split(
    ' ',
  ),
);

const dtypeNames =
  'float64|float32|float16|bfloat16|float8_\\w+|float4_\\w+|complex32|complex64|complex128|cfloat|cdouble|chalf|u?int\\d+|bool|half|double|float|long|int|short|qint8|quint8|qint32|quint4x2|quint2x4|bits\\w+';
const storageNames =
  '(Double|Float|Half|Long|Int|Short|Char|Byte|Bool|BFloat16|ComplexDouble|ComplexFloat|QInt8|QUInt8|QInt32|QUInt4x2|QUInt2x4)';

/** What Quantscope interprets itself, as data. */
const interpreted = new RegExp(
  `^(torch\\.(cuda\\.|sparse\\.)*${storageNames}(Storage|Tensor)|torch\\.storage\\.(_?Typed|_?Untyped)Storage|torch\\.(${dtypeNames})` +
    '|torch\\.per_(tensor|channel)_(affine|symmetric|affine_float_qparams)|torch\\._utils\\._rebuild_\\w+|torch\\._?tensor\\._rebuild_from_type(_v2)?|torch\\.nested\\._internal\\.nested_tensor\\._rebuild_njt' +
    '|torch\\.(Size|device|Tensor|ScriptObject|strided|contiguous_format|preserve_format|channels_last|channels_last_3d)|torch\\._C\\.ScriptObject' +
    '|torch\\.serialization\\._get_layout|torch\\._utils\\.torch|torch\\.nn\\.parameter\\.(Parameter|Buffer|UninitializedParameter)|torch\\.autograd\\.variable\\.Variable' +
    '|collections\\.(OrderedDict|defaultdict|Counter|deque)|_codecs\\.encode|(copyreg|copy_reg)\\._reconstructor' +
    '|numpy\\.(core|_core)\\.multiarray\\.(_reconstruct|scalar)|numpy\\.(core|_core)\\.numeric\\._frombuffer|numpy\\.(dtype|ndarray)(\\[.*\\])?|numpy\\.dtypes\\.\\w+|numpy\\.random\\.(_pickle\\.__\\w+_ctor|mtrand\\.RandomState)' +
    '|torch\\.jit\\._pickle\\.\\w+|datetime\\.\\w+|pathlib(\\._local)?\\.\\w*Path|argparse\\.Namespace|uuid\\.UUID|decimal\\.Decimal)$',
);

/** Modules whose classes are plain containers of state; Python still needs them installed. */
const knownClasses =
  /^(torch\.(ao\.)?(nn|quantization)\.|torch\._C\._nn\.|torch\.nested\._internal\.nested_tensor\.NestedTensor$|torch\._dynamo\.decorators\._DimRange$|__torch__\.)/;

function judge(module: string, name: string): { verdict: Verdict; reason: string } {
  const full = `${module}.${name}`;
  if (reachesDangerousModule(name))
    return { verdict: 'dangerous', reason: `Python would run ${displayName(module, name)} while loading this file` };
  if (/[^\x20-\x7e]/.test(full)) {
    return { verdict: 'suspicious', reason: `its name has characters that may look like others: ${escaped(full)}` };
  }
  if (interpreted.test(full)) return { verdict: 'safe', reason: 'read as data' };
  if (builtinModules.has(module)) {
    if (safeBuiltins.has(name)) return { verdict: 'safe', reason: 'read as data' };
    return { verdict: 'dangerous', reason: `Python would run ${displayName(module, name)} while loading this file` };
  }
  if (scannerModules.test(full)) return { verdict: 'dangerous', reason: 'tries to disable scanners' };
  if (isDangerousModule(module) || dangerousNames.test(full)) {
    return { verdict: 'dangerous', reason: `Python would run ${displayName(module, name)} while loading this file` };
  }
  if (knownClasses.test(full)) return { verdict: 'safe', reason: 'a class of PyTorch, shown without loading it' };
  return { verdict: 'unknown', reason: `needs the Python package ${module.split('.')[0]}; shown without loading it` };
}

/** Every character that is not plain ASCII by its number. */
function escaped(text: string): string {
  return clip(text).replace(/[^\x20-\x7e]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
}

/** Protocol 4 follows dots in a name: `os.system` of any module that imports os is os.system. */
function reachesDangerousModule(name: string): boolean {
  const owners = name.slice(0, 10_000).split('.').slice(0, -1);
  return owners.some((owner) => dangerousModules.has(owner));
}

function isDangerousModule(module: string): boolean {
  const parts = module.split('.');
  return parts.some((_, i) => dangerousModules.has(parts.slice(0, i + 1).join('.')));
}

/** `posix.system` is what pickle writes for `os.system`; both names are shown. */
export function displayName(module: string, name: string): string {
  const full = clip(`${module}.${name}`);
  return module === 'posix' || module === 'nt' ? `os.${clip(name)} (${full})` : full;
}

const maxNameText = 200;

/** Names of hostile files can have megabytes; messages show their start. */
export function clip(text: string): string {
  return text.length > maxNameText ? `${text.slice(0, maxNameText)}…` : text;
}

/** `__builtin__.getattr(torch, 'contiguous_format')` is how PyTorch 2.6 writes a memory format. */
export type BenignCalls = ReadonlySet<PickleGlobal>;

/** Every name once, the worst use of each first; `benign` are calls that were recognised as data. */
export function judgeGlobals(globals: PickleResult['globals'], benign: BenignCalls = new Set()): GlobalUse[] {
  const uses = new Map<string, GlobalUse>();
  for (const { global, calls } of globals) {
    const called = calls > 0;
    const { module, name, offset } = global;
    const judged = benign.has(global) ? { verdict: 'safe' as const, reason: 'read as data' } : judge(module, name);
    const key = `${module}\n${name}\n${judged.verdict}`;
    const known = uses.get(key);
    if (known === undefined || (called && known.use === 'referenced')) {
      uses.set(key, {
        module,
        name,
        offset: known?.offset ?? offset,
        use: called ? 'called' : 'referenced',
        ...judged,
      });
    }
  }
  return worstFirst([...uses.values()]);
}

const order: Readonly<Record<Verdict, number>> = { dangerous: 0, suspicious: 1, unknown: 2, safe: 3 };

export function worstFirst(uses: readonly GlobalUse[]): GlobalUse[] {
  return [...uses].sort((a, b) => order[a.verdict] - order[b.verdict]);
}

/** The file's verdict is its worst name's. */
export function overallVerdict(uses: readonly GlobalUse[]): Verdict {
  for (const verdict of ['dangerous', 'suspicious', 'unknown'] as const)
    if (uses.some((use) => use.verdict === verdict)) return verdict;
  return 'safe';
}
