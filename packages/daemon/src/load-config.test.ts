import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { PopmeshError } from '@popmesh/contracts';
import { z } from 'zod';
import { loadConfig } from './index.ts';
import { describeError } from './logger.ts';

const schema = z.object({
  id: z.string(),
  dataDir: z.string().default('/var/lib'),
  listen: z
    .object({ host: z.string().default('127.0.0.1'), apiPort: z.int().min(0).max(65535) })
    .prefault({ apiPort: 0 }),
  seeds: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  quiet: z.boolean().optional(),
});

function file(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-config-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'node.toml');
  writeFileSync(path, text);
  return path;
}

function problems(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof PopmeshError);
    assert.equal(error.code, 'invalid_config');
    return error.message.split('\n').slice(1);
  }
  assert.fail('no error');
}

test('file, environment and overrides, each over the one before', (t) => {
  const path = file(t, 'id = "a"\ndata_dir = "/x"\n[listen]\napi_port = 1\n[env]\nMY_NAME = "v"\n');
  const config = loadConfig({
    schema,
    file: path,
    env: { POPMESH_LISTEN__API_PORT: '2', POPMESH_ID: '007', POPMESH_QUIET: 'true', OTHER: 'x' },
    envPrefix: 'POPMESH_',
    overrides: { dataDir: '/y', seeds: undefined },
  });
  assert.deepEqual(config, {
    id: '007',
    dataDir: '/y',
    listen: { host: '127.0.0.1', apiPort: 2 },
    seeds: [],
    env: { MY_NAME: 'v' },
    quiet: true,
  });
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.listen));
});

test('all problems at once, with path and line', (t) => {
  const path = file(t, 'id = 5\nseads = []\n\n[listen]\napi_port = 99999\nprot = 1\n');
  const found = problems(() => loadConfig({ schema, file: path }));
  assert.equal(found.length, 4);
  assert.match(found.join('\n'), /line 2: seads: unknown key/);
  assert.match(found.join('\n'), /line 6: listen\.prot: unknown key/);
  assert.match(found.join('\n'), /line 1: id: /);
  assert.match(found.join('\n'), /line 5: listen\.api_port: /);
});

test('text that is not TOML is refused with its place', (t) => {
  const path = file(t, 'id = "a"\nx =\n');
  assert.throws(() => loadConfig({ schema, file: path }), /node\.toml:2:\d+: /);
});

test('what stands around an error of TOML is not told: it may be a secret', (t) => {
  const path = file(t, 'id = "a"\n[env]\nKEY = "s3cret-1"\nTOKEN = "s3cret-2\nPASS = "s3cret-3"\n');
  try {
    loadConfig({ schema, file: path });
    assert.fail('no error');
  } catch (error) {
    const told = inspect(error, { depth: 10 }) + JSON.stringify(describeError(error));
    assert.match(told, /node\.toml:4:\d+: \w+/);
    assert.doesNotMatch(told, /s3cret/);
  }
});

test('a missing file, and a missing key that has no line', () => {
  assert.throws(() => loadConfig({ schema, file: '/no/such' }), /cannot read \/no\/such/);
  assert.match(problems(() => loadConfig({ schema })).join(), /id: .*expected string/i);
});

test('a hostile key does not reach a prototype', (t) => {
  const path = file(t, 'id = "a"\n[__proto__]\npolluted = "yes"\n');
  problems(() => loadConfig({ schema, file: path }));
  assert.equal(({} as { polluted?: string }).polluted, undefined);
});

test('variables that Kubernetes makes of a Service are none of ours, a misspelt one is', () => {
  const env = {
    POPMESH_NODE_SERVICE_HOST: '10.96.0.1',
    POPMESH_NODE_SERVICE_PORT: '7001',
    POPMESH_NODE_SERVICE_PORT_HTTP_API: '7001',
    POPMESH_NODE_PORT: 'tcp://10.96.0.1:7001',
    POPMESH_NODE_PORT_7001_TCP: 'tcp://10.96.0.1:7001',
    POPMESH_NODE_PORT_7001_TCP_PROTO: 'tcp',
    POPMESH_NODE_PORT_7001_TCP_PORT: '7001',
    POPMESH_NODE_PORT_7001_TCP_ADDR: '10.96.0.1',
    POPMESH_NODE_0_SERVICE_HOST: '10.96.0.2',
    POPMESH_NODE_0_PORT: 'tcp://10.96.0.2:1',
    POPMESH_NODE_ID: 'a',
    POPMESH_NODE_LISTEN__API_PORT: '7',
  };
  const load = (more: object) =>
    loadConfig({ schema, env: { ...env, ...more }, envPrefix: 'POPMESH_NODE_' });
  const config = load({});
  assert.deepEqual([config.id, config.listen.apiPort], ['a', 7]);
  for (const typo of ['POPMESH_NODE_PORT', 'POPMESH_NODE_API_PORT', 'POPMESH_NODE_LISTEN__PORT']) {
    assert.match(problems(() => load({ [typo]: '7' })).join(), /unknown key/, typo);
  }
});
