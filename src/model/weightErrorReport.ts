import type { AbortCheck } from '../core/abort';
import { invalid, QuantscopeError } from '../core/errors';
import { quantizeWeight, type Scheme } from '../engine/quantization/quantizeWeight';
import { outlierChannels, type WeightError, weightError } from '../engine/quantization/weightError';
import type { ErrorMeasuresDto, WeightErrorDto } from '../protocol/answersDto';
import { readValues } from './loadModule';
import { findTensor, type Model } from './openModel';

const maxOutliers = 20;

/** Errors of one weight matrix, as a whole and by output channel. */
export async function weightErrorReport(
  model: Model,
  name: string,
  scheme: Scheme,
  abort: AbortCheck,
): Promise<WeightErrorDto> {
  const tensor = findTensor(model, name);
  if (tensor.shape.length !== 2) {
    throw invalid('E_NOT_QUANTIZABLE', `${name} is not a matrix: it stays float.`, { where: { tensor: name } });
  }
  const values = await readValues(model, tensor, abort);
  const [rows, columns] = tensor.shape;
  const errorOf = (which: Scheme) => weightError(values, quantizeWeight(values, rows, columns, which));
  try {
    const [perTensor, perChannel] = [errorOf('per_tensor'), errorOf('per_channel')];
    const own = scheme === 'per_tensor' ? perTensor : perChannel;
    const other = scheme === 'per_tensor' ? perChannel : perTensor;
    return {
      name,
      scheme,
      shape: tensor.shape,
      ...measures(own),
      other: { scheme: scheme === 'per_tensor' ? 'per_channel' : 'per_tensor', ...measures(other) },
      channels: own.channels,
      outliers: outlierChannels(own, perChannel, maxOutliers),
    };
  } catch (error) {
    if (!(error instanceof QuantscopeError)) throw error;
    throw new QuantscopeError({ ...error.details, where: { ...error.details.where, tensor: name } });
  }
}

function measures({ sqnrDb, rmse, relativeRmse, maxAbsError, p95AbsError, cosine }: WeightError): ErrorMeasuresDto {
  return { sqnrDb, rmse, relativeRmse, maxAbsError, p95AbsError, cosine };
}
