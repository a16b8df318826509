/** The files in deploy/ are what the daemons themselves accept. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findNatsServer } from '../packages/cli/src/index.ts';
import { loadGatewayConfig } from '../packages/gateway/src/index.ts';
import { loadNodeConfig } from '../packages/node/src/index.ts';

const at = (file: string): string => join(import.meta.dirname, '..', 'deploy', file);

test('node.toml and gateway.toml', () => {
  const node = loadNodeConfig(at('node.toml'), {});
  assert.equal(node.pop.code, 'fra');
  assert.equal(node.nats?.url, 'tls://10.0.0.1:4222');
  assert.equal(node.nats?.tls?.caFile, at('ca.pem'));
  const gateway = loadGatewayConfig(at('gateway.toml'), {});
  assert.equal(gateway.domain, 'functions.example.com');
  assert.equal(node.hosts.domain, gateway.domain);
  assert.deepEqual(gateway.mesh.seeds, node.mesh.seeds);
  assert.ok(node.mesh.seeds.includes(`${node.listen.host}:${node.listen.meshPort}`));
});

test('the variables are named as the files say', () => {
  const node = loadNodeConfig(at('node.toml'), {
    POPMESH_NODE_ID: 'x',
    POPMESH_NODE_LISTEN__API_PORT: '1',
  });
  assert.deepEqual([node.id, node.listen.apiPort], ['x', 1]);
  const gateway = loadGatewayConfig(at('gateway.toml'), { POPMESH_GATEWAY_LISTEN__PORT: '2' });
  assert.equal(gateway.listen.port, 2);
  for (const file of ['node.toml', 'gateway.toml']) {
    const text = readFileSync(at(file), 'utf8').replaceAll(/\n# /g, ' ');
    const names = text.match(/POPMESH_[A-Z_]+/g) ?? [];
    assert.equal(names.length, 2, file);
  }
});

test('nats-server.conf', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-nats-conf-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { path, version } = findNatsServer();
  // The certificates are tried by the test of README.md; -t would read them here.
  let text = readFileSync(at('nats-server.conf'), 'utf8').replace(/^tls \{[^}]*\}/m, '');
  assert.match(text, /^ {2}sync_interval: always$/m, 'the one that must not stay at its default');
  if (/^2\.[0-9]\./.test(version)) text = text.replace(/^ *sync_interval.*$/m, '');
  const file = join(folder, 'nats-server.conf');
  writeFileSync(file, text);
  const { status, stdout, stderr } = spawnSync(path, ['-c', file, '-t'], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});
