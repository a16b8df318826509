/** The files in deploy/ are what the daemons themselves accept. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
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
  assert.equal(node.nats?.url, 'nats://127.0.0.1:4222');
  const gateway = loadGatewayConfig(at('gateway.toml'), {});
  assert.equal(gateway.domain, 'functions.example.com');
  assert.equal(node.hosts.domain, gateway.domain);
  assert.ok(gateway.mesh.seeds.includes(`127.0.0.1:${node.listen.meshPort}`));
});

test('nats-server.conf', () => {
  const { status, stdout, stderr } = spawnSync(
    findNatsServer().path,
    ['-c', at('nats-server.conf'), '-t'],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stdout + stderr);
});

test('the commands of deploy/README.md make keys, identities and tokens', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-deploy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const main = join(import.meta.dirname, '..', 'packages/cli/src/main.ts');
  const commands = readFileSync(at('README.md'), 'utf8').matchAll(/^\d\. `popmesh (mesh [^`]+)`/gm);
  const outputs = [...commands].map(([, command]) => {
    const args = (command as string).replaceAll("'", '').split(' ');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${command}: ${stderr}`);
    return stdout;
  });
  assert.equal(outputs.length, 3);
  for (const file of ['mesh/root-key.json', 'fra-1.identity.json']) {
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  }
  assert.match(outputs[2] as string, /^[\w-]+\.[\w-]+\.[\w-]+\s*$/);
});
