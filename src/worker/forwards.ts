import type { AbortCheck } from '../core/abort';
import { invalid, unsupported } from '../core/errors';
import { noProgress, type Progress } from '../core/progress';
import type { Tap } from '../engine/quantization/tap';
import { floatTensor, type Tensor } from '../engine/tensor/tensor';
import { activationDetail, describeActivations, tappedModule } from '../model/activationDetail';
import { capture, captureAll, captureSteps } from '../model/capture';
import { summarize } from '../model/describeModel';
import { explainOutput } from '../model/explainOutput';
import { forwardModule, moduleOutputs, type OutputPairs, series } from '../model/forwardModule';
import { fileInputs } from '../model/givenInputs';
import { onnxGrid } from '../model/onnx/tapProducts';
import { findModule, type Model, openModel } from '../model/openModel';
import { requestSpec } from '../model/preparedProgram';
import { explainProgram, programActivation } from '../model/programDetails';
import { defaultInputs } from '../model/runnable';
import { programRun, sensitivity } from '../model/sensitivity';
import type { SensitivityDto, SensitivityRequestDto } from '../protocol/answersDto';
import type {
  ActivationDetailDto,
  ActivationQueryDto,
  ExplainedElementDto,
  ExplainQueryDto,
  ForwardRequestDto,
  ForwardResultDto,
  OutputImageQueryDto,
  SavedArraysDto,
  SaveForwardDto,
  WholeCodeDto,
  WholeModelDto,
} from '../protocol/forwardDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import type { TensorImageDto } from '../protocol/tensorDto';
import type { GraphFile } from './onnxGraph';
import { graphSensitivity } from './onnxSensitivity';
import { describeGraph, forwardGraph, isGraph, tappedGraph } from './onnxWhole';
import { type OpenSource, withSource } from './openSource';
import {
  activationArrays,
  type NamedArray,
  numbers,
  outputArrays,
  outputImage,
  stepArray,
  writeArrays,
} from './outputArrays';
import { typedInputs } from './textInputs';
import { isWhole, WholeModels } from './wholeModels';

/** Values of one product's inputs that are written to a file. */
const maxSavedValues = 100_000_000;

/**
 * Forward passes over one open file: of a module, or of the whole model by code. Every question
 * carries the whole request; what a run gave is kept only to answer the next question sooner.
 */
export class Forwards {
  private readonly whole: WholeModels;
  private last: { readonly key: string; readonly outputs: OutputPairs } | undefined;

  constructor(
    private readonly model: Model,
    /** Where the file is. */
    private readonly path: string,
    private readonly openSource: OpenSource,
    private readonly abort: AbortCheck,
  ) {
    this.whole = new WholeModels(model, openSource, abort);
  }

  async describe(by: WholeCodeDto): Promise<WholeModelDto> {
    return isGraph(this.model, { module: '', ...by }) ? describeGraph(this.model) : this.whole.describe(by);
  }

  /** What a report runs unasked: the whole model where it has code, else the first module that runs by itself; undefined where nothing does. */
  async proposed(spec: QuantizeSpecDto): Promise<ForwardRequestDto | undefined> {
    const { runnable, code } = summarize(this.model);
    const [first] = runnable;
    const whole = code === 'onnx' || (code === 'archive' && first?.path === '');
    if (!whole && first === undefined) return undefined;
    const { inputs } = whole ? await this.describe({}) : first;
    const { engine, perChannel } = spec;
    const shapes = inputs.map(({ shape }) => shape);
    return { module: whole ? '' : first.path, seed: 29592, shapes, engine, perChannel, spec, runs: 100, warmup: 30 };
  }

  async forward(request: ForwardRequestDto, progress: Progress): Promise<ForwardResultDto> {
    this.last = undefined;
    const { result, outputs } = await this.run(request, progress);
    // A view asks for pictures of what just ran.
    this.last = { key: JSON.stringify(request), outputs };
    if (request.outputsFile !== undefined) {
      const { path, quantized } = request.outputsFile;
      // A file that is quantized has no other outputs of its own.
      const which = quantized || result.stored ? 'int8' : 'float';
      await writeArrays(path, outputArrays(outputs, which), this.path, this.abort);
    }
    return result;
  }

  async activation(query: ActivationQueryDto): Promise<ActivationDetailDto> {
    const { request } = query;
    if (isGraph(this.model, request)) {
      return describeActivations(captureSteps(query, await this.tapped(request)), onnxGrid);
    }
    return isWhole(this.model, request)
      ? programActivation(await this.whole.prepare(request, requestSpec(request)), query)
      : activationDetail(this.model, query, this.abort, await this.given(request));
  }

  async explain(query: ExplainQueryDto): Promise<ExplainedElementDto> {
    const { request } = query;
    if (isGraph(this.model, request)) {
      throw unsupported(
        'E_EXPLAIN_ONNX',
        'The sums of a graph are made inside ONNX Runtime, which does not show them.',
        {
          hint: 'The scales and codes of its inputs are shown.',
        },
      );
    }
    return isWhole(this.model, request)
      ? explainProgram(await this.whole.prepare(request, requestSpec(request)), query)
      : explainOutput(this.model, query, this.abort, await this.given(request));
  }

  /** At the output of the whole model where it runs by code. */
  async sensitivity(request: SensitivityRequestDto, progress: Progress): Promise<SensitivityDto> {
    const { model, abort } = this;
    if (isGraph(model, request)) return graphSensitivity(this.graphFile, request, progress);
    if (!isWhole(model, request)) return sensitivity(model, request, abort, progress, await this.given(request));
    const prepared = await this.whole.prepare(request, { ...request.spec, exclude: [] });
    return sensitivity(model, request, abort, progress, undefined, programRun(prepared));
  }

  async outputImage({ request, output, layer }: OutputImageQueryDto): Promise<TensorImageDto> {
    const { float, quantized } = await this.outputs(request);
    return outputImage(at(float, output), at(quantized, output), layer, this.abort);
  }

  async outputSeries(request: ForwardRequestDto, output: number): Promise<ForwardResultDto['series']> {
    const outputs = await this.outputs(request);
    const [float, quantized] = [at(outputs.float, output), at(outputs.quantized, output)];
    return series(floatTensor(numbers(float), float.shape), floatTensor(numbers(quantized), quantized.shape));
  }

  async save({ request, what, target }: SaveForwardDto): Promise<{ bytes: number; arrays: number }> {
    const arrays = await this.arrays(request, what);
    return { bytes: await writeArrays(target, arrays, this.path, this.abort), arrays: arrays.length };
  }

  private async arrays(request: ForwardRequestDto, what: SavedArraysDto): Promise<NamedArray[]> {
    switch (what.kind) {
      case 'outputs':
        return outputArrays(await this.outputs(request), what.which, what.output);
      case 'activation':
        return activationArrays(captureAll(what.module, what.weight, maxSavedValues, await this.tapped(request)));
      case 'step':
        return [stepArray(capture(what, await this.tapped(request)), what.which)];
    }
  }

  private get graphFile(): GraphFile {
    const { model, path, openSource, abort } = this;
    return { model, path, openSource, abort };
  }

  private async run(
    request: ForwardRequestDto,
    progress: Progress,
  ): Promise<{ readonly result: ForwardResultDto; readonly outputs: OutputPairs }> {
    const { model, abort } = this;
    if (isWhole(model, request)) return this.whole.forward(request, requestSpec(request), progress);
    if (isGraph(model, request)) return forwardGraph(this.graphFile, request, progress);
    return forwardModule(model, request, abort, progress, await this.given(request));
  }

  /** What the last pass gave, where it was this one; else runs again, without timing anything. */
  private async outputs(request: ForwardRequestDto): Promise<OutputPairs> {
    const key = JSON.stringify(request);
    if (this.last?.key !== key) this.last = { key, outputs: await this.runOnce(request) };
    return this.last.outputs;
  }

  private async runOnce(request: ForwardRequestDto): Promise<OutputPairs> {
    const { model, abort } = this;
    if (isWhole(model, request)) return this.whole.outputs(request, requestSpec(request));
    if (isGraph(model, request)) {
      const once = { ...request, runs: 0, warmup: 0 };
      return (await forwardGraph(this.graphFile, once, noProgress)).outputs;
    }
    return moduleOutputs(model, request, abort, await this.given(request));
  }

  private async tapped(request: ForwardRequestDto): Promise<(tap: Tap) => void> {
    if (isGraph(this.model, request)) {
      const captured = await tappedGraph(this.graphFile, request);
      return (tap) => {
        for (const { record, values, codes } of captured) tap.activation(record, values, codes);
      };
    }
    if (!isWhole(this.model, request)) return tappedModule(this.model, request, this.abort, await this.given(request));
    const { run, twins } = await this.whole.prepare(request, requestSpec(request));
    return (tap) => void run(twins(), tap);
  }

  /** What a request gives instead of random inputs; a file is opened, read and closed. */
  private async given({
    module,
    inputs,
  }: Pick<ForwardRequestDto, 'module' | 'inputs'>): Promise<readonly Tensor[] | undefined> {
    if (inputs == null) return undefined;
    const known = defaultInputs(module === '' ? this.model.root : findModule(this.model, module)) ?? [];
    if (inputs.kind !== 'file') return typedInputs(inputs, known, this.openSource);
    return withSource(this.openSource, inputs.path, async (source) =>
      fileInputs(await openModel(source, this.abort), known, this.abort),
    );
  }
}

function at(outputs: readonly Tensor[], index: number): Tensor {
  if (index < outputs.length) return outputs[index];
  throw invalid('E_NO_OUTPUT', `The forward has no output ${index}.`, { found: `${outputs.length} outputs` });
}
