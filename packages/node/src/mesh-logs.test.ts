import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noMetrics, silentLogger } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { create, type HandlerContext, TailLogsRequestSchema } from '@popmesh/protocol';
import { logStream } from './api/log-stream.ts';
import { LOG_HUB_BOUNDS, LogHub } from './log-hub.ts';
import { MESH_LOG_READERS_MAX, MeshLogs } from './mesh-logs.ts';
import { peerHandlers } from './mesh-service.ts';
import { PeerClients } from './peer-clients.ts';

const self = { id: 'n1', pop: 'fra' };

function meshLogs(): { logs: MeshLogs; hub: LogHub } {
  const hub = new LogHub({ self, metrics: noMetrics });
  const logs = new MeshLogs({
    self,
    hub,
    view: { reachableNodes: () => [] },
    clients: new PeerClients(undefined),
    clock: realClock,
    logger: silentLogger,
  });
  return { logs, hub };
}

test('a reader that goes away before its first line makes room, however it goes', async () => {
  const { logs, hub } = meshLogs();
  for (let i = 0; i < MESH_LOG_READERS_MAX; i++) {
    const gone = new AbortController();
    const { body } = logStream(
      (signal) => logs.follow({}, signal, `token ${i}`),
      () => true,
      gone.signal,
      realClock,
    );
    if (i % 2 === 0) await body?.cancel();
    else gone.abort();
  }
  const last = new AbortController();
  logs.follow({}, last.signal, 'last');
  assert.equal(hub.followers, 1);
  last.abort();
});

test('who has gone already is not kept waiting', async () => {
  const { logs } = meshLogs();
  for await (const _line of logs.follow({}, AbortSignal.abort(), 'gone')) assert.fail('a line');
});

test('one token never has all places, here and at the nodes that others ask', async () => {
  const { logs, hub } = meshLogs();
  const own = new AbortController();
  const { tailLogs } = peerHandlers({ logs: hub, store: { get: async () => undefined } });
  const request = create(TailLogsRequestSchema, { reader: 'greedy' });
  const tail = () => tailLogs(request, { signal: own.signal } as HandlerContext);
  const { followersMax, followersPerReaderMax: most } = LOG_HUB_BOUNDS;
  const refused = {
    code: 'overloaded',
    details: { limit: 'log_followers_per_token', max: most },
  };
  for (let i = 0; i < most; i++) logs.follow({}, own.signal, 'greedy');
  assert.throws(() => logs.follow({}, own.signal, 'greedy'), refused);
  await assert.rejects(async () => {
    for await (const _line of tail()) assert.fail('a line');
  }, refused);
  const others = new AbortController();
  for (let i = most; i < followersMax; i++) logs.follow({}, others.signal, `token ${i}`);
  assert.equal(hub.followers, followersMax);
  others.abort();
  own.abort();
  const again = new AbortController();
  logs.follow({}, again.signal, 'greedy');
  again.abort();
});
