import * as v from 'valibot';
import { type HostApi, viewCommandNames, viewTabs } from '../../protocol/viewApi';

/**
 * A webview is not trusted: names from a hostile file are drawn in it. Every message is checked
 * against these schemas before anything uses it; no path or command id ever comes from there.
 */

const name = v.pipe(v.string(), v.maxLength(65_536));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const page = v.pipe(count, v.maxValue(500));
const output = v.pipe(count, v.maxValue(1_000));
const engine = v.picklist(['fbgemm', 'x86', 'onednn', 'qnnpack']);
const scheme = v.picklist(['per_tensor', 'per_channel']);
const empty = v.strictObject({});
const qconfig = v.picklist([
  'default_dynamic',
  'per_channel_dynamic',
  'float16_dynamic',
  'float_qparams',
  'float_qparams_4bit',
]);
const dtype = v.picklist(['qint8', 'float16', 'quint8', 'quint4x2']);
const overrides = v.optional(
  v.pipe(v.array(v.strictObject({ target: name, qconfig: v.nullable(qconfig) })), v.maxLength(100_000)),
);
const spec = v.strictObject({
  engine,
  dtype,
  perChannel: v.boolean(),
  modules: v.nullable(v.pipe(v.array(name), v.maxLength(100))),
  exclude: v.pipe(v.array(name), v.maxLength(100_000)),
  overrides,
  halfStorage: v.optional(v.boolean()),
});
const specChange = v.strictObject({
  engine: v.optional(engine),
  dtype: v.optional(dtype),
  perChannel: v.optional(v.boolean()),
  overrides,
  halfStorage: v.optional(v.boolean()),
});
const shape = v.pipe(v.array(v.pipe(count, v.maxValue(2 ** 31))), v.maxLength(8));

const rowsQuery = {
  filter: v.pipe(v.string(), v.maxLength(1024)),
  toggled: v.pipe(v.array(name), v.maxLength(100_000)),
  base: v.picklist(['default', 'all', 'none']),
  sort: v.optional(
    v.nullable(v.strictObject({ by: v.picklist(['name', 'type', 'size', 'sqnr']), descending: v.boolean() })),
  ),
  spec: v.nullable(spec),
};

export const schemas = {
  ready: empty,
  rows: v.strictObject({ ...rowsQuery, start: count, count: page }),
  locate: v.strictObject({ ...rowsQuery, id: name }),
  sparklines: v.strictObject({ names: v.pipe(v.array(name), v.maxLength(500)) }),
  tensorDetail: v.strictObject({
    name,
    scheme,
    bins: v.pipe(count, v.minValue(1), v.maxValue(2048)),
    only: v.optional(v.literal('values')),
  }),
  overview: empty,
  health: empty,
  coverage: empty,
  values: v.strictObject({ name, scheme, row: count, column: count, rows: page, columns: page }),
  image: v.strictObject({ name, scheme, layer: v.picklist(['float', 'int8', 'error']) }),
  weightError: v.strictObject({ name, scheme }),
  explain: v.strictObject({ module: name, weight: name, call: count, step: count, row: count, channel: count }),
  activation: v.strictObject({
    module: name,
    weight: name,
    call: count,
    step: count,
    last: v.optional(v.strictObject({ call: count, step: count })),
  }),
  select: v.strictObject({ id: name }),
  showTab: v.strictObject({ tab: v.picklist(viewTabs) }),
  setSpec: specChange,
  tick: v.strictObject({ path: name, ticked: v.boolean() }),
  quantize: specChange,
  measureSensitivity: empty,
  measureBreakEven: v.strictObject({ module: name }),
  chosen: v.strictObject({ paths: v.pipe(v.array(name), v.maxLength(100_000)) }),
  keepFloat: v.strictObject({ paths: v.pipe(v.array(name), v.maxLength(100_000)) }),
  undo: empty,
  runForward: v.strictObject({
    module: name,
    whole: v.boolean(),
    seed: v.pipe(v.number(), v.safeInteger()),
    shapes: v.pipe(v.array(shape), v.maxLength(8)),
    source: v.picklist(['seed', 'file', 'literal', 'text']),
    typed: v.pipe(v.string(), v.maxLength(1_000_000)),
    values: v.optional(v.pipe(v.array(name), v.maxLength(16))),
  }),
  startForward: empty,
  chooseCode: empty,
  proposePlan: empty,
  editPlan: v.strictObject({ text: v.pipe(v.string(), v.maxLength(1_000_000)) }),
  savePlan: v.strictObject({ open: v.boolean() }),
  forgetCode: empty,
  openPlace: empty,
  outputImage: v.strictObject({ output, layer: v.picklist(['float', 'int8', 'error']) }),
  outputSeries: v.strictObject({ output }),
  saveTensor: v.strictObject({ name, scheme, values: v.picklist(['own', 'codes', 'dequantized']) }),
  saveForward: v.variant('kind', [
    v.strictObject({
      kind: v.literal('outputs'),
      which: v.picklist(['float', 'int8', 'both']),
      output: v.optional(output),
    }),
    v.strictObject({ kind: v.literal('activation'), module: name, weight: name }),
    v.strictObject({
      kind: v.literal('step'),
      module: name,
      weight: name,
      call: count,
      step: count,
      which: v.picklist(['values', 'codes']),
    }),
  ]),
  pickInputs: empty,
  cancel: empty,
  reload: v.strictObject({ damaged: v.optional(v.boolean()) }),
  command: v.strictObject({ name: v.picklist(viewCommandNames) }),
  copy: v.strictObject({ text: v.pipe(v.string(), v.maxLength(1_000_000)) }),
  report: v.strictObject({ message: v.pipe(v.string(), v.maxLength(4096)) }),
} satisfies Record<keyof HostApi, v.GenericSchema>;

export type ValidArgs<K extends keyof HostApi> = v.InferOutput<(typeof schemas)[K]>;

/** The arguments, checked; throws what is wrong with them. */
export function validArgs<K extends keyof HostApi>(method: K, args: unknown): ValidArgs<K> {
  return v.parse(schemas[method], args) as ValidArgs<K>;
}
