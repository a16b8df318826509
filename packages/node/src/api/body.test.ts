import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readUpload } from './body.ts';

const clock = {
  monotonic: () => performance.now(),
  setTimer: (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** `whole` in pieces of so many bytes. */
async function upload(whole: Uint8Array, type: string, bytes: number) {
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (at % 1_000 === 0) await sleep(0);
      if (at >= whole.length) return controller.close();
      controller.enqueue(whole.subarray(at, at + bytes));
      at += bytes;
    },
  });
  const request = new Request('http://node/', {
    method: 'POST',
    headers: { 'content-type': type },
    body,
    duplex: 'half',
  } as RequestInit);
  const { component } = await readUpload(request, 1024 * 1024, clock);
  return { length: component.length, at };
}

test('an upload in pieces of one byte ends early; a small one may come as it likes', async () => {
  const form = new FormData();
  form.set('manifest', '{}');
  form.set('component', new Blob([new Uint8Array(500_000)]), 'component.wasm');
  const response = new Response(form);
  const type = response.headers.get('content-type') ?? '';
  const whole = new Uint8Array(await response.arrayBuffer());
  await assert.rejects(upload(whole, type, 1), (error: { code: string; details: object }) => {
    assert.equal(error.code, 'payload_too_large');
    assert.deepEqual(error.details, { limit: 'body_pieces', max: 4_096 });
    return true;
  });
  assert.equal((await upload(whole, type, 100)).length, 500_000);

  const small = new FormData();
  small.set('manifest', '{}');
  small.set('component', new Blob([new Uint8Array(3_000)]), 'component.wasm');
  const other = new Response(small);
  const bytes = new Uint8Array(await other.clone().arrayBuffer());
  assert.equal((await upload(bytes, other.headers.get('content-type') ?? '', 1)).length, 3_000);
});
