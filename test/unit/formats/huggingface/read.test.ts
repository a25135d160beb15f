import assert from 'node:assert/strict';
import { neverAborted } from '../../../../src/core/abort';
import { QuantscopeError } from '../../../../src/core/errors';
import { openFile } from '../../../../src/formats/registry';
import { openModel } from '../../../../src/model/openModel';
import { TreeRows } from '../../../../src/model/treeRows';
import { memoryFolder } from '../../../support/memoryFolder';
import { type EntryFields, f32, safetensors } from '../../../support/safetensorsBuilder';
import { utf8 } from '../../../support/zipBuilder';

const weights = 'model.safetensors';
const embedding: EntryFields = { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] };
const folder = (
  config: unknown,
  tensors: Readonly<Record<string, EntryFields>> = { 'model.embed_tokens.weight': embedding },
) =>
  memoryFolder(
    {
      [weights]: safetensors(tensors, 20),
      'config.json': utf8(typeof config === 'string' ? config : JSON.stringify(config)),
    },
    weights,
  );
const open = (config: unknown) => openFile(folder(config), neverAborted);

const llama = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  num_hidden_layers: 2,
  rope_theta: 10000.0,
  rope_scaling: { type: 'linear', factor: [1, { deep: null }] },
  tie_word_embeddings: true,
};

describe('config.json beside the weights', () => {
  it('names the architecture and what tells what the model is', async () => {
    const file = await open(llama);
    assert.equal(file.label, 'LlamaForCausalLM, safetensors');
    assert.deepEqual(file.metadata, {
      'config.architectures': 'LlamaForCausalLM',
      'config.model_type': 'llama',
      'config.num_hidden_layers': '2',
      'config.tie_word_embeddings': 'true',
    });
  });

  it('also stands beside an index', async () => {
    const name = 'model.safetensors.index.json';
    const files = {
      [name]: utf8(JSON.stringify({ weight_map: { 'model.embed_tokens.weight': weights } })),
      [weights]: safetensors({ 'model.embed_tokens.weight': embedding }, 16),
      'config.json': utf8(JSON.stringify(llama)),
    };
    const file = await openFile(memoryFolder(files, name), neverAborted);
    assert.equal(file.label, 'LlamaForCausalLM, safetensors, 1 shards');
  });

  const ignored: readonly [what: string, config: unknown][] = [
    ['is of something else', { compilerOptions: {} }],
    ['is broken', '{"architectures": ["Llama'],
    ['is a list', []],
    ['is empty', ''],
    ['nests deeper than anybody needs', `{"model_type":"x","x":${'['.repeat(100_000)}`],
    ['is larger than any', `{"model_type":"x","x":"${'y'.repeat(5_000_000)}"}`],
    ['names a class that is none', { architectures: ['a b', 1, '<script>'] }],
  ];
  for (const [what, config] of ignored) {
    it(`does not matter when it ${what}`, async () => {
      const file = await open(config);
      assert.deepEqual([file.label, file.metadata, file.warnings], ['safetensors', {}, file.warnings]);
    });
  }

  it('does not hide a cancelled opening', async () => {
    const source = folder(llama);
    let armed = false;
    const abort = {
      throwIfAborted() {
        if (armed) throw new QuantscopeError({ code: 'E_ABORTED', kind: 'aborted', message: 'Cancelled.' });
      },
    };
    const sibling = source.sibling?.bind(source);
    const watched = {
      ...source,
      async sibling(name: string) {
        armed = name === 'config.json';
        abort.throwIfAborted();
        return sibling?.(name);
      },
    };
    await assert.rejects(openFile(watched, abort), { code: 'E_ABORTED' });
  });
});

describe('tied word embeddings', () => {
  const notes = async (config: unknown, tensors?: Readonly<Record<string, EntryFields>>) => {
    const { tree } = await openModel(folder(config, tensors), neverAborted);
    const rows = new TreeRows(
      tree,
      { filter: '', toggled: [], base: 'all', sort: null },
      { plan: null, sqnrDb: new Map(), moduleSqnrDb: new Map(), opaque: [] },
    );
    return rows.page(0, 100).flatMap(({ kind, fullName, note }) => (kind === 'tensor' ? [[fullName, note]] : []));
  };

  it('are marked in the tree', async () => {
    assert.deepEqual(await notes(llama), [['model.embed_tokens.weight', 'tied to lm_head.weight']]);
  });

  it('are not, where the config or the weights say otherwise', async () => {
    assert.deepEqual(await notes({ ...llama, tie_word_embeddings: false }), [['model.embed_tokens.weight', '']]);
    const both = { 'model.embed_tokens.weight': embedding, 'lm_head.weight': f32(1, 16) };
    assert.deepEqual(
      (await notes(llama, both)).map(([, note]) => note),
      ['', ''],
    );
  });
});
