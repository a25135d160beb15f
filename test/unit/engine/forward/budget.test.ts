import assert from 'node:assert/strict';
import { neverAborted } from '../../../../src/core/abort';
import { QuantscopeError } from '../../../../src/core/errors';
import { defaultLimits } from '../../../../src/engine/forward/interpreter/budget';
import { callMethod, construct } from '../../../../src/engine/forward/interpreter/call';
import { startRun } from '../../../../src/engine/forward/runProgram';
import { nativeDialect } from '../../../../src/engine/forward/source/nativeDialect';
import { SourceProgram } from '../../../../src/engine/forward/source/sourceProgram';
import { parsePython } from '../../../../src/engine/forward/syntax/parsePython';
import { selectKernels } from '../../../../src/engine/kernels/dispatch';
import { moduleWith } from '../../../support/sources';

const liveBytes = 4 * 2 ** 20;

/** Runs a forward that may hold 4 MB at a time. */
function runWith(body: string): unknown {
  const program = new SourceProgram([parsePython(moduleWith(body), 'm.py')]);
  const limits = { ...defaultLimits, liveBytes };
  const run = startRun({ kernels: selectKernels(), abort: neverAborted, limits });
  program.start(run);
  const model = construct(run, program.classNamed('M'), [], new Map());
  return callMethod(run, nativeDialect, model, 'forward', [null], new Map());
}

const refused = (error: unknown) => error instanceof QuantscopeError && error.details.code === 'E_RUN_MEMORY';

describe('the memory of a run', () => {
  it('small tensors that are let go again cost nothing', () => {
    assert.equal(runWith('for i in range(20000):\n    x = torch.zeros(1024)\nreturn i'), 19_999);
  });

  it('a small tensor that is kept counts with the memory that it keeps', () => {
    const body =
      'kept = []\nfor i in range(20000):\n    x = torch.zeros(1024)\n    if i % 64 == 0:\n        kept.append(x)\nreturn i';
    assert.throws(() => runWith(body), refused);
  });

  it('large tensors that are let go again cost nothing, and kept ones are refused at the limit', () => {
    assert.equal(runWith('for i in range(50):\n    x = torch.zeros(100000)\nreturn i'), 49);
    assert.throws(
      () => runWith('kept = []\nfor i in range(50):\n    kept.append(torch.zeros(100000))\nreturn i'),
      refused,
    );
  });
});
