/** One tenant's uploads against another's: slow ones, and a body of nothing but parts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FRA, TestMesh } from '../integration/mesh.ts';
import { until } from '../integration/process.ts';
import { issueToken } from '../integration/token.ts';

const root = join(import.meta.dirname, '../..');
const rust = new Uint8Array(readFileSync(join(root, 'examples/hello-rust/hello-rust.wasm')));
const MANIFEST = JSON.stringify({ label: '1', engine: 'component', config: {} });
const SLOW_UPLOADS = 12;
const PARTS = 820_000;
const DECLARED_BYTES = 40 * 1024 * 1024;
const BYTE_EVERY_MS = 500;

interface Slow {
  readonly request: ClientRequest;
  outcome: string | undefined;
  endedMs: number;
}

describe('one tenant’s uploads', () => {
  let mesh: TestMesh;
  const tokens = new Map<string, string>();

  before(async () => {
    mesh = await TestMesh.start([FRA], { nats: false });
    for (const tenant of ['alice', 'mallory']) {
      tokens.set(tenant, await issueToken(mesh.root.privateKey, { namespaces: [tenant] }));
    }
  });
  after(() => mesh?.stop());

  const pathOf = (tenant: string): string => `/v1/functions/${tenant}/fn/versions`;
  const authorization = (tenant: string): string => `Bearer ${tokens.get(tenant)}`;

  async function deploy(tenant: string): Promise<{ status: number; tookMs: number }> {
    const form = new FormData();
    form.set('manifest', MANIFEST);
    form.set('component', new Blob([rust]), 'component.wasm');
    const startedMs = performance.now();
    const { status } = await mesh.control(pathOf(tenant), {
      method: 'POST',
      body: form,
      headers: { authorization: authorization(tenant) },
    });
    return { status, tookMs: performance.now() - startedMs };
  }

  /** Begins well and then sends a byte now and then. */
  function slowly(tenant: string): Slow {
    const startedMs = performance.now();
    const sent = request(`${mesh.api}${pathOf(tenant)}`, {
      method: 'POST',
      agent: false,
      headers: {
        authorization: authorization(tenant),
        'content-type': 'multipart/form-data; boundary=b',
        'content-length': DECLARED_BYTES,
      },
    });
    const slow: Slow = { request: sent, outcome: undefined, endedMs: 0 };
    const drip = setInterval(() => sent.write('x'), BYTE_EVERY_MS);
    const over = (outcome: string): void => {
      clearInterval(drip);
      slow.outcome ??= outcome;
      slow.endedMs ||= performance.now() - startedMs;
      sent.destroy();
    };
    sent.on('error', () => over('cut'));
    sent.on('response', async (response) => {
      const parts = await Array.fromAsync(response).catch(() => []);
      const { error } = JSON.parse(Buffer.concat(parts).toString() || '{}');
      over(`${response.statusCode} ${error?.code} ${error?.details?.limit}`);
    });
    sent.write('--b\r\n');
    return slow;
  }

  test('slow ones take two places and not for long; another deploys meanwhile', async (context) => {
    const all = Array.from({ length: SLOW_UPLOADS }, () => slowly('mallory'));
    await until(
      () => all.filter(({ outcome }) => outcome !== undefined).length >= SLOW_UPLOADS - 2,
      'those beyond the bound to be refused',
    );
    for (const { outcome } of all.filter((it) => it.outcome !== undefined)) {
      assert.match(outcome ?? '', /^503 overloaded uploads_per_token/);
    }
    const held = all.filter(({ outcome }) => outcome === undefined);
    assert.equal(held.length, 2);
    const { status, tookMs } = await deploy('alice');
    assert.equal(status, 201);
    await until(() => held.every(({ outcome }) => outcome !== undefined), 'the slow ones to end');
    for (const { outcome } of held) assert.match(outcome ?? '', /^408 request_too_slow/);
    assert.equal((await deploy('mallory')).status, 201, 'its places are free again');
    context.diagnostic(
      `${SLOW_UPLOADS} slow uploads: ${SLOW_UPLOADS - 2} refused at once, 2 ended after ` +
        `${Math.round(Math.max(...held.map(({ endedMs }) => endedMs)))} ms; ` +
        `another tenant deployed in ${Math.round(tookMs)} ms beside them`,
    );
  });

  test(`a body of ${PARTS} empty parts does not hold the node`, async (context) => {
    const part = '--b\r\ncontent-disposition: form-data; name=""\r\n\r\n\r\n';
    const startedMs = performance.now();
    const answer = mesh
      .control(pathOf('mallory'), {
        method: 'POST',
        body: part.repeat(PARTS),
        headers: {
          authorization: authorization('mallory'),
          'content-type': 'multipart/form-data; boundary=b',
        },
      })
      // It is refused before it has all been sent.
      .then(
        ({ status }) => status,
        () => 0,
      );
    let over = false;
    void answer.finally(() => (over = true));
    let longestMs = 0;
    while (!over) {
      const askedMs = performance.now();
      assert.equal((await fetch(`${mesh.api}/healthz`)).status, 200);
      longestMs = Math.max(longestMs, performance.now() - askedMs);
    }
    assert.ok([400, 0].includes(await answer));
    assert.ok(longestMs < 5_000, `a health check took ${longestMs} ms`);
    context.diagnostic(
      `over after ${Math.round(performance.now() - startedMs)} ms, ` +
        `the longest health check meanwhile ${Math.round(longestMs)} ms`,
    );
  });
});
