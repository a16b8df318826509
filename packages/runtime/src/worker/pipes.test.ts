import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BytePipe, PipeBroken } from './pipes.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('a pipe', () => {
  test('carries bytes in order to a clean end, whatever the sizes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.integer({ min: 1, max: 60 }),
        async (chunks, bound) => {
          const pipe = new BytePipe(bound);
          const writing = (async () => {
            for (const chunk of chunks) assert.equal(await pipe.write(chunk), true);
            pipe.close();
          })();
          const out: number[] = [];
          for (let part = await pipe.read(); part !== undefined; part = await pipe.read()) {
            assert.ok(part.length > 0);
            out.push(...part);
          }
          await writing;
          assert.deepEqual(
            out,
            chunks.flatMap((chunk) => [...chunk]),
          );
        },
      ),
    );
  });

  test('a writer waits above the bound, and goes on when the reader took', async () => {
    const pipe = new BytePipe(2);
    await pipe.write(bytes(1, 2));
    let done = false;
    const second = pipe.write(bytes(3)).then(() => {
      done = true;
    });
    await Promise.resolve();
    assert.equal(done, false);
    assert.deepEqual([...pipe.take(1)], [1]);
    await second;
    assert.equal(pipe.bufferedBytes, 2);
  });

  test('a break is told to the reader, and what was buffered is gone', async () => {
    const pipe = new BytePipe(10);
    await pipe.write(bytes(1));
    pipe.close('snapped');
    await assert.rejects(
      pipe.read(),
      (error: Error) => error instanceof PipeBroken && error.message === 'snapped',
    );
    assert.equal(await pipe.ready(), 2);
  });

  test('a reader that goes away frees the writer', async () => {
    let cancelled = 0;
    const pipe = new BytePipe(1, { onCancelled: () => cancelled++ });
    const writing = pipe.write(bytes(1, 2, 3));
    pipe.cancel();
    assert.equal(await writing, false);
    assert.equal(await pipe.write(bytes(1)), false);
    pipe.cancel();
    assert.equal(cancelled, 1);
    assert.equal(pipe.bufferedBytes, 0);
  });

  test('the two-step form: ready, take, end', async () => {
    const consumed: number[] = [];
    const pipe = new BytePipe(10, { onConsumed: (count) => consumed.push(count) });
    const waiting = pipe.ready();
    pipe.push(bytes(1, 2, 3));
    assert.equal(await waiting, 1);
    assert.deepEqual([...pipe.take(2)], [1, 2]);
    assert.deepEqual([...pipe.take(2)], [3]);
    assert.equal(pipe.take(2).length, 0);
    pipe.close();
    assert.equal(await pipe.ready(), 0);
    assert.deepEqual(consumed, [2, 1]);
  });
});
