import type { Scheme } from './dto';
import type { ForwardPlanDto } from './planDto';
import type { QuantizeSpecDto } from './quantizeDto';

export type ExportFormat = 'torch' | 'safetensors' | 'onnx' | 'npz' | 'npy' | 'gguf';

/** Where a file of safetensors is split unless somebody says otherwise: Hugging Face splits above 5 GB. */
export const defaultShardBytes = 5_000_000_000;

/** Single tensors as NumPy arrays. */
export interface ArraysDto {
  readonly names: readonly string[];
  /** Of the file, the codes of int8, or the float32 values that the codes stand for. */
  readonly values: 'own' | 'codes' | 'dequantized';
  /** Where the request has no spec to decide it. */
  readonly scheme: Scheme;
}

/** What to write. Every field is needed so that a request means the same wherever it comes from. */
export interface ExportRequestDto {
  /** Absolute path of the file; shards and external data are written beside it. */
  readonly target: string;
  readonly format: ExportFormat;
  /** null writes the float model. */
  readonly spec: QuantizeSpecDto | null;
  /** PyTorch's container: 1.13's is what every version reads. */
  readonly torchStyle: '1.13' | '2';
  /**
   * PyTorch: the state dict that quantize_dynamic saves, plain tensors for `set_weight_bias`, or the
   * modules themselves, as `torch.save(model)` writes them.
   */
  readonly layout: 'state_dict' | 'set_weight_bias' | 'whole_module';
  /** ONNX: the module to write; '' is the whole model. */
  readonly module: string;
  /** A rewritten ONNX model: weights of 7 bits, for machines whose 16-bit sums of int8 products saturate. */
  readonly reduceRange: boolean;
  /** safetensors: bytes of tensors a file may hold before it is split. */
  readonly shardBytes: number;
  /** Whether an existing target may be replaced: a person was asked. */
  readonly overwrite: boolean;
  /** Of a file in which tools find different models: what Quantscope shows, as PyTorch reads it, is meant. */
  readonly acceptsAmbiguous?: boolean;
  /** ONNX: the plan by which the model's modules are joined, instead of `module`; it is looked at again. */
  readonly plan?: ForwardPlanDto;
  /** npy and npz: these tensors instead of the model. */
  readonly arrays?: ArraysDto;
}

export interface ExportReportDto {
  readonly format: ExportFormat;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly bytes: number;
  /** Lines that load the file: Python, ready to paste. */
  readonly load: string;
  /** Tensors that were read back and found equal to what was meant. */
  readonly verified: number;
}
