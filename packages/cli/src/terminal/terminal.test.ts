import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { neutralise, neutraliseLine } from './neutralise.ts';
import { Terminal, tableLines } from './terminal.ts';
import { agoText, bytesText, durationText } from './words.ts';

const ESCAPE = '\u001b';

test('what a stranger wrote cannot steer the terminal', () => {
  assert.equal(
    neutralise(`a${ESCAPE}[31mb\r\u0007\u009b\u202e`),
    'a\\x1b[31mb\\x0d\\x07\\x9b\\u202e',
  );
  assert.equal(neutralise('line\n\ttab é 👩‍💻'), 'line\n\ttab é 👩‍💻');
  assert.equal(neutraliseLine('a\nb\tc'), 'a\\nb c');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(neutraliseLine(text), /\p{Cc}|\p{Bidi_Control}/u);
    }),
  );
});

test('columns are aligned and cells made safe', () => {
  assert.deepEqual(
    tableLines(
      ['A', 'LONG', 'C'],
      [
        ['xx', `1${ESCAPE}`, 'z'],
        ['x', '', ''],
      ],
    ),
    ['A   LONG   C', 'xx  1\\x1b  z', 'x'],
  );
});

test('colours only on a terminal, and not with NO_COLOR', () => {
  const styled = (isTTY: boolean, env: Record<string, string>) => {
    const sink = { write: () => true, isTTY };
    return new Terminal({ stdout: sink, stderr: sink, env, json: false }).style('red', 'x');
  };
  assert.equal(styled(true, {}), `${ESCAPE}[31mx${ESCAPE}[39m`);
  assert.equal(styled(true, { NO_COLOR: '1' }), 'x');
  assert.equal(styled(true, { TERM: 'dumb' }), 'x');
  assert.equal(styled(false, {}), 'x');
});

test('with --json nothing but the result is written', () => {
  const written: string[] = [];
  const sink = { write: (text: string) => written.push(text), isTTY: true };
  const terminal = new Terminal({ stdout: sink, stderr: sink, env: {}, json: true });
  terminal.say('on the way');
  terminal.control(`${ESCAPE}[K`);
  terminal.printJson({ a: 1 });
  assert.deepEqual(written, ['{"a":1}\n']);
});

test('figures as a person reads them', () => {
  assert.deepEqual([0, 999, 1000, 1_680_246, 250_000_000].map(bytesText), [
    '0 B',
    '999 B',
    '1.0 KB',
    '1.7 MB',
    '250 MB',
  ]);
  assert.deepEqual([12.4, 1500].map(durationText), ['12 ms', '1.5 s']);
  assert.deepEqual(
    [0, 90_000, 7_200_000, 200_000_000].map((ms) => agoText(0, ms)),
    ['0 s ago', '1 min ago', '2 h ago', '2 d ago'],
  );
});
