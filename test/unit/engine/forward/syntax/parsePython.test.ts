import assert from 'node:assert/strict';
import { QuantscopeError } from '../../../../../src/core/errors';
import type * as ast from '../../../../../src/engine/forward/syntax/ast';
import { toTheEnd } from '../../../../../src/engine/forward/syntax/limits';
import { parsePython } from '../../../../../src/engine/forward/syntax/parsePython';

function expression(text: string): ast.Expression {
  const [statement] = parsePython(text, 'a.py').body;
  assert.equal(statement.kind, 'Expression');
  return (statement as ast.ExpressionStatement).value;
}

function refusal(text: string): QuantscopeError {
  try {
    parsePython(text, 'a.py');
  } catch (error) {
    assert.ok(error instanceof QuantscopeError, String(error));
    return error;
  }
  assert.fail('the source was accepted');
}

describe('the parser tells what its library does not', () => {
  const literals: readonly (readonly [string, string, unknown])[] = [
    ['1', 'int', 1],
    ['1.', 'float', 1],
    ['0.', 'float', 0],
    ['1e3', 'float', 1000],
    ['0x1e', 'int', 30],
    ['-1.', 'float', -1],
    ['-3', 'int', -3],
    ['9223372036854775807', 'int', toTheEnd],
    ['...', 'ellipsis', undefined],
    ['"..."', 'str', '...'],
    ['None', 'none', undefined],
    ['True', 'bool', true],
  ];
  for (const [text, type, value] of literals) {
    it(`${text} is ${type}`, () => {
      const literal = expression(text);
      assert.equal(literal.kind, 'Literal');
      assert.equal((literal as ast.Literal).type, type);
      assert.equal('value' in literal ? literal.value : undefined, value);
    });
  }

  it('columns count bytes: a float after an umlaut is still a float', () => {
    const call = expression('f("ä", 1., 1)') as ast.Call;
    assert.deepEqual(
      call.args.map((arg) => (arg as ast.Literal).type),
      ['str', 'float', 'int'],
    );
  });

  it('a byte order mark is skipped, and line ends of every system are read', () => {
    assert.equal(parsePython('\uFEFFx = 1\r\ny = 2\rz = 3', 'a.py').body.length, 3);
  });

  it('bytes are no string, and a character by its name is not guessed', () => {
    const what = (text: string) => (expression(text) as ast.Unsupported).what;
    for (const text of ['b"a"', "Rb'a'", 'B"c"']) assert.equal(what(text), 'bytes');
    assert.equal(what('"\\N{BULLET}"'), 'a character by its name');
    assert.equal(expression('"b"').kind, 'Literal');
  });

  it('a whole number beyond 2^53 is not part of the subset', () => {
    assert.equal(expression('12345678901234567890123').kind, 'Unsupported');
  });

  it('a format specification is kept as its parts', () => {
    const { parts } = expression('f"{x:>{width}.3f} {y!r}"') as ast.FormatString;
    assert.equal(parts.length, 3);
    const [first, , last] = parts as readonly ast.FormattedValue[];
    assert.equal(first.spec.length, 3);
    assert.equal(last.conversion, 'r');
  });

  for (const [what, text] of [
    ['try', 'try:\n  x()\nexcept E:\n  pass'],
    ['del', 'del x'],
    ['yield', 'yield x'],
    ['global', 'global x'],
    ['match', 'match x:\n  case 1: pass'],
    [':=', '(x := 1)'],
  ] as const) {
    it(`${what} is kept as something unsupported, with its line`, () => {
      const [statement] = parsePython(`\n${text}`, 'a.py').body;
      const node = statement.kind === 'Expression' ? statement.value : statement;
      assert.deepEqual([node.kind, (node as ast.Unsupported).what, node.line], ['Unsupported', what, 2]);
    });
  }
});

describe('sources that would break the parser are refused before it starts', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['20,000 parentheses', `x = ${'('.repeat(20_000)}`, 'E_PY_LIMIT'],
    ['50,000 minus signs', `x = ${'-'.repeat(50_000)}1`, 'E_PY_LIMIT'],
    ['400,000 lines', 'x = 1\n'.repeat(400_000), 'E_PY_LIMIT'],
    ['a chain of 20,000 terms', `y = ${'x+'.repeat(20_000)}x`, 'E_PY_LIMIT'],
    [
      'a thousand nested blocks',
      `${Array.from({ length: 900 }, (_, i) => `${' '.repeat(i)}if x:\n`).join('')}${' '.repeat(900)}pass`,
      'E_PY_LIMIT',
    ],
    ['two million characters', 'x'.repeat(2_000_000), 'E_PY_LIMIT'],
    ['a thousand nots', `x = ${'not '.repeat(1_000)}y`, 'E_PY_LIMIT'],
    ['a syntax error', 'def f(:\n  pass', 'E_PY_SYNTAX'],
  ];
  for (const [what, text, code] of cases) {
    it(what, () => {
      const started = performance.now();
      const error = refusal(text);
      assert.equal(error.code, code);
      assert.match(error.details.where?.field ?? '', /^line \d+$/);
      assert.ok(performance.now() - started < 2_000);
    });
  }

  it('brackets in strings and comments do not count', () => {
    assert.equal(parsePython(`x = "${'('.repeat(500)}"  # ${'('.repeat(500)}`, 'a.py').body.length, 1);
  });
});
