/** Special functions in double precision. */

/** The error function: W. J. Cody's rational approximations, "Rational Chebyshev approximation for the error function", 1969. */
export function erf(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) {
    const z = y * y;
    const [p, q] = [
      [
        3.209377589138469472562e3, 3.774852376853020208137e2, 1.138641541510501556495e2, 3.161123743870565596947,
        1.85777706184603152673e-1,
      ],
      [2.844236833439170622273e3, 1.282616526077372275645e3, 2.440246379344441733056e2, 2.360129095234412093499e1, 1],
    ];
    return (x * horner(p, z)) / horner(q, z);
  }
  const tail = erfcPositive(y);
  return x < 0 ? tail - 1 : 1 - tail;
}

export function erfc(x: number): number {
  if (Math.abs(x) <= 0.46875) return 1 - erf(x);
  const tail = erfcPositive(Math.abs(x));
  return x < 0 ? 2 - tail : tail;
}

const midP = [
  1.23033935479799725272e3, 2.05107837782607146532e3, 1.71204761263407058314e3, 8.81952221241769090411e2,
  2.98635138197400131132e2, 6.61191906371416294775e1, 8.88314979438837594118, 5.6418849698867008918e-1,
  2.15311535474403846343e-8,
];
const midQ = [
  1.23033935480374942043e3, 3.43936767414372163696e3, 4.3626190901432471582e3, 3.29079923573345962678e3,
  1.62138957456669018874e3, 5.37181101862009857509e2, 1.17693950891312499305e2, 1.57449261107098347253e1, 1,
];
const farP = [
  -6.58749161529837803157e-4, -1.60837851487422766278e-2, -1.25781726111229246204e-1, -3.60344899949804439429e-1,
  -3.05326634961232344035e-1, -1.63153871373020978498e-2,
];
const farQ = [
  2.33520497626869185443e-3, 6.05183413124413191178e-2, 5.27905102951428412248e-1, 1.87295284992346047209,
  2.56852019228982242072, 1,
];

/** erfc for x above 0.46875. */
function erfcPositive(x: number): number {
  if (x > 26.5) return 0;
  if (x <= 4) return (Math.exp(-x * x) * horner(midP, x)) / horner(midQ, x);
  const z = 1 / (x * x);
  const ratio = (z * horner(farP, z)) / horner(farQ, z);
  return (Math.exp(-x * x) / x) * (1 / Math.sqrt(Math.PI) + ratio);
}

/** Coefficients in rising order. */
function horner(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + coefficients[i];
  return sum;
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function softplus(x: number, beta: number, threshold: number): number {
  return x * beta > threshold ? x : Math.log1p(Math.exp(x * beta)) / beta;
}

/** x·Φ(x), or its approximation by tanh. */
export function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
}

export function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** The remainder that takes the divisor's sign, as Python's %. */
export function floorMod(a: number, b: number): number {
  const remainder = a % b;
  return remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder;
}
