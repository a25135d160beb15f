import type {
  BreakEvenDto,
  BreakEvenRequestDto,
  CoverageDto,
  SensitivityDto,
  SensitivityRequestDto,
  WeightErrorDto,
} from './answersDto';
import type { ComparisonDto, ReportDto, ReportTextsDto } from './compareDto';
import type { EngineName, SafetyDto, Scheme } from './dto';
import type { ExportReportDto, ExportRequestDto } from './exportDto';
import type {
  ActivationDetailDto,
  ActivationQueryDto,
  ExplainedElementDto,
  ExplainQueryDto,
  ForwardRequestDto,
  ForwardResultDto,
  ModelSourceDto,
  ModuleClassDto,
  OnnxForwardDto,
  OnnxForwardRequestDto,
  OutputImageQueryDto,
  SaveForwardDto,
  WholeModelDto,
} from './forwardDto';
import type {
  BenchmarkDto,
  HealthDto,
  InspectDto,
  ModelSummaryDto,
  OverviewDto,
  RecipeDto,
  SourceDto,
  SourceTextDto,
  VerificationDto,
} from './modelDto';
import type { ForwardPlanDto, PlanReportDto, ProposedPlanDto } from './planDto';
import type { QConfigOverrideDto, QuantizedSummaryDto, QuantizeReportDto, QuantizeSpecDto } from './quantizeDto';
import type { RowPlaceDto, RowsPageDto, RowsQueryDto, SparklineDto } from './rowsDto';
import type {
  StatsReportDto,
  TensorDetailDto,
  TensorDetailQueryDto,
  TensorImageDto,
  TensorImageQueryDto,
  ValuesPageDto,
  ValuesQueryDto,
} from './tensorDto';

/**
 * What the engine's thread does. One thread serves one open file. Every request says all it
 * needs, so that a thread that had to be terminated is replaced by opening the file again.
 */
export interface EngineApi {
  /** `damaged`: what can be read of a file that is refused; such an error says in `sound` what that is. */
  open(args: { path: string; damaged?: boolean }): ModelSummaryDto;
  inspect(args: Record<string, never>): InspectDto;
  scan(args: Record<string, never>): SafetyDto;
  /** Reads the whole file: every storage against its checksum. */
  verify(args: Record<string, never>): VerificationDto;
  /** Names of the sources that the file carries. */
  sources(args: Record<string, never>): readonly SourceDto[];
  /** One of them as text, to be shown and never run. */
  readSource(args: { name: string }): SourceTextDto;
  rows(args: RowsQueryDto): RowsPageDto;
  /** The rows right below a module (null: the root itself), for the native tree; the first `limit` of them. */
  children(args: { path: string | null; spec: QuantizeSpecDto | null; limit: number }): RowsPageDto;
  sparklines(args: { names: readonly string[]; bins: number }): readonly SparklineDto[];
  tensorDetail(args: TensorDetailQueryDto): TensorDetailDto;
  /** Where the bytes are and what the spec would do; from names and shapes alone. */
  overview(args: { spec: QuantizeSpecDto }): OverviewDto;
  /** Reads every value of the model. */
  health(args: Record<string, never>): HealthDto;
  values(args: ValuesQueryDto): ValuesPageDto;
  image(args: TensorImageQueryDto): TensorImageDto;
  /** Where a row stands in the visible lines; while it is not among them, which collapsed modules hide it. */
  locate(args: Omit<RowsQueryDto, 'start' | 'count'> & { readonly id: string }): RowPlaceDto;
  /** The lines that do the same in PyTorch. */
  python(args: { spec: QuantizeSpecDto }): string;
  /** Compares the open file, as the one before, with another. */
  compareWith(args: { path: string }): ComparisonDto;
  /** The recipe's five steps; without a request the first module that can be run is. Without texts the page is in English. */
  report(args: { spec: QuantizeSpecDto; forward: ForwardRequestDto | null; texts?: ReportTextsDto }): ReportDto;
  /** Writes a text that was made before, as a whole or not at all. */
  writeText(args: { path: string; text: string }): { readonly bytes: number };
  /** null asks for every tensor; those that cannot be read are named instead. */
  stats(args: { tensor: string | null; bins: number }): StatsReportDto;
  quantize(args: QuantizeSpecDto): QuantizeReportDto;
  /** The same work, answered without the lists that grow with the model. */
  quantizeSummary(args: QuantizeSpecDto): QuantizedSummaryDto;
  /** Paths of the modules that the spec would quantize, with everything below `path` when given. */
  quantizable(args: { path: string }): readonly string[];
  /** Those of the modules that the spec quantizes. */
  chosen(args: { paths: readonly string[]; spec: QuantizeSpecDto }): readonly string[];
  /** The overrides that quantize the modules at and below `path` although the spec leaves them in float32. */
  overridesToQuantize(args: { path: string; spec: QuantizeSpecDto }): readonly QConfigOverrideDto[];
  forward(args: ForwardRequestDto): ForwardResultDto;
  /** The whole model by its own code, by a class of a Python file, or by a plan: builds it and proposes inputs, without running it. */
  whole(args: { source?: ModelSourceDto; plan?: ForwardPlanDto }): WholeModelDto;
  /** The nn.Module classes that Python files and notebooks define, by the heads of the classes; nothing of them runs. */
  moduleClasses(args: { paths: readonly string[] }): readonly ModuleClassDto[];
  /** One output of a forward pass as a picture. */
  outputImage(args: OutputImageQueryDto): TensorImageDto;
  /** The values of one output for the chart of lines. */
  outputSeries(args: { request: ForwardRequestDto; output: number }): ForwardResultDto['series'];
  /** Writes outputs or activations of a forward pass as .npz or .npy. */
  saveForward(args: SaveForwardDto): { readonly bytes: number; readonly arrays: number };
  /** A forward for a file without code, from names, shapes and order; E_NO_PLAN where nothing says where to start. */
  proposePlan(args: Record<string, never>): ProposedPlanDto;
  /** A plan that a person edited as text: E_PLAN names the place in it that is wrong. Nothing runs. */
  checkPlan(args: { text: string }): PlanReportDto;
  /** Reads a plan file; null for the one beside the model. */
  loadPlan(args: { path: string | null }): PlanReportDto & { readonly path: string };
  /** Writes a plan; null for beside the model, as its name with `.forward.json`. */
  savePlan(args: { plan: ForwardPlanDto; path: string | null }): { readonly path: string; readonly bytes: number };
  /** The whole graph of an ONNX file, by ONNX Runtime. */
  onnxForward(args: OnnxForwardRequestDto): OnnxForwardDto;
  activation(args: ActivationQueryDto): ActivationDetailDto;
  /** Writes the model, float or quantized, in some format; reads it back before it answers. */
  exportModel(args: ExportRequestDto): ExportReportDto;
  /** The integers, scaling and bias behind one output number of a quantized product. */
  explain(args: ExplainQueryDto): ExplainedElementDto;
  /** Errors of one weight, as a whole and by channel. */
  weightError(args: { name: string; scheme: Scheme }): WeightErrorDto;
  /** Every module with what happens to it and why; with `values`, weights are read to find NaN and infinity. */
  coverage(args: { spec: QuantizeSpecDto; values: boolean }): CoverageDto;
  /** Each layer quantized alone, ranked by the error that it makes, and which to keep in float. */
  sensitivity(args: SensitivityRequestDto): SensitivityDto;
  /** Float and int8 latency of layers like this one, over their size. */
  breakEven(args: BreakEvenRequestDto): BreakEvenDto;
  recipe(args: { engine: EngineName; runs: number }): RecipeDto;
  /** Writes the recipe's float LSTM as torch.save would; needs no open file. */
  writeRecipe(args: { path: string }): { bytes: number };
  /** Times the kernels at the shapes whose names contain `filter`; needs no open file. */
  bench(args: { filter: string }): BenchmarkDto;
}
