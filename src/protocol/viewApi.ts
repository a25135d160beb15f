import type { ProgressUnit } from '../core/progress';
import type { BreakEvenDto, CoverageDto, SensitivityDto, WeightErrorDto } from './answersDto';
import type { ComparisonDto } from './compareDto';
import type { ErrorDto, Scheme } from './dto';
import type { ArraysDto } from './exportDto';
import type {
  ActivationDetailDto,
  ActivationQueryDto,
  ExplainedElementDto,
  ExplainQueryDto,
  ForwardResultDto,
  GivenInputsDto,
  OutputImageQueryDto,
  SavedArraysDto,
  WholeModelDto,
} from './forwardDto';
import type { HealthDto, ModelSummaryDto, OverviewDto } from './modelDto';
import type { PlanReportDto } from './planDto';
import type { QuantizedSummaryDto, QuantizeSpecDto } from './quantizeDto';
import type { RowPlaceDto, RowsPageDto, RowsQueryDto, SparklineDto } from './rowsDto';
import type {
  TensorDetailDto,
  TensorDetailQueryDto,
  TensorImageDto,
  TensorImageQueryDto,
  ValuesPageDto,
  ValuesQueryDto,
} from './tensorDto';

/** Everything a view shows that is not a page of rows or the detail of one tensor. Always sent whole. */
export interface ViewSnapshotDto {
  /** Grows by one with every change; a view may ignore an older one. */
  readonly revision: number;
  readonly phase: 'empty' | 'loading' | 'ready' | 'failed';
  /** Base name of the file; empty when no model is open. */
  readonly file: string;
  readonly error: ErrorDto | null;
  readonly model: ModelSummaryDto | null;
  /** Grows each time the file is read. */
  readonly modelRevision: number;
  /** The settings that Quantize would use, unticked modules in `exclude`. */
  readonly spec: QuantizeSpecDto;
  /** The spec of the last Quantize; null before it and after undo. */
  readonly quantizedSpec: QuantizeSpecDto | null;
  readonly quantized: QuantizedSummaryDto | null;
  readonly forward: ForwardResultDto | null;
  /** What the whole model runs by: its own code, a class or a plan that was chosen; null where there is nothing yet. */
  readonly whole: WholeModelDto | null;
  /** The plan that was proposed or loaded; null without one. */
  readonly plan: (PlanReportDto & { readonly saved: boolean }) | null;
  /** Base name of the file with inputs that was chosen; empty without one. */
  readonly inputsFile: string;
  /** The forward pass belongs to an older spec. */
  readonly forwardStale: boolean;
  /** The file compared with another; null until somebody asks. */
  readonly comparison: ComparisonDto | null;
  /** The error of each layer alone, for the engine and granularity of the last Quantize; null until it is measured. */
  readonly sensitivity: SensitivityDto | null;
  /** Latency over size for one layer's type; null until it is measured. */
  readonly breakEven: BreakEvenDto | null;
  /** The file changed on disk after it was read. */
  readonly changedOnDisk: boolean;
  /** Id of the selected row. */
  readonly selection: string | null;
  /** The tab that a command asked for; the view follows when `revision` is new. */
  readonly tab: ViewTab;
  readonly busy: {
    readonly what: string;
    readonly done: number;
    readonly total: number;
    readonly unit: ProgressUnit;
    /** Null while nobody can tell. */
    readonly secondsLeft: number | null;
  } | null;
  /** The last action's failure, shown until the next action. */
  readonly notice: ErrorDto | null;
  readonly canUndo: boolean;
}

export const viewTabs = ['overview', 'weights', 'error', 'forward', 'compare'] as const;

/** Where the inputs of a forward pass come from. */
export type InputsSource = 'seed' | GivenInputsDto['kind'];

export type ViewTab = (typeof viewTabs)[number];

/** The settings of the next Quantize that change; a list of overrides replaces the one before. */
export type SpecChangeDto = Partial<
  Pick<QuantizeSpecDto, 'engine' | 'dtype' | 'perChannel' | 'overrides' | 'halfStorage'>
>;

/** What a webview may ask of the host. Arguments are validated there. */
export interface HostApi {
  /** The first call of every view; again after it was hidden. */
  ready(args: Record<string, never>): ViewSnapshotDto;
  rows(args: RowsQueryDto): RowsPageDto;
  locate(args: Omit<RowsQueryDto, 'start' | 'count'> & { readonly id: string }): RowPlaceDto;
  sparklines(args: { names: readonly string[] }): readonly SparklineDto[];
  tensorDetail(args: TensorDetailQueryDto): TensorDetailDto;
  /** Of what the next Quantize would do. */
  overview(args: Record<string, never>): OverviewDto;
  health(args: Record<string, never>): HealthDto;
  /** Every module and what the next Quantize would do with it. */
  coverage(args: Record<string, never>): CoverageDto;
  values(args: ValuesQueryDto): ValuesPageDto;
  image(args: TensorImageQueryDto): TensorImageDto;
  weightError(args: { name: string; scheme: Scheme }): WeightErrorDto;
  explain(args: Omit<ExplainQueryDto, 'request'>): ExplainedElementDto;
  activation(args: Omit<ActivationQueryDto, 'request'>): ActivationDetailDto;
  select(args: { id: string }): void;
  showTab(args: { tab: ViewTab }): void;
  /** Changes what the next Quantize uses. */
  setSpec(args: SpecChangeDto): void;
  /** Ticks or unticks a module and everything below it. */
  tick(args: { path: string; ticked: boolean }): void;
  /** With a change of the choice, where there is one: both are one step back. */
  quantize(args: SpecChangeDto): void;
  /** Those of the modules that the next Quantize would quantize. */
  chosen(args: { paths: readonly string[] }): readonly string[];
  /** Quantizes each layer alone and compares the outputs. */
  measureSensitivity(args: Record<string, never>): void;
  /** Times layers of this one's type over their size. */
  measureBreakEven(args: { module: string }): void;
  /** Leaves exactly these modules in float and quantizes again. */
  keepFloat(args: { paths: readonly string[] }): void;
  undo(args: Record<string, never>): void;
  /** `file` runs with the file that `pickInputs` chose, a literal or a text with what was typed; all instead of the seed. */
  runForward(args: {
    module: string;
    /** The whole model by `whole`, and not the module. */
    whole: boolean;
    seed: number;
    shapes: readonly (readonly number[])[];
    source: InputsSource;
    typed: string;
    /** Names of values of the graph to show after its outputs. */
    values?: readonly string[];
  }): void;
  /** What the button Run Forward… does before there is a form: the whole model, its class asked for, or the only module. */
  startForward(args: Record<string, never>): void;
  /** Asks the person for the model's class among the Python files and notebooks of the workspace. */
  chooseCode(args: Record<string, never>): void;
  /** Proposes a forward plan, or loads the one that was saved. */
  proposePlan(args: Record<string, never>): void;
  /** A plan as JSON that was edited in the page. */
  editPlan(args: { text: string }): void;
  /** Writes the plan beside the model; `open` shows it as JSON. */
  savePlan(args: { open: boolean }): void;
  /** Goes back to running single modules. */
  forgetCode(args: Record<string, never>): void;
  /** Opens the place in a source that the notice names. */
  openPlace(args: Record<string, never>): void;
  outputImage(args: Omit<OutputImageQueryDto, 'request'>): TensorImageDto;
  outputSeries(args: { output: number }): ForwardResultDto['series'];
  /** Asks for a file, and writes one tensor to it as .npy or .npz; codes are those of the scheme that is shown. */
  saveTensor(args: Omit<ArraysDto, 'names'> & { readonly name: string }): void;
  /** Asks for a file, and writes outputs or activations of the last forward pass to it. */
  saveForward(args: SavedArraysDto): void;
  /** Asks the person for a file with inputs. */
  pickInputs(args: Record<string, never>): void;
  /** Cancels what `busy` names. */
  cancel(args: Record<string, never>): void;
  /** `damaged`: shows what can be read of a file that was refused. */
  reload(args: { damaged?: boolean }): void;
  /** Runs one of the extension's own commands. */
  command(args: { name: ViewCommand }): void;
  copy(args: { text: string }): void;
  /** An error inside the webview, for the log. */
  report(args: { message: string }): void;
}

/** The extension's commands that a page may run. */
export const viewCommandNames = [
  'openModel',
  'createRecipeModel',
  'showReprDiff',
  'revealEditor',
  'goToModule',
  'copyAsPython',
  'openSource',
  'exportReport',
  'exportModel',
  'compareFiles',
] as const;

export type ViewCommand = (typeof viewCommandNames)[number];

/** What the host tells a webview, without waiting for an answer. */
export interface ViewApi {
  snapshot(args: ViewSnapshotDto): void;
}
