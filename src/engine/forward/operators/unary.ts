import { invalid } from '../../../core/errors';
import { roundHalfEven } from '../../../core/fma';
import type { Run } from '../interpreter/run';
import { category, type ElementType, isFloating } from '../values/elements';
import { mapElements, zipElements } from '../values/elementwise';
import { erf, erfc, gelu, geluTanh, sigmoid, softplus } from '../values/functions';
import { unary } from '../values/loops';
import { numberOf, type Operand, operandCategory } from '../values/promotion';
import type { StridedTensor } from '../values/stridedTensor';
import { PyFloat, type Value } from '../values/values';
import { inPlace, isScalar, scalarArithmetic, tensorArithmetic } from './arithmetic';
import { chunk } from './joining';
import { reshape } from './shape';
import { alias, define } from './table';

/** Functions of one element: mathematics and activations. */

type Fn = (x: number) => number;

/** Functions whose result is a float, whatever goes in. */
const floating: Readonly<Record<string, Fn>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  sigmoid,
  erf,
  erfc,
  silu: (x) => x * sigmoid(x),
  log_sigmoid: (x) => -softplus(-x, 1, 20),
  softsign: (x) => x / (1 + Math.abs(x)),
  tanhshrink: (x) => x - Math.tanh(x),
  mish: (x) => x * Math.tanh(softplus(x, 1, 20)),
};

/** Functions that keep the dtype. */
const keeping: Readonly<Record<string, Fn>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundHalfEven,
  square: (x) => x * x,
  frac: (x) => x - Math.trunc(x),
  relu: (x) => (x < 0 ? 0 : x),
  relu6: (x) => (x < 0 ? 0 : x > 6 ? 6 : x),
  hardsigmoid: (x) => Math.min(Math.max(x + 3, 0), 6) / 6,
  hardswish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
};

const floatType = (type: ElementType): ElementType => (isFloating(type) ? type : 'float32');

/** −x; of a bool tensor PyTorch refuses it. */
export function negate(run: Run, x: StridedTensor): StridedTensor {
  if (x.type === 'bool') {
    throw invalid('E_RUN_TYPE', 'Negation, the `-` operator, on a bool tensor is not supported.', {
      hint: 'Use the `~` or `logical_not()` operator instead.',
    });
  }
  return mapElements(run, x, x.type, keeping.neg, unary.neg);
}

for (const [name, f] of Object.entries(floating)) {
  define(`${name}(Tensor self)`, (run, x: StridedTensor) => mapElements(run, x, floatType(x.type), f, unary[name]));
  define(`${name}_(Tensor self)`, (run, x: StridedTensor) =>
    inPlace(run, x, mapElements(run, x, floatType(x.type), f, unary[name])),
  );
}
for (const [name, f] of Object.entries(keeping)) {
  if (name === 'neg') define('neg(Tensor self)', negate);
  else define(`${name}(Tensor self)`, (run, x: StridedTensor) => mapElements(run, x, x.type, f, unary[name]));
  define(`${name}_(Tensor self)`, (run, x: StridedTensor) =>
    inPlace(run, x, mapElements(run, x, x.type, f, unary[name])),
  );
}
/** TorchScript calls some of them with Python's numbers. */
for (const [name, f] of [
  ['neg', keeping.neg],
  ['abs', keeping.abs],
] as const) {
  define(`${name}(number self)`, (_run, x: number | PyFloat) =>
    x instanceof PyFloat ? new PyFloat(f(x.value)) : f(Number(x)) + 0,
  );
}
for (const name of ['ceil', 'floor'] as const) {
  define(`${name}(number self)`, (_run, x: number | PyFloat) => keeping[name](numberOf(x)));
}
for (const name of ['sqrt', 'log', 'exp', 'sin', 'cos', 'tanh'] as const) {
  define(`${name}(number self)`, (_run, x: number | PyFloat) => new PyFloat(floating[name](numberOf(x))));
}
define(
  'log(number self, number base)',
  (_run, x: number | PyFloat, base: number | PyFloat) => new PyFloat(Math.log(numberOf(x)) / Math.log(numberOf(base))),
);
define('pow(number self, number exponent)', (run, a: number, b: number) => scalarArithmetic(run, 'pow', a, b));
alias('negative', 'neg');
alias('absolute', 'abs');
alias('fix', 'trunc');
alias('arctan', 'atan');
alias('logsigmoid', 'log_sigmoid', 'functional');

define('round(Tensor self, *, int decimals)', (run, x: StridedTensor, decimals: number) => {
  const factor = 10 ** decimals;
  return mapElements(run, x, x.type, (v) => roundHalfEven(v * factor) / factor);
});

/** x·Φ(x), or its approximation by tanh. */
export function geluOf(run: Run, x: StridedTensor, approximate: string): StridedTensor {
  if (approximate === 'tanh') return mapElements(run, x, x.type, geluTanh, unary.geluTanh);
  return mapElements(run, x, x.type, gelu, unary.gelu);
}
define('gelu(Tensor self, *, str approximate="none")', geluOf);
define('gelu(Tensor input, str approximate="none")', geluOf, 'functional');

/** Activations with numbers, and their forms that write. */
function activation(signature: string, f: (x: number, ...numbers: number[]) => number): void {
  const apply = (run: Run, x: StridedTensor, numbers: number[]) => mapElements(run, x, x.type, (v) => f(v, ...numbers));
  define(signature, (run, x: StridedTensor, ...numbers: number[]) => apply(run, x, numbers));
  define(signature.replace('(', '_('), (run, x: StridedTensor, ...numbers: number[]) =>
    inPlace(run, x, apply(run, x, numbers)),
  );
}
activation('leaky_relu(Tensor self, float negative_slope=0.01)', (x, slope) => (x >= 0 ? x : x * slope));
activation(
  'elu(Tensor self, float alpha=1, float scale=1, float input_scale=1)',
  (x, alpha, scale, inner) => scale * (x > 0 ? x : alpha * Math.expm1(x * inner)),
);
activation(
  'celu(Tensor self, float alpha=1)',
  (x, alpha) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha)),
);
activation('softplus(Tensor self, float beta=1, float threshold=20)', softplus);
activation('hardtanh(Tensor self, float min_val=-1, float max_val=1)', (x, low, high) =>
  Math.min(Math.max(x, low), high),
);
activation('threshold(Tensor self, float threshold, float value)', (x, threshold, value) =>
  x > threshold ? x : value,
);
activation('hardshrink(Tensor self, float lambd=0.5)', (x, lambd) => (Math.abs(x) > lambd ? x : 0));
activation('softshrink(Tensor self, float lambd=0.5)', (x, lambd) =>
  x > lambd ? x - lambd : x < -lambd ? x + lambd : 0,
);

/** clamp: numbers do not change a float's dtype, tensors promote. */
function clamp(run: Run, x: StridedTensor, low: Operand | null, high: Operand | null): StridedTensor {
  const scalars = (low === null || isScalar(low as Value)) && (high === null || isScalar(high as Value));
  if (scalars) {
    const min = low === null ? Number.NEGATIVE_INFINITY : numberOf(low as number);
    const max = high === null ? Number.POSITIVE_INFINITY : numberOf(high as number);
    const raised = [low, high].some((one) => one !== null && operandCategory(one) > category(x.type));
    return mapElements(run, x, raised ? 'float32' : x.type, (v) =>
      v > max ? max : v < min ? (min > max ? max : min) : v,
    );
  }
  const below = low === null ? x : pairwise(run, x, low, true);
  return high === null ? below : pairwise(run, below, high, false);
}

function pairwise(run: Run, x: StridedTensor, bound: Operand, larger: boolean): StridedTensor {
  const difference = tensorArithmetic(run, 'sub', bound, x);
  const step = mapElements(run, difference, difference.type, (d) => (larger === d > 0 ? d : 0));
  return tensorArithmetic(run, 'add', x, step);
}
define('clamp(Tensor self, any min=None, any max=None)', clamp);
define(
  'clamp_(Tensor self, any min=None, any max=None)',
  (run, x: StridedTensor, low: Operand | null, high: Operand | null) => inPlace(run, x, clamp(run, x, low, high)),
);
define('clamp_min(Tensor self, any min)', (run, x: StridedTensor, low: Operand) => clamp(run, x, low, null));
define('clamp_max(Tensor self, any max)', (run, x: StridedTensor, high: Operand) => clamp(run, x, null, high));
define('clamp_min_(Tensor self, any min)', (run, x: StridedTensor, low: Operand) =>
  inPlace(run, x, clamp(run, x, low, null)),
);
alias('clip', 'clamp');

define(
  'nan_to_num(Tensor self, float nan=0, float? posinf=None, float? neginf=None)',
  (run, x: StridedTensor, nan: number, high: number | null, low: number | null) => {
    const largest = x.type === 'float64' ? Number.MAX_VALUE : 3.4028234663852886e38;
    return mapElements(run, x, x.type, (v) =>
      Number.isNaN(v)
        ? nan
        : v === Number.POSITIVE_INFINITY
          ? (high ?? largest)
          : v === Number.NEGATIVE_INFINITY
            ? (low ?? -largest)
            : v,
    );
  },
);
define('atan2(Tensor self, Tensor other)', (run, y: StridedTensor, x: StridedTensor) => {
  const type = floatType(y.type);
  return zipElements(run, y, x, type, type, Math.atan2);
});
define('dropout(Tensor input, float p, bool train)', evaluated);
for (const name of ['dropout_', 'alpha_dropout', 'feature_dropout', 'feature_dropout_', 'feature_alpha_dropout']) {
  define(`${name}(Tensor input, float p, bool train)`, evaluated);
}
for (const name of ['dropout', 'dropout1d', 'dropout2d', 'dropout3d', 'alpha_dropout', 'feature_alpha_dropout']) {
  define(`${name}(Tensor input, float p=0.5, bool training=True, bool inplace=False)`, evaluated, 'functional');
}

/** Dropout in evaluation mode: the same tensor. */
function evaluated(_run: Run, x: StridedTensor, p: number, train: boolean): StridedTensor {
  if (train && p > 0) {
    throw invalid(
      'E_RUN_TRAINING',
      'Dropout would run in training mode here; Quantscope runs models in evaluation mode.',
      {
        hint: 'Pass training=self.training, or call eval() before the model is saved.',
      },
    );
  }
  return x;
}
define('prelu(Tensor self, Tensor weight)', (run, x: StridedTensor, weight: StridedTensor) => {
  const shape =
    weight.count > 1 && x.rank > 1 ? [weight.count, ...new Array<number>(x.rank - 2).fill(1)] : [weight.count];
  return zipElements(run, x, reshape(run, weight, shape), x.type, x.type, (v, w) => (v >= 0 ? v : v * w));
});
define('glu(Tensor self, int dim=-1)', (run, x: StridedTensor, dim: number) => {
  const [a, b] = chunk(run, x, 2, dim);
  return zipElements(run, a, b, x.type, x.type, (v, gate) => v * sigmoid(gate));
});
