import { basename, dirname, relative, sep } from 'node:path';
import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import type { Progress } from '../core/progress';
import type { Tensor } from '../engine/tensor/tensor';
import type { OutputPairs } from '../model/forwardModule';
import { forwardProgram, type ProgramOutputs, programArrays } from '../model/forwardProgram';
import { type Model, openModel } from '../model/openModel';
import { readPlan } from '../model/plan/readPlan';
import { type LoadedProgram, loadProgram, type PreparedProgram, prepareProgram } from '../model/preparedProgram';
import { suggestInputs } from '../model/programInputs';
import { parseSource } from '../model/sourceFiles';
import { gatherModules } from '../model/sourceImports';
import type { SourceChoice } from '../model/sourceModel';
import type {
  ForwardRequestDto,
  ForwardResultDto,
  ModelSourceDto,
  WholeCodeDto,
  WholeModelDto,
} from '../protocol/forwardDto';
import type { RunnableDto } from '../protocol/modelDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { type OpenSource, withSource } from './openSource';
import { programOutputs } from './outputArrays';
import { readText } from './readText';
import { resolveSibling } from './siblingFile';
import { typedInputs } from './textInputs';

/** Bytes of a Python file or notebook; pictures in a notebook's outputs count. */
const maxSourceBytes = 64 * 1024 * 1024;

/** Bytes of an imported file: four for each of its characters. */
const maxModuleBytes = 4_000_000;

const tooLong = ['E_PY_LIMIT', 'The source is too long.'] as const;

/** Models up to this size stay loaded between two looks at one run. */
const maxKeptBytes = 256 * 1024 * 1024;

/** Without shapes, those of the proposed inputs. */
type WholeRequest = Pick<ForwardRequestDto, 'seed' | 'inputs' | 'source' | 'plan'> & {
  readonly shapes: ForwardRequestDto['shapes'] | null;
};

/** True where the whole model runs: by its own code, by a class, by a plan. */
export function isWhole(
  { file }: Model,
  { module, source, plan }: Pick<ForwardRequestDto, 'module' | 'source' | 'plan'>,
): boolean {
  return source !== undefined || plan !== undefined || (module === '' && file.program !== undefined);
}

interface Loaded {
  readonly key: string;
  readonly program: LoadedProgram;
  readonly known: RunnableDto['inputs'];
}

/** The programs of one open file. The last one stays loaded, so that a look at one scale does not build the model again. */
export class WholeModels {
  private kept: Loaded | undefined;

  constructor(
    private readonly model: Model,
    private readonly openSource: OpenSource,
    private readonly abort: AbortCheck,
  ) {}

  /** Builds the model, without running it, and proposes inputs. */
  async describe(code: WholeCodeDto): Promise<WholeModelDto> {
    const { program, known } = await this.load(code);
    return {
      by: code.plan !== undefined ? 'plan' : code.source !== undefined ? 'source' : 'archive',
      className: program.className,
      file: code.source === undefined ? '' : basename(code.source.path),
      inputs: known,
      notes: program.notes,
    };
  }

  async prepare(request: WholeRequest, spec: QuantizeSpecDto): Promise<PreparedProgram> {
    const { program, known } = await this.load(request);
    const shapes = request.shapes ?? known.map(({ shape }) => shape);
    return prepareProgram(program, { ...request, shapes }, spec, known, await this.inputs(request, known), this.abort);
  }

  async forward(
    request: ForwardRequestDto,
    spec: QuantizeSpecDto,
    progress: Progress,
  ): Promise<{ readonly result: ForwardResultDto; readonly outputs: OutputPairs }> {
    const prepared = await this.prepare(request, spec);
    const { result, outputs } = await forwardProgram(this.model, request, prepared, this.abort, progress);
    return { result, outputs: denseOutputs(outputs) };
  }

  async outputs(request: WholeRequest, spec: QuantizeSpecDto): Promise<OutputPairs> {
    const { run, twins } = await this.prepare(request, spec);
    return denseOutputs({ float: run().outputs, quantized: run(twins()).outputs });
  }

  private async load({ source, plan: asked }: WholeCodeDto): Promise<Loaded> {
    const choice = source && (await this.read(source));
    const plan = asked && readPlan(asked);
    const key = JSON.stringify([choice, plan]);
    if (this.kept?.key === key) return this.kept;
    this.kept = undefined;
    const program = await loadProgram(this.model, choice, plan, this.abort);
    const known = plan?.inputs ?? (await suggestInputs(program.program, this.model, this.abort));
    const loaded = { key, program, known };
    if (this.model.root.bytes <= maxKeptBytes) this.kept = loaded;
    return loaded;
  }

  private async inputs({ inputs }: WholeRequest, known: RunnableDto['inputs']) {
    if (inputs == null) return undefined;
    if (inputs.kind !== 'file') return typedInputs(inputs, known, this.openSource);
    return inputArrays(inputs.path, this.openSource, this.abort);
  }

  private async read({ path, className, init, root }: ModelSourceDto): Promise<SourceChoice> {
    const text = await readText(this.openSource, path, maxSourceBytes, tooLong);
    const name = basename(path);
    const top = root ?? dirname(path);
    const packageName = packageBelow(top, dirname(path));
    const { files } = parseSource(text, name);
    const modules = await gatherModules(files, packageName, async (below) => {
      const found = await resolveSibling(top, below);
      return found === undefined ? undefined : readText(this.openSource, found, maxModuleBytes, tooLong);
    });
    return { name, text, className: className ?? undefined, init, modules, packageName };
  }
}

/** The inputs that a file holds for a program or a graph. */
export function inputArrays(path: string, openSource: OpenSource, abort: AbortCheck): Promise<Tensor[]> {
  return withSource(openSource, path, async (source) => programArrays(await openModel(source, abort), abort));
}

function denseOutputs({ float, quantized }: ProgramOutputs): OutputPairs {
  return { float: programOutputs(float), quantized: programOutputs(quantized) };
}

/** `models.text` for a file in models/text below the root of imports. */
function packageBelow(root: string, folder: string): string {
  const way = relative(root, folder);
  if (way === '') return '';
  const parts = way.split(sep);
  if (parts.every((part) => /^[A-Za-z_]\w*$/.test(part))) return parts.join('.');
  throw invalid('E_PY_IMPORT', 'The source is not in a package below the folder that imports are looked for in.', {
    found: way.slice(0, 200),
    expected: 'folders whose names are Python names',
  });
}
