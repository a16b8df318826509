import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { type JavaScriptFunction, startFunction } from './javascript-function.ts';

/** Backpressure and endings through the whole way: client, executor, instance, author's stream. */

const FILE = new URL(
  '../../packages/builder/src/platform-tests/libraries/streaming.ts',
  import.meta.url,
).pathname;
const CHUNK_BYTES = 64 * 1024;
/** What pipes, HTTP and two sockets may hold between the author's stream and a client at rest. */
const IN_FLIGHT_BYTES_MAX = 24 * 1024 * 1024;

const stateOf = async ({
  get,
}: JavaScriptFunction): Promise<{ pulled: number; cancelled: string }> =>
  JSON.parse((await get('/state')).text);

test('an author’s stream waits for a client that does not read, and hears when it leaves', async () => {
  const subject = await startFunction(FILE);
  try {
    const response = await subject.open('/endless');
    await once(response, 'readable');
    response.read(1);
    // At rest: twenty looks in a row see no more of it taken.
    let last = -1;
    for (let same = 0; same < 20; ) {
      const { pulled } = await stateOf(subject);
      same = pulled === last ? same + 1 : 0;
      last = pulled;
      assert.ok(pulled * CHUNK_BYTES < IN_FLIGHT_BYTES_MAX, `${pulled} chunks are on the way`);
    }
    let read = 0;
    while (read < last * CHUNK_BYTES * 2) {
      const chunk = response.read() as Buffer | null;
      if (chunk === null) await once(response, 'readable');
      else read += chunk.length;
    }
    assert.ok((await stateOf(subject)).pulled > last);
    response.destroy();
    while ((await stateOf(subject)).cancelled === 'no');
    const { pulled } = await stateOf(subject);
    assert.equal((await stateOf(subject)).pulled, pulled);
  } finally {
    await subject.stop();
  }
});

test('a request body flows through transforms; AbortSignal.timeout ends a pipe', async () => {
  const { get, post, stop } = await startFunction(FILE);
  try {
    const text = 'grüße '.repeat(50_000);
    assert.equal((await post('/upper', text)).text, text.toUpperCase());
    assert.deepEqual(JSON.parse((await get('/timeout')).text), [
      'TimeoutError',
      true,
      'TimeoutError',
    ]);
  } finally {
    await stop();
  }
});
