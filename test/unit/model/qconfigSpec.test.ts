import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { noProgress } from '../../../src/core/progress';
import { type FloatTensor, floatTensor } from '../../../src/engine/tensor/tensor';
import { quantizeModel } from '../../../src/model/quantizeModel';
import { planQuantization } from '../../../src/model/quantizePlan';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { type BuiltModule, builtModel } from '../../support/builtModel';
import { openFixtureModel, quantized, spec } from '../../support/models';
import { seededRandom } from '../../support/random';

const random = seededRandom(6);
const values = (...shape: number[]): FloatTensor =>
  floatTensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => 2 * random() - 1),
    shape,
  );

function linear(): BuiltModule {
  return {
    className: 'torch.nn.modules.linear.Linear',
    attributes: { in_features: 4, out_features: 3 },
    parameters: new Map([['weight', values(3, 4)]]),
  };
}

const model = builtModel({
  className: '__main__.Net',
  children: {
    emb: { className: 'torch.nn.modules.sparse.Embedding', parameters: new Map([['weight', values(5, 4)]]) },
    bag: { className: 'torch.nn.modules.sparse.EmbeddingBag', parameters: new Map([['weight', values(5, 4)]]) },
    odd: { className: 'torch.nn.modules.sparse.EmbeddingBag', parameters: new Map([['weight', values(5, 3)]]) },
    a: linear(),
    block: { className: '__main__.Block', children: { b: linear(), c: linear() } },
    conv1d: {
      className: 'transformers.pytorch_utils.Conv1D',
      attributes: { nf: 6, nx: 4 },
      parameters: new Map([
        ['weight', values(4, 6)],
        ['bias', values(6)],
      ]),
    },
  },
});

const short = {
  default_dynamic: 'default',
  per_channel_dynamic: 'per channel',
  float16_dynamic: 'half',
  float_qparams: '8 bits',
  float_qparams_4bit: '4 bits',
};

/** `path: form` of every module that the spec quantizes. */
function planned(changes: Partial<QuantizeSpecDto>): string[] {
  return [...planQuantization(model.root, spec(changes)).qconfigs].map(([path, name]) => `${path}: ${short[name]}`);
}

describe('which qconfig a module gets', () => {
  const table: readonly [what: string, changes: Partial<QuantizeSpecDto>, expected: readonly string[]][] = [
    ['the default spec', {}, ['a: default', 'block.b: default', 'block.c: default']],
    ['per channel', { perChannel: true }, ['a: per channel', 'block.b: per channel', 'block.c: per channel']],
    ['float16', { dtype: 'float16' }, ['a: half', 'block.b: half', 'block.c: half']],
    ['quint8', { dtype: 'quint8' }, ['emb: 8 bits', 'bag: 8 bits', 'odd: 8 bits']],
    ['quint4x2 takes bags only, and needs an even width', { dtype: 'quint4x2' }, ['bag: 4 bits']],
    ['a type', { modules: ['Linear'] }, ['a: default', 'block.b: default', 'block.c: default']],
    ['a dotted name', { modules: ['block.c'] }, ['block.c: default']],
    ['a name holds for everything below it', { modules: ['block'] }, ['block.b: default', 'block.c: default']],
    ['a pattern', { modules: ['*.b', 'a'] }, ['a: default', 'block.b: default']],
    ['an exclusion', { exclude: ['block.*'] }, ['a: default']],
    ['GPT-2’s Conv1D where the spec names it', { modules: ['Conv1D'] }, ['conv1d: default']],
    [
      'an override by name, by type and by pattern: the last that fits decides',
      {
        overrides: [
          { target: 'Linear', qconfig: 'per_channel_dynamic' },
          { target: 'block', qconfig: 'float16_dynamic' },
          { target: '*.c', qconfig: null },
          { target: 'emb', qconfig: 'float_qparams_4bit' },
        ],
      },
      ['emb: 4 bits', 'a: per channel', 'block.b: half'],
    ],
    [
      'a qconfig that is not for the type does nothing',
      { overrides: [{ target: 'emb', qconfig: 'default_dynamic' }] },
      ['a: default', 'block.b: default', 'block.c: default'],
    ],
  ];
  for (const [what, changes, expected] of table) {
    it(`${what}: ${expected.join(', ')}`, () => assert.deepEqual(planned(changes), expected));
  }

  it('says why a module keeps its floats', () => {
    const reason = (path: string, changes: Partial<QuantizeSpecDto>) =>
      planQuantization(model.root, spec(changes)).skipped.find((skipped) => skipped.path === path)?.reason;
    assert.equal(reason('odd', { dtype: 'quint4x2' }), 'a 4-bit embedding needs an even embedding_dim');
    assert.equal(
      reason('emb', { overrides: [{ target: 'emb', qconfig: 'default_dynamic' }] }),
      'Embedding takes float_qparams only',
    );
    assert.equal(reason('a', { overrides: [{ target: 'a', qconfig: null }] }), 'excluded');
  });
});

describe('what each qconfig makes of a model', () => {
  it('prints the quantized modules as PyTorch does', async () => {
    const { repr } = await quantizeModel(
      model,
      spec({
        modules: ['a', 'emb', 'Conv1D'],
        overrides: [
          { target: 'emb', qconfig: 'float_qparams' },
          { target: 'bag', qconfig: 'float_qparams_4bit' },
          { target: 'block.b', qconfig: 'float16_dynamic' },
        ],
      }),
      neverAborted,
      noProgress,
    );
    const line = (name: string) => repr.after.split('\n').find((text) => text.trim().startsWith(`(${name}):`)) ?? '';
    const table = 'qscheme=torch.per_channel_affine_float_qparams';
    assert.match(line('emb'), new RegExp(`QuantizedEmbedding\\(.*=5, .*=4, dtype=torch.quint8, ${table}\\)`));
    assert.match(line('bag'), new RegExp(`QuantizedEmbeddingBag\\(.*dtype=torch.quint4x2, ${table}\\)`));
    assert.match(line('b'), /DynamicQuantizedLinear\(in_features=4, out_features=3, dtype=torch.float16\)/);
    assert.match(line('conv1d'), /DynamicQuantizedLinear\(in_features=4, out_features=6, dtype=torch.qint8/);
  });

  it('marks what PyTorch would have refused', async () => {
    const { modules } = await quantizeModel(model, spec({ modules: ['Conv1D', 'Linear'] }), neverAborted, noProgress);
    assert.deepEqual(
      modules.map(({ path, refusedByPyTorch }) => [path, refusedByPyTorch !== '']),
      [
        ['a', false],
        ['block.b', false],
        ['block.c', false],
        ['conv1d', true],
      ],
    );
  });

  it('float16 as PyTorch keeps it is no smaller; with half storage the weights take half', async () => {
    const wordLm = await openFixtureModel('2.13', 'word_lm.pt');
    const [pytorch, half] = [
      await quantized(wordLm, { dtype: 'float16' }),
      await quantized(wordLm, { dtype: 'float16', halfStorage: true }),
    ];
    assert.ok(pytorch.bytes.after >= pytorch.bytes.before);
    assert.equal(pytorch.tensorBytes.after, pytorch.tensorBytes.before);
    // The embedding stays float32: all other weights shrink to half.
    assert.ok(half.bytes.before / half.bytes.after > 1.6, `${half.bytes.before} → ${half.bytes.after}`);
    assert.deepEqual(
      half.modules.flatMap(({ weights }) => weights.map(({ int8Sha256 }) => int8Sha256)),
      pytorch.modules.flatMap(({ weights }) => weights.map(({ int8Sha256 }) => int8Sha256)),
    );
    assert.ok(half.sqnrDb > 65);
  });

  it('NaN in an embedding is refused by the tensor’s name', async () => {
    const weight = floatTensor(Float32Array.of(1, Number.NaN), [1, 2]);
    const nan = builtModel({
      className: 'torch.nn.modules.sparse.Embedding',
      parameters: new Map([['weight', weight]]),
    });
    await assert.rejects(
      quantizeModel(nan, spec({ dtype: 'quint8' }), neverAborted, noProgress),
      (error: { details?: { code?: string; where?: { tensor?: string } } }) =>
        error.details?.code === 'E_NAN_WEIGHT' && error.details.where?.tensor === 'weight',
    );
  });
});
