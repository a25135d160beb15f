import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { commandLine, sortedKeys } from '../support/commandLine';
import { fixturePath } from '../support/fixtures';

const mlp = fixturePath('torch-2.13', 'mlp.pt');
const wordLm = fixturePath('torch-2.13', 'word_lm.pt');

describe('the command line', function () {
  this.timeout(30_000);
  const { at, run, json } = commandLine();

  describe('exit codes', () => {
    const wrong: readonly [what: string, args: readonly string[], message: RegExp][] = [
      ['an unknown verb', ['explode'], /no verb "explode"/],
      ['no file', ['inspect'], /Expected 1 file, got 0/],
      ['two files', ['inspect', mlp, mlp], /Expected 1 file, got 2/],
      ['a file where none belongs', ['recipe', mlp], /takes no file/],
      ['an unknown option', ['inspect', mlp, '--nope'], /--nope/],
      ['an unknown engine', ['quantize', mlp, '--engine', 'tpu'], /fbgemm, x86, onednn, qnnpack/],
      ['a number that is none', ['stats', mlp, '--bins', '1e3'], /--bins must be a whole number/],
      ['a negative seed', ['forward', mlp, '--random=-1'], /--random must be a whole number/],
      ['a shape that is none', ['forward', mlp, '--shape', '2x3'], /--shape must look like/],
      ['an option without its value', ['stats', mlp, '--tensor'], /--tensor/],
    ];
    for (const [what, args, message] of wrong) {
      it(`2 for ${what}, with one line on stderr and nothing on stdout`, async () => {
        for (const extra of [[], ['--json']]) {
          const { code, stdout, stderr } = await run([...args, ...extra]);
          assert.equal(code, 2);
          assert.equal(stdout, '');
          assert.match(stderr, message);
          assert.equal(stderr.trimEnd().split('\n').length, 1);
        }
      });
    }

    it('2 and the usage for nothing at all, 0 for --help', async () => {
      const [none, help] = [await run([]), await run(['--help'])];
      assert.deepEqual([none.code, help.code], [2, 0]);
      for (const verb of ['inspect', 'stats', 'quantize', 'forward', 'compare', 'recipe', 'scan']) {
        assert.match(help.stdout, new RegExp(`^ {2}${verb} `, 'm'));
      }
    });

    it('1 for a file that is not there: one line on stderr says what, which and what to do', async () => {
      const { code, stdout, stderr } = await run(['inspect', at('missing.pt')]);
      assert.deepEqual([code, stdout], [1, '']);
      assert.equal(
        stderr,
        'quantscope: missing.pt: The file does not exist. Check the path; it may have been moved or deleted. [E_IO]\n',
      );
    });

    const failures: readonly [what: string, code: string, args: () => Promise<readonly string[]>][] = [
      ['a missing file', 'E_IO', async () => ['inspect', at('missing.pt')]],
      ['a folder', 'E_NOT_A_FILE', async () => ['inspect', at()]],
      [
        'an empty file',
        'E_EMPTY',
        async () => {
          await writeFile(at('empty.pt'), '');
          return ['scan', at('empty.pt')];
        },
      ],
      ['a tensor that is not there', 'E_NO_TENSOR', async () => ['stats', mlp, '--tensor', 'nope']],
      ['a folder to write to that is not there', 'E_WRITE', async () => ['recipe', '--write', at('no', 'a.pt')]],
    ];
    for (const [what, expected, args] of failures) {
      it(`1 for ${what}, with ${expected} as JSON`, async () => {
        const { code, stdout, stderr } = await run([...(await args()), '--json']);
        assert.equal(code, 1);
        const { error } = JSON.parse(stdout);
        assert.deepEqual(sortedKeys(error), ['code', 'file', 'message', 'offset', 'tensor']);
        assert.equal(error.code, expected);
        assert.match(stderr, /^quantscope: [^\n]+\n$/);
      });
    }

    it('a named pipe is refused and not waited for', async function () {
      if (process.platform === 'win32') this.skip();
      execFileSync('mkfifo', [at('pipe.pt')]);
      const { code, stderr } = await run(['inspect', at('pipe.pt')]);
      assert.equal(code, 1);
      assert.match(stderr, /E_NOT_A_FILE/);
    });
  });

  it('a reader that closes the pipe early is no failure', async () => {
    for (const closeAfter of [0, 1]) {
      const { code, stderr } = await run(['stats', wordLm, '--bins', '20000', '--json'], { closeAfter });
      assert.deepEqual([code, stderr], [0, '']);
    }
  });

  it('a long document on a pipe is complete', async () => {
    const { tensors } = await json('stats', wordLm, '--bins', '20000');
    assert.equal(tensors.at(-1).histogram.counts.length, 20_000);
  });

  it('an interrupt ends with 130', async function () {
    if (process.platform === 'win32') this.skip();
    const { code, stdout } = await run(
      ['forward', wordLm, '--module', 'rnn', '--shape', '2000,64,64', '--runs', '10000', '--json'],
      { interruptAfterMs: 700 },
    );
    assert.deepEqual([code, stdout], [130, '']);
  });
});
