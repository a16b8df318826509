/**
 * A custom host belongs as a whole to the namespace that claimed it: two tenants with tokens of
 * their own on a real mesh, and every way to the other one's traffic that was ever found.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FRA, IAD, TestMesh } from '../integration/mesh.ts';
import { runCommand, until } from '../integration/process.ts';
import { issueToken } from '../integration/token.ts';

const root = join(import.meta.dirname, '..', '..');
const component = readFileSync(join(root, 'examples/hello-rust/hello-rust.wasm'));
const BANK = 'www.bank.example';

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Listed {
  readonly function: string;
  readonly routesOff: readonly { readonly host: string; readonly reason: string }[];
}

describe('hosts between two tenants', () => {
  let mesh: TestMesh;
  const tokens = new Map<string, string>();

  before(async () => {
    mesh = await TestMesh.start([FRA, IAD], {
      nats: false,
      nodeConfig: [
        '[hosts]',
        'reserved = ["gateway.example"]',
        '[[hosts.allow]]',
        'pattern = "*"',
        'namespaces = ["alice"]',
        '[[hosts.allow]]',
        `pattern = "${BANK}"`,
        'namespaces = ["mallory"]',
        '[[hosts.allow]]',
        'pattern = "mallory.example"',
        'namespaces = ["*"]',
      ],
    });
    for (const namespace of ['alice', 'mallory']) {
      tokens.set(namespace, await issueToken(mesh.root.privateKey, { namespaces: [namespace] }));
    }
    const { body, status } = await deploy('alice', 'web', [`${BANK}/*`]);
    assert.equal(status, 201, body);
    assert.equal((await deploy('mallory', 'f', ['mallory.example'])).status, 201);
    await until(async () => (await nameAt(BANK, '/')) === 'alice', 'the host to answer');
    await until(async () => (await nameAt('mallory.example', '/')) === 'mallory', 'the other one');
    // What was accepted at the first node is known to the second.
    await until(async () => (await hosts('alice', IAD.id)).length === 1, 'the claim to spread');
  });
  after(() => mesh?.stop());

  async function control(
    namespace: string,
    path: string,
    init: RequestInit = {},
    node = FRA.id,
  ): Promise<Answer> {
    const headers = { authorization: `Bearer ${tokens.get(namespace)}` };
    const response = await mesh.control(path, { ...init, headers }, mesh.apiOf(node));
    return { status: response.status, body: await response.text() };
  }

  /** `routes` as in popmesh.toml: a host, or a host and a path. */
  function deploy(
    namespace: string,
    name: string,
    routes: readonly string[],
    node = FRA.id,
  ): Promise<Answer> {
    const form = new FormData();
    const config = {
      env: { GREETING: namespace },
      routes: routes.map((route) => {
        const slash = route.indexOf('/');
        return slash === -1
          ? { host: route, path: '/*' }
          : { host: route.slice(0, slash), path: route.slice(slash) };
      }),
    };
    form.set('manifest', JSON.stringify({ label: '1.0.0', engine: 'component', config }));
    form.set('component', new Blob([new Uint8Array(component)]), 'component.wasm');
    const path = `/v1/functions/${namespace}/${name}/versions`;
    return control(namespace, path, { method: 'POST', body: form }, node);
  }

  const release = (namespace: string, host: string, query = '') =>
    control(namespace, `/v1/hosts/${encodeURIComponent(host)}${query}`, { method: 'DELETE' });

  async function hosts(
    namespace: string,
    node = FRA.id,
  ): Promise<{ host: string; state: string }[]> {
    const { body } = await control(namespace, '/v1/hosts', {}, node);
    return (JSON.parse(body) as { hosts: { host: string; state: string }[] }).hosts;
  }

  /** Through the gateway, with the path byte by byte. */
  function ask(host: string, path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: mesh.gatewayPort, path, headers: { host }, agent: false },
        (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            body += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      sent.once('error', reject).end();
    });
  }

  /** Whose function greets there (at `/` and `/env`); else the status, and what was said. */
  async function nameAt(host: string, path: string): Promise<string> {
    const { status, body } = await ask(host, path);
    return status === 200 ? (/alice|mallory/.exec(body)?.[0] ?? body) : `${status} ${body.trim()}`;
  }

  const refused = ({ status, body }: Answer, expected: number, code: string): string => {
    const { error } = JSON.parse(body) as { error: { code: string } };
    assert.deepEqual([status, error.code], [expected, code], body);
    return body;
  };

  test('no path of the host can be had, at no node, and the owner is not named', async () => {
    for (const node of [FRA.id, IAD.id]) {
      for (const route of [
        BANK,
        `${BANK}/`,
        `${BANK}/env`,
        `${BANK}/env*`,
        `${BANK}/a/long/one/*`,
      ]) {
        const body = refused(await deploy('mallory', 'thief', [route], node), 409, 'host_taken');
        assert.ok(body.includes(BANK) && !body.includes('alice'), body);
      }
    }
    refused(await deploy('mallory', 'thief', ['mallory.example', `${BANK}/x`]), 409, 'host_taken');
    refused(await deploy('mallory', 'thief', ['free.example']), 403, 'permission_denied');
    assert.deepEqual(
      (await hosts('mallory')).map(({ host }) => host),
      ['mallory.example'],
      'a deploy that was refused has claimed nothing',
    );
    for (const path of ['/', '/env', '/env?x']) {
      assert.equal(await nameAt(BANK, path), 'alice', path);
    }
  });

  test('addresses, the platform and other spellings are refused at the node', async () => {
    for (const host of [
      '127.0.0.1',
      '127.1',
      '0x7f.0.0.1',
      '0177.0.0.1',
      '2130706433',
      '[::1]',
      '::1',
      '::ffff:127.0.0.1',
      'localhost',
      'web.alice.localhost',
      'gateway.example',
      'WWW.bank.example',
      `${BANK}.`,
      `${BANK}:8080`,
      `*.bank.example`,
      '',
    ]) {
      refused(await deploy('mallory', 'thief', [`${host}/*`]), 400, 'invalid_argument');
    }
    refused(await deploy('mallory', 'f', ['mallory.example/a/../b']), 400, 'invalid_argument');
    // The forms without a host of one's own still go to whom they name.
    assert.equal(await nameAt('127.0.0.1', '/alice/web/'), 'alice');
    assert.equal(await nameAt('localhost', '/alice/web/'), 'alice');
    assert.equal(await nameAt('web.alice.localhost', '/'), 'alice');
    for (const spelled of ['WWW.Bank.Example', `${BANK}.`, `${BANK}:80`]) {
      assert.equal(await nameAt(spelled, '/'), 'alice', spelled);
    }
  });

  test('a path that reads as another function is refused, not served', async () => {
    for (const path of [
      '/alice/web/../../mallory/f/x',
      '/alice/web/%2e%2e/%2E%2E/mallory/f/x',
      '/alice/web/..\\..\\mallory/f',
    ]) {
      assert.match(await nameAt('127.0.0.1', path), /^400 .*two ways/, path);
    }
    assert.equal(await nameAt('127.0.0.1', '/alice/web/a/../env'), 'alice');
    // Served by alice's function, which knows no such path.
    assert.equal(await nameAt('127.0.0.1', '/alice/web//mallory/f'), '404 not found');
    assert.equal(await nameAt(BANK, '/mallory/f/env'), '404 not found', 'no path form here');
  });

  test('21 further deploys do not age the claim away', async () => {
    for (let i = 0; i < 21; i++) {
      const { status, body } = await deploy('alice', 'web', [`${BANK}/*`], i % 2 ? FRA.id : IAD.id);
      assert.equal(status, 201, body);
    }
    for (const node of [FRA.id, IAD.id]) {
      refused(await deploy('mallory', 'f', [`${BANK}/env*`], node), 409, 'host_taken');
    }
    await mesh.kill('gw-1', 'SIGKILL');
    await mesh.startGateway();
    await until(async () => (await nameAt(BANK, '/env')) === 'alice', 'the gateway to be back');
  });

  test('nobody sees or releases what is not theirs', async () => {
    refused(await release('mallory', BANK), 403, 'permission_denied');
    refused(await release('mallory', BANK, '?force=true'), 403, 'permission_denied');
    refused(
      await release('mallory', BANK, '?namespace=alice&force=true'),
      403,
      'permission_denied',
    );
    refused(await control('mallory', '/v1/hosts?namespace=alice'), 403, 'permission_denied');
    refused(await release('mallory', 'free.example'), 404, 'not_found');
    refused(await release('alice', '127.0.0.1'), 400, 'invalid_argument');
    const seen = await hosts('mallory');
    assert.deepEqual(
      seen.map(({ host, state }) => [host, state]),
      [['mallory.example', 'owned']],
    );
    assert.equal(await nameAt(BANK, '/'), 'alice');
  });

  test('released on purpose the next claim has it; the old route is off and says so', async () => {
    assert.match(refused(await release('alice', BANK), 409, 'conflict'), /alice\/web/);
    const cli = (...args: string[]) =>
      runCommand([join(root, 'packages/cli/src/main.ts'), ...args], {
        POPMESH_API: mesh.api,
        POPMESH_TOKEN: tokens.get('alice') ?? '',
      });
    const done = await cli('domains', 'release', 'WWW.Bank.Example', '--force');
    assert.equal(done.code, 0, done.stderr);
    await until(
      async () => (await deploy('mallory', 'f', [BANK], IAD.id)).status === 201,
      'a claim',
    );
    await until(async () => (await nameAt(BANK, '/')) === 'mallory', 'the new owner to answer');
    await until(
      async () => (await hosts('mallory')).some(({ host }) => host === BANK),
      'the claim',
    );
    refused(await deploy('alice', 'web', [BANK]), 409, 'host_taken');
    const listed = await cli('list');
    assert.match(listed.stdout, new RegExp(`alice/web .*${BANK}/\\*`));
    assert.match(listed.stderr, new RegExp(`alice/web: the route ${BANK}/\\* is switched off`));
    const { body } = await control('alice', '/v1/functions/alice/web');
    const { routesOff } = JSON.parse(body) as Listed;
    assert.deepEqual(routesOff, [{ host: BANK, path: '/*', reason: 'taken' }]);

    // And with the last function that names it, it is free again.
    const gone = await control('mallory', '/v1/functions/mallory/f', { method: 'DELETE' });
    assert.deepEqual((JSON.parse(gone.body) as { hostsReleased: string[] }).hostsReleased.sort(), [
      'mallory.example',
      BANK,
    ]);
    assert.equal((await deploy('alice', 'web', [BANK])).status, 201);
    await until(async () => (await nameAt(BANK, '/')) === 'alice', 'the host to be back');
    const audit = readFileSync(join(mesh.dataDirectoryOf(FRA.id), 'audit.log'), 'utf8');
    assert.match(audit, /"action":"claim".*"what":"www\.bank\.example alice"/);
    assert.match(audit, /"action":"release".*"what":"www\.bank\.example alice"/);
  });
});
