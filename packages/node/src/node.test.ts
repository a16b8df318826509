import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256Hex } from '@popmesh/artifacts';
import { AUDIT_FILE } from './audit-log.ts';
import { verifyAudit } from './audit-read.ts';
import type { LogLine } from './log-line.ts';
import { exampleComponent, TestMesh, type TestNode, until } from './testing/mesh.test-support.ts';

/** One real node, without NATS. */

const HELLO = 'default/hello';

async function* logLines(node: TestNode, query: string, signal: AbortSignal) {
  const response = await node.call(`/v1/logs?${query}`, { signal });
  assert.equal(response.status, 200);
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += Buffer.from(chunk).toString('utf8');
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line) as LogLine;
  }
}

test('deploy, answer, list, log, roll back, delete', async (t) => {
  const mesh = await TestMesh.create(t);
  const node = await mesh.start('one');
  await node.node.whenReady;
  assert.equal((await node.call('/readyz', {}, '')).status, 200);
  const component = await exampleComponent();

  const first = await node.deploy(HELLO, component, { config: { env: { GREETING: 'Servus' } } });
  assert.equal(first.function, HELLO);
  assert.equal(first.version, 1);
  assert.deepEqual(first.durable, { local: true, jetstream: 'disabled' });
  assert.equal(first.artifact?.digest, sha256Hex(component));
  assert.equal(first.artifact?.newChunks, first.artifact?.chunks);
  await node.untilReadyEverywhere(HELLO, first.revision, 1);
  const answer = await node.invoke(HELLO);
  assert.equal(answer.headers.get('popmesh-version'), '1');
  assert.match(await answer.text(), /Servus/);

  await t.test('the second version shares all chunks, and takes over', async () => {
    const second = await node.deploy(HELLO, component, { label: '2.0.0' });
    assert.equal(second.version, 2);
    assert.equal(second.artifact?.newChunks, 0);
    await node.untilReadyEverywhere(HELLO, second.revision, 1);
    assert.equal((await node.invoke(HELLO)).headers.get('popmesh-version'), '2');
  });

  await t.test('lists show it', async () => {
    const [listed] = await node.list();
    assert.equal(listed?.function, HELLO);
    assert.equal(listed?.version, 2);
    assert.equal(listed?.engine, 'rust');
    await until(async () => assert.deepEqual((await node.list())[0]?.readyOn, ['one']) ?? true);
    const detail = await node.json<{ digest: string; config: { env: object } }>(
      `/v1/functions/${HELLO}`,
    );
    assert.equal(detail.digest, sha256Hex(component));
    const { versions } = await node.json<{ versions: { version: number; live: boolean }[] }>(
      `/v1/functions/${HELLO}/versions`,
    );
    assert.deepEqual(
      versions.map(({ version, live }) => [version, live]),
      [
        [2, true],
        [1, false],
      ],
    );
  });

  await t.test('its log is followed, old lines first', async () => {
    await (await node.invoke(HELLO, '/log')).text();
    const abort = new AbortController();
    for await (const line of logLines(node, `function=${HELLO}`, abort.signal)) {
      if (!line.message.includes('a line for the log')) continue;
      assert.equal(line.function, HELLO);
      assert.equal(line.node, 'one');
      assert.equal(line.version, 2);
      break;
    }
    abort.abort();
  });

  await t.test('roll back', async () => {
    const back = await node.json<{ version: number; revision: string }>(
      `/v1/functions/${HELLO}/rollback`,
      { method: 'POST', body: '{}' },
    );
    assert.equal(back.version, 1);
    await node.untilReadyEverywhere(HELLO, back.revision, 1);
    assert.equal((await node.invoke(HELLO)).headers.get('popmesh-version'), '1');
    const no = await node.call(`/v1/functions/${HELLO}/rollback`, {
      method: 'POST',
      body: '{"version":9}',
    });
    assert.equal(no.status, 404);
  });

  await t.test('metrics, and the OpenAPI document', async () => {
    assert.match(
      await (await node.call('/metrics', {}, '')).text(),
      /popmesh_changes_total\{action="deploy"\} 2/,
    );
    const { openapi, paths } = await node.json<{ openapi: string; paths: object }>(
      '/v1/openapi.json',
    );
    assert.equal(openapi, '3.1.0');
    assert.deepEqual(Object.keys(paths).sort(), [
      '/v1/functions',
      '/v1/functions/{namespace}/{name}',
      '/v1/functions/{namespace}/{name}/rollback',
      '/v1/functions/{namespace}/{name}/rollout',
      '/v1/functions/{namespace}/{name}/versions',
      '/v1/hosts',
      '/v1/hosts/{host}',
      '/v1/logs',
      '/v1/quotas',
      '/v1/quotas/{namespace}',
      '/v1/status',
    ]);
  });

  await t.test('delete', async () => {
    const deleted = await node.json<{ deleted: boolean }>(`/v1/functions/${HELLO}`, {
      method: 'DELETE',
    });
    assert.equal(deleted.deleted, true);
    assert.equal((await node.call(`/v1/functions/${HELLO}`)).status, 404);
    assert.equal((await node.call(`/v1/functions/${HELLO}`, { method: 'DELETE' })).status, 404);
    await until(async () => (await node.status()).nodes[0]?.functionsReady === 0);
  });

  await node.stop();
  assert.equal((await verifyAudit([join(mesh.folder, 'one', AUDIT_FILE)])).broken, undefined);
});

test('a restart serves what the disk knows, from a folder that a crash left', async (t) => {
  const mesh = await TestMesh.create(t);
  const component = await exampleComponent();
  const before = await mesh.start('one');
  const { revision } = await before.deploy(HELLO, component);
  await before.untilReadyEverywhere(HELLO, revision, 1);
  await before.stop();
  const after = await mesh.start('one', { seeds: ['127.0.0.1:1'] });
  await after.node.whenReady;
  assert.equal((await after.call('/readyz', {}, '')).status, 200);
  assert.match(await (await after.invoke(HELLO)).text(), /Hello/);
});

test('what is not allowed is refused, with the reason', async (t) => {
  const mesh = await TestMesh.create(t);
  const node = await mesh.start('one', { limits: { componentMb: 1 } });
  const component = await exampleComponent();
  const refused = async (response: Promise<Response>, status: number, code: string) => {
    const { status: actual, body } = await response.then(async (r) => ({
      status: r.status,
      body: (await r.json()) as { error: { code: string; message: string } },
    }));
    assert.deepEqual([actual, body.error.code], [status, code], body.error.message);
    return body.error.message;
  };

  await refused(node.call('/v1/status', {}, ''), 401, 'unauthenticated');
  await refused(node.call('/v1/status', {}, `${mesh.token}x`), 401, 'unauthenticated');
  await refused(node.upload(HELLO, component, { token: 'nonsense' }), 401, 'unauthenticated');
  const other = await mesh.issueToken({ namespaces: ['shop'] });
  await refused(node.upload(HELLO, component, { token: other }), 403, 'permission_denied');
  const reader = await mesh.issueToken({ namespaces: ['*'], scopes: ['read'] });
  await refused(node.upload(HELLO, component, { token: reader }), 403, 'permission_denied');

  await refused(node.upload(HELLO, new Uint8Array(1_100_000)), 413, 'payload_too_large');
  await refused(node.upload(HELLO, new Uint8Array(8_000_000)), 413, 'payload_too_large');
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
  });
  const streamed = node.call(`/v1/functions/${HELLO}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    body: endless,
    duplex: 'half',
  } as RequestInit);
  await refused(streamed, 413, 'payload_too_large');

  await refused(node.upload(HELLO, new TextEncoder().encode('no wasm')), 422, 'invalid_component');
  await refused(node.upload('default/Bad_Name', component), 400, 'invalid_argument');
  const greedy = { config: { limits: { memoryMb: 1024, cpuMs: 500 }, scaling: { min: 9 } } };
  assert.match(
    await refused(node.upload(HELLO, component, { manifest: greedy }), 422, 'above_ceiling'),
    /limits.memory_mb asks for 1024, 512 is allowed; scaling.min asks for 9, 4 is allowed/,
  );
  const bad = { config: { routes: 'x', limits: { cpu: 1 } }, surprise: true };
  const message = await refused(
    node.upload(HELLO, component, { manifest: bad }),
    400,
    'invalid_argument',
  );
  assert.match(message, /routes.*limits.*surprise/s);
  const post = (body: string, type?: string) =>
    node.call(`/v1/functions/${HELLO}/versions`, {
      method: 'POST',
      body,
      ...(type === undefined ? {} : { headers: { 'content-type': type } }),
    });
  await refused(post('{}', 'application/json'), 400, 'invalid_argument');
  await refused(post('junk', 'multipart/form-data; boundary=x'), 400, 'invalid_argument');
  await refused(node.call('/v1/functions/default/none'), 404, 'function_not_found');
  await refused(node.call('/v1/none'), 404, 'not_found');
  await refused(node.call('/v1/logs?namespace=../x'), 400, 'invalid_argument');
  assert.deepEqual(await node.list(), []);
});
