/** Deploy to three nodes, answer from the nearest, and go on when parts die. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { isLong } from '../../scripts/test-length.ts';
import { BERLIN, FRA, IAD, NEW_YORK, type Place, SIN, TestMesh, TOKYO } from './mesh.ts';
import { until } from './process.ts';

const root = join(import.meta.dirname, '..', '..');
const example = (name: string): string => join(root, 'examples', name);
const NEAREST = [
  [BERLIN, 'fra'],
  [NEW_YORK, 'iad'],
  [TOKYO, 'sin'],
] as const;

describe('a mesh of three places', () => {
  let mesh: TestMesh;

  before(async () => {
    mesh = await TestMesh.start([FRA, IAD, SIN], { nats: true, spares: true });
    for (const name of ['hello-js', 'hono-app']) {
      const result = await mesh.popmeshJson('deploy', example(name));
      assert.equal(result.function, `default/${name}`);
    }
    await mesh.popmeshJson('deploy', join(example('hello-rust'), 'hello-rust.wasm'));
  });

  after(() => mesh.stop());

  const status = async (): Promise<Status> => (await mesh.popmeshJson('status')) as never as Status;

  /** Requests from `location` as fast as answers come, until the returned function is called. */
  function keepAsking(path: string, location: string) {
    const seen: { status: number; pop: string | null; atMs: number }[] = [];
    let going = true;
    const done = (async () => {
      while (going) {
        const response = await mesh.get(path, location).catch((error: Error) => error);
        if (response instanceof Error) {
          seen.push({
            status: 0,
            pop: String(response.cause ?? response),
            atMs: performance.now(),
          });
          continue;
        }
        await response.arrayBuffer();
        seen.push({
          status: response.status,
          pop: response.headers.get('popmesh-pop'),
          atMs: performance.now(),
        });
      }
    })();
    return {
      seen,
      stop: async () => {
        going = false;
        await done;
        return seen;
      },
    };
  }

  for (const name of ['hello-js', 'hono-app', 'hello-rust']) {
    test(`${name} is answered from the nearest place`, async () => {
      for (const [location, pop] of NEAREST) {
        // Nodes know that all of them are ready before the gateway does.
        await until(
          async () =>
            (await mesh.popThatAnswers(`/default/${name}/`, location).catch(() => '')) === pop,
          `${pop} to answer for ${location}`,
        );
      }
    });
  }

  test('a host name finds the function, and its response says where it ran', async () => {
    const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
      const req = request(
        {
          host: '127.0.0.1',
          port: mesh.gatewayPort,
          headers: { host: 'hello-js.localhost', 'popmesh-client-location': TOKYO },
        },
        (response) => {
          response.resume();
          resolve({ status: response.statusCode, ...response.headers });
        },
      );
      req.on('error', reject);
      req.end();
    });
    assert.equal(headers.status, 200);
    assert.equal(headers['popmesh-pop'], 'sin');
    assert.equal(headers['popmesh-node'], 'sin-1');
    assert.equal(headers['popmesh-version'], '1');
    assert.equal(headers['popmesh-route'], 'nearest');
    assert.match(String(headers['server-timing']), /gateway;dur=.*queue;dur=.*run;dur=/);
  });

  test('status shows the nodes, the gateway and NATS', async () => {
    // One node's view of the others, which news reach a moment later.
    const wanted = [FRA, IAD, SIN].map(({ id, code }) => [id, code, mesh.pidOf(id), 'ready', 3]);
    let seen: Status | undefined;
    const asWanted = async (): Promise<boolean> => {
      seen = await status();
      const nodes = seen.nodes.map(({ id, pop, pid, state, functionsReady }) => [
        id,
        pop,
        pid,
        state,
        functionsReady,
      ]);
      return isDeepStrictEqual(nodes, wanted) && seen.gateways.length === 1 && seen.nats.connected;
    };
    await until(asWanted, 'everyone to be seen').catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(seen)}`);
    });
    assert.match(seen?.nats.version ?? '', /^\d+\.\d+/);
  });

  test('kill -9 of the nearest node under load: no GET fails, and it comes back', async (t) => {
    const path = '/default/hello-js/';
    const asking = keepAsking(path, TOKYO);
    await until(() => asking.seen.length > 20, 'some answers before the kill');
    await mesh.kill('sin-1', 'SIGKILL');
    const killedAt = performance.now();
    await until(
      () => asking.seen.some(({ pop, atMs }) => pop !== 'sin' && atMs > killedAt),
      'another place',
    );
    const moved = asking.seen.find(({ pop, atMs }) => pop !== 'sin' && atMs > killedAt);
    t.diagnostic(
      `another place answered ${Math.round((moved?.atMs ?? 0) - killedAt)} ms after the end`,
    );
    await mesh.startNode('sin-1');
    await until(() => asking.seen.at(-1)?.pop === 'sin', 'Singapore to answer again');
    const all = await asking.stop();
    assert.deepEqual(
      all.filter((answer) => answer.status !== 200),
      [],
    );
  });

  test('nats-server killed: requests go on, status says so, a deploy goes by gossip, and its return is noticed', async () => {
    const asking = keepAsking('/default/hello-js/', BERLIN);
    await mesh.kill('nats', 'SIGKILL');
    await until(async () => !(await status()).nats.connected, 'status to notice');
    const pending = await mesh.popmeshJson('deploy', example('hono-app'));
    assert.equal(pending.version, 2);
    for (const [location, pop] of NEAREST) {
      await until(
        async () =>
          (await mesh.get('/default/hono-app/', location)).headers.get('popmesh-version') === '2',
        `version 2 in ${pop}`,
      );
    }
    await mesh.startNats();
    await until(async () => (await status()).nats.connected, 'NATS to be back');
    await mesh.popmeshJson('deploy', example('hello-js'));
    assert.deepEqual(
      (await asking.stop()).filter((answer) => answer.status !== 200),
      [],
    );
  });

  test('rollback goes to the version before, everywhere', async () => {
    await mesh.popmeshJson('rollback', 'hono-app', '1');
    for (const [location, pop] of NEAREST) {
      await until(
        async () =>
          (await mesh.get('/default/hono-app/', location)).headers.get('popmesh-version') === '1',
        `version 1 in ${pop}`,
      );
    }
  });

  test('a new node joins with an empty disk and fetches from a peer', {
    skip: !isLong && 'shown in packages/node, too',
  }, async () => {
    await mesh.kill('nats', 'SIGKILL');
    const osaka: Place = {
      id: 'kix-1',
      code: 'kix',
      region: 'apac',
      latitude: 34.43,
      longitude: 135.24,
    };
    await mesh.addPlace(osaka);
    await mesh.startNode('kix-1');
    await until(
      async () => (await mesh.popThatAnswers('/default/hello-js/', TOKYO)) === 'kix',
      'Osaka to answer for Tokyo',
    );
    await mesh.kill('kix-1', 'SIGTERM');
    await mesh.startNats();
  });

  test('all nodes restart and still serve, from disk', async () => {
    const ids = ['fra-1', 'iad-1', 'sin-1'];
    await Promise.all(ids.map((id) => mesh.kill(id, 'SIGKILL')));
    await Promise.all(ids.map((id) => mesh.startNode(id)));
    for (const [location, pop] of NEAREST) {
      await until(
        async () =>
          (await mesh.get('/default/hello-rust/', location).then(async (response) => {
            await response.arrayBuffer();
            return response.status === 200 && response.headers.get('popmesh-pop');
          })) === pop,
        `${pop} to answer`,
      );
    }
  });

  test('delete: gone everywhere, and it stays gone', async () => {
    await mesh.popmeshJson('delete', 'hono-app', '--yes');
    for (const [location] of NEAREST) {
      await until(
        async () => (await mesh.get('/default/hono-app/', location)).status === 404,
        '404',
      );
    }
  });

  test('stopping leaves no temp file of a torn write behind', async () => {
    for (const id of ['fra-1', 'iad-1', 'sin-1']) {
      await mesh.kill(id, 'SIGTERM');
      const names = readdirSync(mesh.dataDirectoryOf(id), { recursive: true }).map(String);
      assert.deepEqual(
        names.filter((name) => /\.tmp/.test(name)),
        [],
        id,
      );
    }
  });
});

interface Status {
  readonly nodes: readonly {
    id: string;
    pop: string;
    state: string;
    pid: number;
    functionsReady: number;
  }[];
  readonly gateways: readonly unknown[];
  readonly nats: { connected: boolean; version: string | null };
}
