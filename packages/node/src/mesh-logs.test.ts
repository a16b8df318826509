import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noMetrics, silentLogger } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { logStream } from './api/log-stream.ts';
import { LogHub } from './log-hub.ts';
import { MESH_LOG_READERS_MAX, MeshLogs } from './mesh-logs.ts';
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
      (signal) => logs.follow({}, signal),
      () => true,
      gone.signal,
      realClock,
    );
    if (i % 2 === 0) await body?.cancel();
    else gone.abort();
  }
  const last = new AbortController();
  logs.follow({}, last.signal);
  assert.equal(hub.followers, 1);
  last.abort();
});

test('who has gone already is not kept waiting', async () => {
  const { logs } = meshLogs();
  for await (const _line of logs.follow({}, AbortSignal.abort())) assert.fail('a line');
});
