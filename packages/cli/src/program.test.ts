import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { publicKeyObject, verifyNodeCertificate } from '@popmesh/protocol';
import { jwtVerify } from 'jose';
import { compileCache } from '../../../scripts/test-environment.ts';
import type { Surroundings } from './command-line.ts';
import { controlServer, json, type Seen } from './control/control-server.test-support.ts';
import { runCli } from './program.ts';

const COMPONENT = new URL('../../../examples/hello-rust/hello-rust.wasm', import.meta.url);

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function commandLine(t: TestContext, more: Partial<Surroundings> = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'popmesh-cli-'));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  const run = async (...args: string[]): Promise<Outcome> => {
    let [stdout, stderr] = ['', ''];
    const status = await runCli(args, {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      env: { HOME: cwd, POPMESH_TOKEN: 't', ...compileCache() },
      cwd,
      now: () => 1_700_000_000_000,
      ask: undefined,
      interrupted: new AbortController().signal,
      ...more,
    });
    return { status, stdout, stderr };
  };
  return { cwd, run };
}

const STATUS = {
  node: 'fra-1',
  functions: 1,
  nodes: [
    {
      id: 'fra-1',
      pop: 'fra',
      region: 'eu',
      location: { lat: 50.11, lon: 8.68 },
      state: 'ready',
      pid: 7,
      functionsReady: 1,
      load: 0.25,
      apiAddress: '127.0.0.1:1',
      dataPlanes: [],
    },
  ],
  gateways: [
    { id: 'gw-1', address: '127.0.0.1:8080', state: 'ready', pid: 8, domain: 'edge.example' },
  ],
  nats: { connected: true, version: '2.9.10', enabled: true },
  problems: [] as string[],
};

test('help and version are no mistakes; a wrong command line is', async (t) => {
  const { run } = commandLine(t);
  for (const args of [
    ['--help'],
    ['deploy', '--help'],
    ['mesh', 'token', '--help'],
    ['help', 'dev'],
  ]) {
    const { status, stdout } = await run(...args);
    assert.equal(status, 0, args.join(' '));
    assert.match(stdout, /Usage: popmesh/);
  }
  for (const args of [
    ['rollback', 'hello', 'x'],
    ['quota', 'set', 'acme', '--functions', '-1'],
    ['audit', 'tail', '-n', 'x', 'folder'],
    ['frobnicate'],
    ['deploy', '--frobnicate'],
    ['rollback'],
    ['dev', '--port', 'x'],
    [],
  ]) {
    assert.equal((await run(...args)).status, 2, args.join(' '));
    const { status, stdout, stderr } = await run(...args, '--json');
    assert.deepEqual([status, stderr], [2, ''], args.join(' '));
    const { error } = JSON.parse(stdout);
    assert.equal(error.code, 'invalid_argument', args.join(' '));
    assert.match(error.message, /^(?:unknown|missing|option|command-argument|a command|too many)/);
  }
  assert.deepEqual(JSON.parse((await run('version', '--json')).stdout).popmesh, '0.1.0');
});

test('every command that people type has an example in its help', async (t) => {
  const { run } = commandLine(t);
  const commands = [
    'init',
    'build',
    'dev',
    'deploy',
    'list',
    'status',
    'versions',
    'rollback',
    'delete',
    'logs',
    'node',
    'gateway',
  ];
  for (const command of [
    ...commands.map((name) => [name]),
    ['domains', 'list'],
    ['domains', 'release'],
    ['quota', 'set'],
    ['mesh', 'init'],
    ['mesh', 'enroll'],
    ['mesh', 'token'],
    ['audit', 'verify'],
    ['audit', 'tail'],
  ]) {
    assert.match((await run(...command, '--help')).stdout, /Examples:\n {2}/, command.join(' '));
  }
});

test('status has its documented shape and nothing else', async (t) => {
  const server = await controlServer(t, (_, response) => json(response, STATUS));
  const { run } = commandLine(t);
  const { stdout, status } = await run('status', '--json', '--api', server.url);
  assert.equal(status, 0);
  const [node] = STATUS.nodes;
  const { apiAddress: _a, dataPlanes: _d, ...shown } = node ?? {};
  assert.deepEqual(JSON.parse(stdout), {
    nodes: [shown],
    gateways: STATUS.gateways,
    nats: STATUS.nats,
    problems: [],
  });
  const table = await run('status', '--api', server.url);
  assert.equal(table.status, 0);
  assert.match(table.stdout, /fra-1 +fra +eu +50\.11,8\.68 +ready +7 +1 +25 %/);
  assert.match(table.stdout, /NATS connected, 2\.9\.10/);
});

test('status ends with 4 when something is unwell, and says what', async (t) => {
  const problems = ['node fra-1 is dead', 'node iad-1: NATS: publish: maximum\u001b[31m bytes'];
  const nats = { ...STATUS.nats, problem: 'NATS: publish: maximum bytes exceeded' };
  const [node] = STATUS.nodes;
  const nodes = [{ ...node, clockAheadMs: -4000, notReadyReason: 'alone', cgroup: 'popmesh/a' }];
  const server = await controlServer(t, (_, response) =>
    json(response, { ...STATUS, nodes, nats, problems }),
  );
  const { run } = commandLine(t);
  const table = await run('status', '--api', server.url);
  assert.equal(table.status, 4);
  assert.match(table.stdout, /NATS connected, 2\.9\.10, but JetStream is unwell/);
  assert.match(table.stdout, /fra-1: its clock is 4000 ms behind the others/);
  assert.match(table.stdout, /fra-1: control group: popmesh\/a/);
  assert.match(table.stdout, /unwell: node fra-1 is dead\nunwell: .*maximum\\x1b\[31m bytes\n$/);
  const machine = await run('status', '--json', '--api', server.url);
  assert.equal(machine.status, 4);
  const facts = JSON.parse(machine.stdout);
  assert.deepEqual(facts.problems, problems);
  assert.deepEqual(
    [facts.nodes[0].clockAheadMs, facts.nodes[0].notReadyReason, facts.nodes[0].cgroup],
    [-4000, 'alone', 'popmesh/a'],
  );
});

/** A mesh whose second node becomes ready at the third look. */
function deployServer(t: TestContext, nodesAt: (look: number) => unknown[]) {
  let looks = 0;
  return controlServer(t, ({ method, url }, response) => {
    if (method === 'POST') {
      return json(
        response,
        {
          function: 'default/x',
          namespace: 'default',
          name: 'x',
          version: 3,
          label: '',
          revision: '12',
          artifact: { digest: 'd', sizeBytes: 4, chunks: 2, newChunks: 1 },
          durable: { local: true, jetstream: 'stored' },
        },
        201,
      );
    }
    if (url.includes('/rollout?revision=12')) {
      looks++;
      return json(response, {
        function: 'default/x',
        revision: '12',
        total: 2,
        ready: 1,
        nodes: nodesAt(looks),
      });
    }
    return json(response, STATUS);
  });
}

const node = (id: string, state: string, more = {}) => ({
  id,
  pop: id.slice(0, 3),
  state,
  ...more,
});

test('deploy waits for every node, shows each, and prints the addresses', async (t) => {
  const server = await deployServer(t, (look) => [
    node('fra-1', 'ready'),
    node('sin-1', look < 3 ? 'pending' : 'ready'),
  ]);
  const { cwd, run } = commandLine(t);
  copyFileSync(COMPONENT, join(cwd, 'x.wasm'));
  const { status, stdout, stderr } = await run('deploy', 'x.wasm', '--api', server.url);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'http://x.edge.example:8080/\nhttp://127.0.0.1:8080/default/x/\n');
  assert.match(stderr, /accepted default\/x version 3.*1 of 2 chunks new/);
  assert.match(stderr, /✓ fra[\s\S]*✓ sin/);
  const post = server.seen.find(({ method }) => method === 'POST') as Seen;
  assert.equal(post.url, '/v1/functions/default/x/versions');
  assert.match(post.body, /"engine":"component","config":\{"routes":\[\]/);
  assert.doesNotMatch(/"config":(\{.*\})/.exec(post.body)?.[1] ?? '', /engine/);
});

test('deploy ends with 1 when a node refuses, with 3 when time runs out, with 0 when a node is away', async (t) => {
  const outcome = async (nodes: unknown[], ...args: string[]) => {
    const server = await deployServer(t, () => nodes);
    const { cwd, run } = commandLine(t);
    copyFileSync(COMPONENT, join(cwd, 'x.wasm'));
    return run('deploy', 'x.wasm', '--api', server.url, ...args);
  };
  const failed = node('sin-1', 'failed', { code: 'invalid_component', message: 'no\u001b[31m' });
  const refused = await outcome([node('fra-1', 'ready'), failed]);
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /error \(invalid_component\): sin-1 could not make default\/x ready: no\\x1b\[31m/,
  );
  const slow = await outcome(
    [node('fra-1', 'ready'), node('sin-1', 'pending')],
    '--timeout',
    '0.2',
  );
  assert.equal(slow.status, 3);
  assert.match(slow.stderr, /not ready on sin-1 after 0\.2 s/);
  const nowhere = await outcome([]);
  assert.equal(nowhere.status, 3);
  assert.match(nowhere.stderr, /runs nowhere: no node of the mesh is in its regions/);
  assert.equal((await outcome([node('fra-1', 'pending')], '--no-wait')).status, 0);
  const away = await outcome([node('fra-1', 'ready'), node('sin-1', 'unreachable')]);
  assert.equal(away.status, 0);
  assert.match(away.stderr, /sin-1 cannot be reached/);
});

test('delete asks, and without anybody to ask wants --yes', async (t) => {
  const server = await controlServer(t, (_, response) =>
    json(response, { function: 'default/x', deleted: true, revision: '1' }),
  );
  const alone = commandLine(t);
  assert.equal((await alone.run('delete', 'x', '--api', server.url)).status, 2);
  const refusing = commandLine(t, { ask: async () => 'n' });
  assert.equal((await refusing.run('delete', 'x', '--api', server.url)).status, 1);
  assert.equal(server.seen.length, 0);
  assert.equal(
    (await alone.run('delete', 'x', '--yes', '--api', server.url)).stdout,
    'deleted default/x\n',
  );
});

test('logs of a function cannot steer the terminal', async (t) => {
  const line = {
    timeMs: 0,
    node: 'n',
    pop: 'fra',
    function: 'default/x',
    version: 1,
    level: 'error',
    message: 'a\u001b]0;b\u009b\n00:00:00.000 info  forged',
    requestId: '',
  };
  const server = await controlServer(t, (_, response) => response.end(`${JSON.stringify(line)}\n`));
  const { run } = commandLine(t);
  const { stdout } = await run('logs', 'x', '--no-follow', '--api', server.url);
  assert.equal(
    stdout,
    '00:00:00.000 error fra default/x@1 a\\x1b]0;b\\x9b\n    00:00:00.000 info  forged\n',
  );
  assert.equal(server.seen[0]?.url, '/v1/logs?namespace=default&function=x');
  assert.doesNotMatch(
    (await run('logs', '--no-follow', '--json', '--api', server.url)).stdout,
    /[^\P{Cc}\n]/u,
  );
});

test('errors: one line and a hint, or JSON; the API address and its source are named', async (t) => {
  const { run } = commandLine(t);
  const none = await run('list');
  assert.equal(none.status, 1);
  assert.match(none.stderr, /error \(invalid_config\): no mesh[\s\S]*hint: .*popmesh dev/);
  const away = await run('list', '--json', '--api', 'http://127.0.0.1:9');
  assert.equal(JSON.parse(away.stdout).error.code, 'unavailable');
  assert.equal(away.stderr, '');
  const exposed = await run('list', '--api', 'http://host.invalid:1');
  assert.match(exposed.stderr, /warning: http:\/\/host\.invalid:1 is not encrypted/);
});

test('init writes what builds, and never over what is there', async (t) => {
  const { cwd, run } = commandLine(t);
  for (const lang of ['ts', 'js', 'rust']) {
    const { status, stderr } = await run('init', `My ${lang}`, '--lang', lang);
    assert.equal(status, 0, stderr);
    assert.match(
      readFileSync(join(cwd, `My ${lang}`, 'popmesh.toml'), 'utf8'),
      new RegExp(`name = "my-${lang}"`),
    );
    assert.equal((await run('init', `My ${lang}`, '--lang', lang)).status, 1);
  }
  assert.equal((await run('init', 'x', '--lang', 'cobol')).status, 1);
});

test('a mesh of keys: root, identity and token that the others believe', async (t) => {
  const { cwd, run } = commandLine(t);
  const { rootPublicKey, file } = JSON.parse((await run('mesh', 'init', '--json')).stdout);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await run('mesh', 'init')).status, 1);
  const root = new Uint8Array(Buffer.from(rootPublicKey, 'base64url'));

  await run('mesh', 'enroll', 'fra-1');
  const path = join(cwd, 'fra-1.identity.json');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const identity = JSON.parse(readFileSync(path, 'utf8'));
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'));
  verifyNodeCertificate(root, 'fra-1', bytes(identity.publicKey), bytes(identity.certificate));
  assert.equal((await run('mesh', 'enroll', 'Not An Id')).status, 1);

  const args = ['--namespace', 'a', 'b', '--scope', 'deploy', '--expires', '1h', '--json'];
  const { token, id } = JSON.parse((await run('mesh', 'token', 'ci', ...args)).stdout);
  const { payload } = await jwtVerify(token, publicKeyObject(root), {
    issuer: 'popmesh',
    audience: 'popmesh-api',
    algorithms: ['EdDSA'],
    currentDate: new Date(1_700_000_000_000),
  });
  assert.deepEqual(
    [payload.sub, payload.jti, payload.namespaces, payload.scopes],
    ['ci', id, ['a', 'b'], ['deploy']],
  );
  assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 3600);
  for (const bad of [
    ['--expires', '99999d'],
    ['--scope', 'all'],
    ['--namespace', 'A B'],
  ]) {
    assert.equal((await run('mesh', 'token', 'ci', ...bad)).status, 1, bad.join(' '));
  }
});

test('quota: what there is and may be, and setting it', async (t) => {
  const figures = { functions: 3, versionsKept: 2, storedMb: 1.5, hosts: 0 };
  const quota = {
    namespace: 'acme',
    allowed: { functions: 50, versionsKept: 10, storedMb: 500, hosts: 20 },
    used: figures,
    isDefault: false,
    setBy: 'olga',
    setAtMs: 1_699_999_990_000,
  };
  const server = await controlServer(t, ({ url }, response) =>
    json(response, url === '/v1/quotas' ? { quotas: [quota] } : quota),
  );
  const { run } = commandLine(t);
  const api = ['--api', server.url];
  const table = await run('quota', ...api);
  assert.match(table.stdout, /acme +3 of 50 +2 of 10 +1\.5 of 500 +0 of 20 +olga/);
  assert.deepEqual(JSON.parse((await run('quota', 'acme', '--json', ...api)).stdout), {
    quotas: [quota],
  });
  assert.equal(server.seen.at(-1)?.url, '/v1/quotas/acme');
  const set = await run('quota', 'set', 'acme', '--functions', '50', '--stored-mb', '500', ...api);
  assert.equal(set.status, 0, set.stderr);
  const { method, body } = server.seen.at(-1) ?? {};
  assert.equal(method, 'PUT');
  assert.deepEqual(JSON.parse(String(body)), { functions: 50, storedMb: 500 });
  assert.equal((await run('quota', 'set', 'acme', ...api)).status, 1);
  assert.equal((await run('quota', 'set', 'acme', '--default', '--hosts', '1', ...api)).status, 1);
});

test('domains: what is claimed, and giving it up; list says which routes are off', async (t) => {
  const held = {
    host: 'shop.example',
    namespace: 'acme',
    claimedAtMs: 1_699_999_990_000,
    claimedBy: 'ann',
    state: 'taken',
    claims: 2,
    functions: ['acme/shop'],
    olderVersionsOf: [],
  };
  const fn = {
    function: 'acme/shop',
    version: 1,
    label: '',
    engine: 'rust',
    sizeBytes: 1,
    updatedAtMs: 0,
    readyOn: ['a'],
    olderOn: [{ node: 'b', version: 3 }],
    failedOn: ['b', 'c'].map((node) => ({ node, code: 'invalid_component', message: 'too big' })),
    routesOff: [{ host: 'shop.example', path: '/*', reason: 'taken' }],
  };
  const server = await controlServer(t, ({ method, url }, response) => {
    if (method === 'DELETE')
      json(response, { host: 'shop.example', namespace: 'acme', released: true });
    else json(response, url.startsWith('/v1/hosts') ? { hosts: [held] } : { functions: [fn] });
  });
  const { run } = commandLine(t);
  const api = ['--api', server.url];
  const table = await run('domains', 'list', ...api);
  assert.match(table.stdout, /shop\.example +acme +taken, 2 claims +10 s ago +ann +acme\/shop/);
  assert.deepEqual(JSON.parse((await run('domains', 'list', '--json', ...api)).stdout), {
    hosts: [held],
  });
  const released = await run(
    'domains',
    'release',
    'Shop.Example.',
    '-n',
    'acme',
    '--force',
    ...api,
  );
  assert.match(released.stdout, /released shop\.example of acme/);
  assert.deepEqual(server.seen.at(-1)?.url, '/v1/hosts/shop.example?namespace=acme&force=true');
  assert.equal((await run('domains', 'release', '127.0.0.1', ...api)).status, 1);
  const listed = await run('list', ...api);
  assert.match(listed.stdout, /ROUTES OFF\n.* a b\(version 3\) c\(failed\) +shop\.example\/\*/);
  assert.match(listed.stderr, /acme\/shop: c could not make it ready: too big/);
  assert.match(
    listed.stderr,
    /acme\/shop: the route shop\.example\/\* is switched off: .*another namespace/,
  );
});
