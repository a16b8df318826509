import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeWhole } from './encode-whole.ts';

/** As jco 1.35 (jco-transpile 0.15) writes it. */
const GLUE = `
function _utf8AllocateAndEncode(s, realloc, memory) {
    let len = 0;
    let codepoints = 0;
    for (let i = 0; i < s.length; i++) { const ch = s.charCodeAt(i); codepoints++;
      if (ch < 0x80) { len += 1; } else if (ch < 0x800) { len += 2; } else { len += 3; } }
    const ptr = realloc(0, 0, 1, len);
    const { read, written } = TEXT_ENCODER_UTF8.encodeInto(
    s,
    new Uint8Array(memory.buffer, ptr, len),
    );
    if (read !== s.length || written !== len) {
      throw new Error('failed to encode whole string');
    }
    const res = { ptr, len, codepoints };
    return res;
}`;

test('a long string that ends in a two-byte character reaches the guest whole', () => {
  const patched = encodeWhole(GLUE);
  assert.doesNotMatch(patched, /encodeInto/);
  const run = new Function('TEXT_ENCODER_UTF8', `${patched}; return _utf8AllocateAndEncode;`)(
    new TextEncoder(),
  ) as (s: string, realloc: () => number, memory: object) => { ptr: number; len: number };
  const memory = { buffer: new ArrayBuffer(4096) };
  for (let repeat = 1; repeat < 400; repeat++) {
    const text = 'aé'.repeat(repeat);
    const { ptr, len } = run(text, () => 8, memory);
    assert.equal(Buffer.from(memory.buffer, ptr, len).toString(), text);
  }
});
