import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import { Mesh } from './generated/popmesh/v1/mesh_pb.js';
import { type ClosableClient, createClient } from './grpc-client.ts';
import { type GrpcServer, startGrpcServer } from './grpc-server.ts';
import { GRPC_MESSAGE_BYTES_MAX } from './limits.ts';

let server: GrpcServer;
let client: ClosableClient<typeof Mesh>;
let streamed = 0;
let streamAborted: Promise<void>;
/** Only against hanging. */
const call = { timeoutMs: 60_000 };

before(async () => {
  let aborted: () => void = () => {};
  streamAborted = new Promise((resolve) => {
    aborted = resolve;
  });
  server = await startGrpcServer({
    service: Mesh,
    host: '127.0.0.1',
    port: 0,
    handlers: {
      ping: async (request) => ({ from: request.target }),
      pingIndirect: async () => {
        throw new PopmeshError('not_found', 'no such member', { hint: 'Look again.' });
      },
      push: () => new Promise(() => {}),
      sync: async () => ({}),
      fetchChunk: async function* (request) {
        yield { data: new Uint8Array(5) };
        if (request.digest === 'broken') throw new PopmeshError('digest_mismatch', 'bad bytes');
      },
      tailLogs: async function* (_request, { signal }) {
        signal.addEventListener('abort', aborted, { once: true });
        while (!signal.aborted) {
          streamed++;
          yield { message: 'x'.repeat(10_000) };
        }
      },
    },
  });
  client = createClient(Mesh, server.address);
});

after(async () => {
  client.close();
  await server.stop(100);
});

test('a unary call goes there and back', async () => {
  assert.equal((await client.ping({ target: 'fra-1' }, call)).from, 'fra-1');
});

test('an error keeps its code, message and hint', async () => {
  await assert.rejects(client.pingIndirect({}, call), {
    name: 'PopmeshError',
    code: 'not_found',
    message: 'no such member',
    hint: 'Look again.',
  });
});

test('a stream ends, and one that breaks says why after what it sent', async () => {
  const sizes: number[] = [];
  for await (const { data } of client.fetchChunk({ digest: 'fine' }, call)) sizes.push(data.length);
  assert.deepEqual(sizes, [5]);
  await assert.rejects(
    async () => {
      for await (const { data } of client.fetchChunk({ digest: 'broken' }, call))
        sizes.push(data.length);
    },
    { code: 'digest_mismatch' },
  );
  assert.deepEqual(sizes, [5, 5]);
});

test('leaving a stream early stops its producer, which was held back meanwhile', async () => {
  for await (const _ of client.tailLogs({}, call)) break;
  await streamAborted;
  assert.ok(streamed < 1000, `${streamed} messages of 10 kB were made for a reader that took one`);
});

test('a deadline and an abort both end a call that nobody answers', async () => {
  await assert.rejects(client.push({}, { timeoutMs: 50 }), { code: 'deadline_exceeded' });
  const abort = new AbortController();
  const pending = client.push({}, { ...call, signal: abort.signal });
  abort.abort();
  await assert.rejects(pending, { code: 'cancelled' });
});

test('a message over the limit is refused, and the server answers the next one', async () => {
  const target = 'x'.repeat(GRPC_MESSAGE_BYTES_MAX + 1);
  await assert.rejects(client.ping({ target }, call), { code: 'payload_too_large' });
  assert.equal((await client.ping({ target: 'ok' }, call)).from, 'ok');
});

test('a peer that is not there is unavailable; a port that is taken says so', async () => {
  const gone = createClient(Mesh, '127.0.0.1:1');
  await assert.rejects(gone.ping({}, call), { code: 'peer_unavailable' });
  gone.close();
  const port = Number(server.address.split(':')[1]);
  const handlers = {} as Parameters<typeof startGrpcServer<typeof Mesh>>[0]['handlers'];
  await assert.rejects(startGrpcServer({ service: Mesh, host: '127.0.0.1', port, handlers }), {
    code: 'address_in_use',
  });
});

test('calls through a closed client are refused by code, those under way end', async () => {
  const closing = createClient(Mesh, server.address);
  const underWay = closing.push({}, call);
  closing.close();
  await assert.rejects(underWay, { name: 'PopmeshError', code: 'peer_unavailable' });
  await assert.rejects(closing.push({}, call), { code: 'unavailable' });
  await assert.rejects(
    async () => {
      for await (const _ of closing.tailLogs({}, call)) assert.fail();
    },
    { code: 'unavailable' },
  );
});
