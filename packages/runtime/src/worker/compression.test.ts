import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { COMPRESSION_COST, COMPRESSIONS_MAX, Compressions } from './compression.ts';
import { BytePipe } from './pipes.ts';

const CHUNK_BYTES = 64 * 1024;

/** `input` in chunks through `format`: what came out, and what it was charged. */
async function through(format: string, input: Uint8Array) {
  let micros = 0;
  const compressions = new Compressions((more) => {
    assert.ok(Number.isSafeInteger(more) && more > 0, `${more}`);
    micros += more;
  });
  const [from, to] = [new BytePipe(CHUNK_BYTES), new BytePipe(CHUNK_BYTES)];
  const done = compressions.start(format, from, to);
  assert.ok(done !== undefined);
  const fed = (async () => {
    for (let at = 0; at < input.length; at += CHUNK_BYTES) {
      if (!(await from.write(input.slice(at, at + CHUNK_BYTES)))) return;
    }
    from.close();
  })();
  const parts: Uint8Array[] = [];
  for (let part = await to.read(); part !== undefined; part = await to.read()) parts.push(part);
  await Promise.all([done, fed]);
  return { output: Buffer.concat(parts), micros };
}

const near = (micros: number, bytes: number, nsPerByte: number): void => {
  const expected = (bytes * nsPerByte) / 1_000;
  assert.ok(Math.abs(micros - expected) <= 1, `${micros} µs for ${bytes} bytes, not ${expected}`);
};

describe('what compression is charged', () => {
  test('deflate by what goes in, however little comes out', async () => {
    for (const input of [randomBytes(300_000), Buffer.alloc(1_000_000)]) {
      for (const format of ['gzip', 'deflate', 'deflate-raw']) {
        const { output, micros } = await through(format, input);
        near(micros, input.length, COMPRESSION_COST.deflateNsPerByteIn);
        if (format === 'gzip') assert.ok(gunzipSync(output).equals(input));
      }
    }
  });

  test('inflate by what comes out, however little went in', async () => {
    const bomb = gzipSync(Buffer.alloc(8_000_000));
    assert.ok(bomb.length < 10_000);
    const { output, micros } = await through('un-gzip', bomb);
    assert.equal(output.length, 8_000_000);
    near(micros, output.length, COMPRESSION_COST.inflateNsPerByteOut);
  });

  test('small chunks add up', async () => {
    let micros = 0;
    const compressions = new Compressions((more) => {
      micros += more;
    });
    const [from, to] = [new BytePipe(100), new BytePipe(100)];
    const done = compressions.start('gzip', from, to);
    for (let i = 0; i < 10_000; i++) from.push(Uint8Array.of(i & 255));
    from.close();
    while ((await to.read()) !== undefined);
    await done;
    near(micros, 10_000, COMPRESSION_COST.deflateNsPerByteIn);
  });

  test('no more than so many at once, and a place again when one is over', async () => {
    const compressions = new Compressions(() => {});
    const pipes = Array.from({ length: COMPRESSIONS_MAX }, () => [
      new BytePipe(1),
      new BytePipe(1),
    ]) as [BytePipe, BytePipe][];
    const running = pipes.map(([from, to]) => compressions.start('gzip', from, to));
    const start = () => compressions.start('gzip', new BytePipe(1), new BytePipe(1));
    assert.ok(running.every((it) => it !== undefined));
    assert.equal(start(), undefined);
    pipes[0]?.[0].close('gone');
    await running[0];
    const last = new BytePipe(1);
    assert.ok(compressions.start('gzip', last, new BytePipe(1)) !== undefined);
    last.close('gone');
    for (const [from] of pipes) from.close('gone');
    await Promise.all(running);
  });
});
