import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusNode } from '../control/answers.ts';
import { controlServer, json } from '../control/control-server.test-support.ts';
import { untilGatewayKnows } from './gateway-view.ts';

const node = (id: string, functionsReady: number): StatusNode => ({
  id,
  pop: id,
  region: 'eu',
  location: { lat: 0, lon: 0 },
  state: 'ready',
  functionsReady,
  load: 0,
});

test('waits until the gateway sees of each node what the nodes see', async (t) => {
  const plane = (id: string, functionsReady: number) => ({ node: id, functionsReady });
  const views = [
    [],
    [plane('fra', 2)],
    [plane('fra', 2), plane('sin', 1)],
    [plane('fra', 2), plane('sin', 2)],
  ];
  const gateway = await controlServer(t, (_, response) =>
    json(response, { dataPlanes: views[Math.min(gateway.seen.length, views.length) - 1] }),
  );
  // The last has nothing to run, as where a function is not meant for its region.
  const nodes = [node('fra', 2), node('sin', 2), node('iad', 0)];
  const api = { status: async () => ({ nodes, gateways: [], nats: { connected: true } }) };
  const { signal } = new AbortController();
  await untilGatewayKnows(api, Number(new URL(gateway.url).port), signal);
  assert.equal(gateway.seen.length, views.length);
});
