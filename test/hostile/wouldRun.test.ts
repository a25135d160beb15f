import assert from 'node:assert/strict';
import { openValue } from '../support/interpreted';
import { global, reduce, text } from '../support/pickleBuilder';

/** Functions that run code or read files, in modules that are otherwise harmless. */
const functions =
  '_io.FileIO io.open _io.open_code codecs.open torch.load torch.serialization.load torch.jit.load torch.jit._serialization.load torch.hub.load torch.package.PackageImporter torch.ops.load_library torch.classes.load_library torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline torch.storage._load_from_bytes torch.distributed.rpc.rpc_sync torch.distributed.rpc.rpc_async torch.distributed.rpc.remote torch.distributed.rpc.RemoteModule torch._dynamo.guards.GuardBuilder.get torch._inductor.codecache.compile_file torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression torch.jit.unsupported_tensor_ops.execWrapper torch.utils._config_module.ConfigModule.load_config torch.utils.bottleneck.__main__.run_cprofile torch.utils.bottleneck.__main__.run_autograd_prof torch.utils.collect_env.run torch.utils.collect_env.run_and_read_all torch.utils.data.datapipes.utils.decoder.basichandlers torch.fx.graph_module.reduce_graph_module torch.fx.graph_module.reduce_package_graph_module torch.fx.graph_module._exec_with_source numpy.load numpy.ctypeslib.load_library numpy.testing._private.utils.runstring pandas.read_pickle joblib.load sklearn.externals.joblib.load keras.models.load_model tensorflow.raw_ops.load_library tensorflow.load_library transformers.AutoModel.from_pretrained'.split(
    ' ',
  );

const builtinsFlagged =
  'eval exec compile open __import__ getattr setattr delattr hasattr globals locals vars input breakpoint apply execfile file reload memoryview type super property classmethod staticmethod map filter print dir callable'.split(
    ' ',
  );

const scanners = ['fickling', 'picklescan', 'modelscan', 'modelaudit', 'model_unpickler', 'saferpickle'];

describe('what would run if Python loaded the file', () => {
  const named = [
    ...functions.map((full) => [full.slice(0, full.lastIndexOf('.')), full.slice(full.lastIndexOf('.') + 1)]),
    ...builtinsFlagged.flatMap((name) => [
      ['builtins', name],
      ['__builtin__', name],
    ]),
    ...scanners.map((module) => [module, 'hook']),
  ] as const;

  for (const [module, name] of named) {
    it(`is told for ${module}.${name}, called or only named`, async () => {
      for (const [value, use] of [
        [reduce(global(module, name), text('x')), 'called'],
        [global(module, name), 'referenced'],
      ] as const) {
        const file = await openValue(value);
        const [judged] = file.safety.globals;
        assert.deepEqual([file.safety.verdict, judged.use, judged.name], ['dangerous', use, name]);
        const consequence = scanners.includes(module)
          ? 'tries to disable scanners'
          : `Python would run ${module}.${name} while loading this file`;
        assert.equal(judged.reason, consequence);
        const { message } = file.warnings.find(({ code }) => code === 'E_PICKLE_DANGEROUS') ?? assert.fail();
        assert.ok(message.startsWith(`This file asks Python to run ${module}.${name}. Quantscope did not run it.`));
        assert.equal(message.includes(', named but not called'), use === 'referenced', message);
      }
    });
  }
});
