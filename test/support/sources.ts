import { neverAborted } from '../../src/core/abort';
import { callMethod, construct } from '../../src/engine/forward/interpreter/call';
import { startRun } from '../../src/engine/forward/runProgram';
import { walkModules } from '../../src/engine/forward/source/moduleClass';
import { nativeDialect } from '../../src/engine/forward/source/nativeDialect';
import { SourceProgram } from '../../src/engine/forward/source/sourceProgram';
import { parsePython } from '../../src/engine/forward/syntax/parsePython';
import { wrapElements } from '../../src/engine/forward/values/stridedTensor';
import type { PyObject, Value } from '../../src/engine/forward/values/values';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { Program } from '../../src/model/scriptProgram';

/** Builds class M of a source without arguments and runs its forward on a tensor [2, 3]. */
export function runSource(text: string, kernels = selectKernels()): { result: Value; printed: readonly string[] } {
  const program = new SourceProgram([parsePython(text, 'm.py')]);
  const run = startRun({ kernels, abort: neverAborted });
  program.start(run);
  const model = construct(run, program.classNamed('M'), [], new Map());
  const x = wrapElements('float32', Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  return { result: callMethod(run, nativeDialect, model, 'forward', [x], new Map()), printed: run.printed };
}

/** Class M of a source as a program that can run more than once. */
export function programOf(text: string): Program {
  const source = new SourceProgram([parsePython(text, 'm.py')]);
  const first = startRun({ kernels: selectKernels(), abort: neverAborted });
  source.start(first);
  const root = construct(first, source.classNamed('M'), [], new Map()) as PyObject;
  callMethod(first, nativeDialect, root, 'eval', [], new Map());
  return { root, modules: new Map([...walkModules(root)]) };
}

/** Class M whose forward has this body; `init` goes into its `__init__`. */
export function moduleWith(body: string, { init = 'pass', before = '' } = {}): string {
  const indent = (code: string) =>
    code
      .split('\n')
      .map((line) => `        ${line}`)
      .join('\n');
  return `import torch
import torch.nn as nn
import torch.nn.functional as F
${before}
class M(nn.Module):
    def __init__(self):
        super().__init__()
${indent(init)}
    def forward(self, x):
${indent(body)}
`;
}
