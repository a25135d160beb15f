import { basename } from 'node:path';
import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import { invalid, QuantscopeError } from '../core/errors';
import { runBenchmarks } from '../model/benchmark';
import { breakEven } from '../model/breakEven';
import { compareModels } from '../model/compareModels';
import { coverage } from '../model/coverage';
import { inspect, summarize } from '../model/describeModel';
import { planExport, type Quantized } from '../model/export/exportModel';
import { modelHealth } from '../model/modelHealth';
import { planModel } from '../model/onnx/planModel';
import { type Model, openModel, salvageModel } from '../model/openModel';
import { modelOverview } from '../model/overview';
import { reportPlan } from '../model/plan/planProgram';
import { parsePlan } from '../model/plan/readPlan';
import { pythonLines } from '../model/pythonLines';
import { defaultSpec } from '../model/qconfigSpec';
import { draftQuantization, type QuantizeDraft, quantizeModel, summarizeReport } from '../model/quantizeModel';
import { overridesToQuantize } from '../model/quantizePlan';
import { recipeFile, runRecipe } from '../model/recipe';
import { modelReport } from '../model/report';
import { sparkline, tensorDetail, tensorStats, unreadableTensors } from '../model/tensorDetail';
import { tensorImage, tensorValues } from '../model/tensorValues';
import { type RowsContext, TreeRows } from '../model/treeRows';
import { weightErrorReport } from '../model/weightErrorReport';
import type { EngineApi } from '../protocol/engineApi';
import { tokenizerName } from '../protocol/forwardDto';
import type { QuantizeReportDto, QuantizeSpecDto } from '../protocol/quantizeDto';
import type { RowsPageDto } from '../protocol/rowsDto';
import type { CallContext, Handlers } from '../protocol/rpc';
import type { Disk } from './disk';
import { exportFiles, refuseSource } from './exportFiles';
import { Forwards } from './forwards';
import { moduleClasses } from './moduleClasses';
import { onnxForward } from './onnxForward';
import { type OpenSource, withSource } from './openSource';
import { loadPlan, planPath, proposePlanFor, savePlan } from './planFiles';
import { reportWords } from './reportWords';
import { sourceHash } from './sourceHash';
import { verifyExport } from './verifyExport';
import { writeFileAtomically, writeTextAtomically } from './writeFile';

export interface EngineOptions {
  readonly openSource: OpenSource;
  readonly abort: AbortCheck;
  /** Runs the kernels on so many threads from now on, if the machine can. */
  readonly useThreads?: (count: number) => Promise<unknown>;
  /** Where exports are written. */
  readonly disk?: Disk;
  /** Runs work on so many bytes with helpers, if the machine has them and it is worth it. */
  readonly share?: <T>(bytes: number, work: () => Promise<T>) => Promise<T>;
}

/** What one thread keeps of its file. Everything but the model itself is a cache. */
interface Session {
  readonly model: Model;
  /** Where the file is. */
  readonly path: string;
  readonly forwards: Forwards;
  /** The last reports by spec, so that rows can show the error of every weight. */
  readonly reports: Map<string, QuantizeReportDto>;
  /** What an export chose by a spec that nobody had a report of: its errors were measured while it was written. */
  draft: { readonly key: string; readonly quantized: QuantizeDraft } | undefined;
  rows: { readonly key: string; readonly lines: TreeRows } | undefined;
}

const maxCachedReports = 4;

/** The handlers of the engine's thread, free of threads themselves: tests call them directly. */
export function createEngine({
  openSource,
  abort,
  useThreads,
  disk,
  share = (_, work) => work(),
}: EngineOptions): Handlers<EngineApi> {
  let session: Session | undefined;
  const opened = (): Session => {
    if (session === undefined) throw invalid('E_NO_MODEL', 'No model is open.');
    return session;
  };
  const report = async (spec: QuantizeSpecDto, { progress }: CallContext): Promise<QuantizeReportDto> => {
    const { model, reports, draft } = opened();
    const key = specKey(spec);
    const drafted = draft?.key === key && !reports.has(key) ? await draft.quantized.finish() : undefined;
    const result = drafted ?? reports.get(key) ?? (await quantizeModel(model, spec, abort, progress));
    opened().draft = undefined;
    reports.delete(key);
    reports.set(key, result);
    for (const oldest of [...reports.keys()].slice(0, -maxCachedReports)) reports.delete(oldest);
    opened().rows = undefined;
    return result;
  };
  const quantizedFor = async (spec: QuantizeSpecDto, context: CallContext): Promise<Quantized> => {
    const { model, reports } = opened();
    const key = specKey(spec);
    if (reports.has(key)) return { report: await report(spec, context), meters: new Map() };
    const quantized = await draftQuantization(model, spec, abort, context.progress);
    opened().draft = { key, quantized };
    return quantized;
  };
  return {
    async open({ path, damaged = false }) {
      const source = await openSource(path);
      try {
        const model = damaged ? await salvageModel(source, abort) : await openOrTell(source, abort);
        const forwards = new Forwards(model, path, openSource, abort);
        session = { model, path, forwards, reports: new Map(), draft: undefined, rows: undefined };
        const tokenizer = await source.sibling?.(tokenizerName).catch(() => undefined);
        return { ...summarize(model), ...(tokenizer && { hasTokenizer: true }) };
      } catch (error) {
        await source.close();
        throw error;
      }
    },
    inspect: () => inspect(opened().model, abort),
    scan: () => opened().model.file.safety,
    verify: async (_, { progress }) => {
      const { file } = opened().model;
      if (file.verify === undefined) return { checksums: false, records: 0, bytes: 0, problems: [] };
      return { checksums: true, ...(await file.verify(abort, progress)) };
    },
    sources: () => opened().model.file.sources ?? [],
    readSource: ({ name }) => {
      const { file } = opened().model;
      if (file.readSource === undefined) throw invalid('E_NO_SOURCE', 'The file carries no source code.');
      return file.readSource(name);
    },
    rows: ({ start, count, spec, ...query }) => {
      const lines = visibleRows(opened(), query, spec);
      return { total: lines.total, start, rows: lines.page(start, count) };
    },
    children: ({ path, spec, limit }) => children(opened(), path, spec, limit),
    sparklines: ({ names, bins }) =>
      share(bytesOf(opened().model, names), async () => {
        const lines = [];
        for (const name of names) lines.push(await sparkline(opened().model, name, bins, abort));
        return lines;
      }),
    tensorDetail: (query) =>
      share(bytesOf(opened().model, [query.name]), () => tensorDetail(opened().model, query, abort)),
    overview: ({ spec }) => modelOverview(opened().model, spec),
    health: (_, { progress }) => {
      const { model } = opened();
      return share(bytesOf(model, model.tensors.keys()), () => modelHealth(model, abort, progress));
    },
    values: (query) => tensorValues(opened().model, query, abort),
    image: (query) => share(bytesOf(opened().model, [query.name]), () => tensorImage(opened().model, query, abort)),
    locate: ({ id, spec, ...query }) => visibleRows(opened(), query, spec).place(id),
    python: ({ spec }) => pythonLines(opened().model, spec),
    compareWith: ({ path }, { progress }) =>
      withSource(openSource, path, async (source) =>
        compareModels(opened().model, await openModel(source, abort), abort, progress),
      ),
    report: async ({ spec, forward, texts }, context) =>
      modelReport(
        opened().model,
        spec,
        async () => forward ?? opened().forwards.proposed(spec),
        await report(spec, context),
        reportWords(texts),
        (request) => opened().forwards.forward(request, context.progress),
      ),
    stats: async ({ tensor, bins }, { progress }) => {
      const { model } = opened();
      const bytes = bytesOf(model, tensor === null ? model.tensors.keys() : [tensor]);
      return {
        tensors: await share(bytes, () => tensorStats(model, tensor, bins, abort, progress)),
        unreadable: tensor === null ? unreadableTensors(model) : [],
      };
    },
    quantize: report,
    quantizeSummary: async (spec, context) => summarizeReport(opened().model, await report(spec, context), spec),
    quantizable: ({ path }) => {
      const { model } = opened();
      const { quantized } = planModel(model, defaultSpec(), model.tree);
      return [...quantized.keys()].filter((module) => path === '' || module === path || module.startsWith(`${path}.`));
    },
    chosen: ({ paths, spec }) => {
      const { model } = opened();
      const { quantized } = planModel(model, spec, model.tree);
      return paths.filter((path) => quantized.has(path));
    },
    overridesToQuantize: ({ path, spec }) => {
      const { model } = opened();
      return overridesToQuantize((tried) => planModel(model, tried, model.tree), spec, path);
    },
    forward: async (request, { progress }) => {
      const { forwards } = opened();
      await useThreads?.(request.threads ?? 1);
      return forwards.forward(request, progress);
    },
    whole: (by) => opened().forwards.describe(by),
    moduleClasses: ({ paths }) => moduleClasses(paths, openSource, abort),
    proposePlan: () => proposePlanFor(opened().model, opened().path),
    checkPlan: ({ text }) => reportPlan(opened().model, parsePlan(text)),
    loadPlan: ({ path }) => loadPlan(opened().model, path ?? planPath(opened().path), openSource),
    savePlan: ({ plan, path }) => savePlan(plan, path ?? planPath(opened().path), abort),
    activation: (query) => opened().forwards.activation(query),
    explain: (query) => opened().forwards.explain(query),
    outputImage: (query) => opened().forwards.outputImage(query),
    outputSeries: ({ request, output }) => opened().forwards.outputSeries(request, output),
    saveForward: (request) => opened().forwards.save(request),
    onnxForward: (request, { progress }) => {
      const { model, path } = opened();
      return onnxForward({ model, path, openSource, abort }, request, progress);
    },
    exportModel: async (request, context) => {
      const { model, path } = opened();
      const { progress } = context;
      const named = { ...request, target: basename(request.target) };
      const planned = await planExport(model, named, abort, progress, {
        quantizedOf: (spec) => quantizedFor(spec, context),
        hashOf: () => withSource(openSource, path, (source) => sourceHash(source, abort, progress)),
      });
      const written = await exportFiles(planned, request.target, path, request.overwrite, abort, progress, disk);
      const verified = await verifyExport(written, openSource, abort);
      const files = written.map(({ name, bytes }) => ({ name, bytes }));
      return {
        format: request.format,
        files,
        bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
        load: planned.load,
        verified,
      };
    },
    weightError: ({ name, scheme }) => weightErrorReport(opened().model, name, scheme, abort),
    coverage: ({ spec, values }, { progress }) => coverage(opened().model, spec, values, abort, progress),
    sensitivity: (request, { progress }) => opened().forwards.sensitivity(request, progress),
    breakEven: (request, { progress }) => breakEven(opened().model, request, abort, progress),
    recipe: ({ engine, runs }, { progress }) => runRecipe(engine, runs, abort, progress),
    writeText: async ({ path, text }) => {
      if (session !== undefined) await refuseSource(path, session.path);
      return { bytes: await writeTextAtomically(path, text, abort) };
    },
    bench: ({ filter }, { progress }) => runBenchmarks(filter, abort, progress),
    writeRecipe: async ({ path }) => {
      const file = recipeFile();
      await writeFileAtomically(path, file.chunks(), abort);
      return { bytes: file.size };
    },
  };
}

/** Opens the file; an error of one that is damaged tells what of it could be read. */
async function openOrTell(source: ByteSource, abort: AbortCheck): Promise<Model> {
  try {
    return await openModel(source, abort);
  } catch (error) {
    const found = error instanceof QuantscopeError && (await salvageModel(source, abort).catch(() => undefined));
    if (!found) throw error;
    const all = [...found.tensors.values()];
    const values = all.filter(({ record }) => record.problem === undefined).length;
    throw new QuantscopeError({ ...error.details, sound: { tensors: all.length, values } });
  }
}

/** Names of no tensor are somebody else's error. */
function bytesOf({ tensors }: Model, names: Iterable<string>): number {
  let bytes = 0;
  for (const name of names) bytes += tensors.get(name)?.bytes ?? 0;
  return bytes;
}

function specKey(spec: QuantizeSpecDto): string {
  return JSON.stringify([
    [spec.engine, spec.dtype, spec.perChannel, spec.modules, [...spec.exclude].sort()],
    [spec.overrides ?? [], spec.halfStorage ?? false],
  ]);
}

function visibleRows(
  session: Session,
  query: ConstructorParameters<typeof TreeRows>[1],
  spec: QuantizeSpecDto | null,
): TreeRows {
  const key = JSON.stringify([
    query.filter,
    query.toggled,
    query.base,
    query.sort ?? null,
    spec === null ? null : specKey(spec),
  ]);
  if (session.rows?.key !== key) {
    session.rows = { key, lines: new TreeRows(session.model.tree, query, rowsContext(session, spec)) };
  }
  return session.rows.lines;
}

/** The rows right below one module: the native tree asks level by level. */
function children(session: Session, path: string | null, spec: QuantizeSpecDto | null, limit: number): RowsPageDto {
  const context = rowsContext(session, spec);
  if (path === null) {
    const root = new TreeRows(session.model.tree, { filter: '', toggled: [], base: 'none' }, context);
    return { total: 1, start: 0, rows: root.page(0, 1) };
  }
  const node = session.model.modules.get(path);
  if (node === undefined) throw invalid('E_NO_MODULE', `The file has no module named ${JSON.stringify(path)}.`);
  const below = new TreeRows(
    node,
    { filter: '', toggled: [`m:${path}`], base: 'none' },
    path === '' ? context : { ...context, opaque: [] },
  );
  return { total: below.total - 1, start: 0, rows: below.page(1, limit) };
}

function rowsContext({ model, reports }: Session, spec: QuantizeSpecDto | null): RowsContext {
  const sqnrDb = new Map<string, number>();
  const moduleSqnrDb = new Map<string, number>();
  for (const { path, sqnrDb: whole, weights } of (spec === null ? undefined : reports.get(specKey(spec)))?.modules ??
    []) {
    moduleSqnrDb.set(path, whole);
    for (const { name, sqnrDb: db } of weights) sqnrDb.set(path === '' ? name : `${path}.${name}`, db);
  }
  return {
    plan: spec === null ? null : planModel(model, spec, model.tree),
    sqnrDb,
    moduleSqnrDb,
    opaque: model.file.opaque,
  };
}
