import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isLoopback } from '@popmesh/daemon';
import { generateKeyPair, issueNodeIdentity, readIdentityFile } from '@popmesh/protocol';
import { loadNodeConfig, type NodeConfigInput, parseNodeConfig } from './config.ts';

const root = generateKeyPair();
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const input: NodeConfigInput = {
  id: 'fra-1',
  dataDir: 'data',
  pop: { code: 'fra', region: 'eu', latitude: 50.11, longitude: 8.68 },
  mesh: { rootPublicKey: text(root.publicKey) },
};

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'popmesh-node-config-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('node.toml of the specification is complete after reading, with paths beside the file', async (t) => {
  const directory = await folder(t);
  const file = join(directory, 'node.toml');
  await writeFile(
    file,
    `id = "fra-1"
data_dir = "data"
[pop]
code = "fra"
name = "Frankfurt"
region = "eu"
latitude = 50.11
longitude = 8.68
[listen]
host = "127.0.0.1"
api_port = 0
mesh_port = 0
[mesh]
root_public_key = "${text(root.publicKey)}"
identity_file = "identity.json"
seeds = ["127.0.0.1:7401"]
profile = "local"
[nats]
url = "nats://127.0.0.1:4222"
replicas = 1
[hosts]
domain = "functions.example.com"
reserved = ["gateway.example.com"]
[[hosts.allow]]
pattern = "*.shop.example"
namespaces = ["shop"]
`,
  );
  const config = loadNodeConfig(file, { POPMESH_NODE_LISTEN__API_PORT: '7001' });
  assert.equal(config.dataDir, join(directory, 'data'));
  assert.equal(config.mesh.identityFile, join(directory, 'identity.json'));
  assert.equal(config.listen.apiPort, 7001);
  assert.equal(config.limits.componentMb, 50);
  assert.deepEqual(config.hosts, {
    domain: 'functions.example.com',
    reserved: ['gateway.example.com'],
    allow: [{ pattern: '*.shop.example', namespaces: ['shop'] }],
  });
  assert.equal(config.gossip.probeIntervalMs, 250);
  await writeFile(file, 'id = "x"\n[listen]\nport = 1\n[gossip]\nfan = 1\n');
  assert.throws(
    () => loadNodeConfig(file, {}),
    /line 3: listen\.port: unknown key[\s\S]*line 5: gossip\.fan: unknown key/,
  );
});

test('off loopback there must be TLS', () => {
  const open = (host: string, more = {}) =>
    parseNodeConfig({ ...input, listen: { host }, ...more });
  assert.throws(() => open('0.0.0.0'), /listen\.host: 0\.0\.0\.0 is not loopback.*\[tls\]/);
  assert.throws(() => open('10.0.0.1'), { code: 'invalid_config' });
  assert.throws(() => open('node.example.com'), { code: 'invalid_config' });
  assert.throws(() => open('127.0.0.1.example.com'), { code: 'invalid_config' });
  open('::1');
  open('10.0.0.1', { tls: { cert: 'c', key: 'k', ca: 'a' } });
  // What is told to others is an address that they can use.
  const tls = { cert: 'c', key: 'k', ca: 'a' };
  const told = (listen: object, seeds: string[] = []) =>
    parseNodeConfig({ ...input, tls, listen, mesh: { ...input.mesh, seeds } });
  for (const host of ['0.0.0.0', '::', '0:0::0']) {
    assert.throws(() => told({ host }), /set listen\.advertise_host to the address/);
    told({ host, advertiseHost: '10.0.0.1' });
  }
  assert.throws(
    () => told({ host: '10.0.0.1', advertiseHost: '0.0.0.0' }),
    /nobody can connect to/,
  );
  assert.throws(
    () => told({}, ['127.0.0.1:1', '10.0.0.1:7401']),
    /seed 10\.0\.0\.1:7401.*listen\.host/,
  );
  told({ advertiseHost: '10.0.0.2' }, ['fra-1.internal:7401']);
  told({}, ['127.0.0.2:7401', '[::1]:7401']);
  assert.equal(isLoopback('127.1.2.3'), true);
});

test('an identity file must be private, ours, and certified by the root key', async (t) => {
  const directory = await folder(t);
  const file = join(directory, 'identity.json');
  const expected = { id: 'fra-1', rootPublicKey: root.publicKey };
  const write = async (identity: ReturnType<typeof issueNodeIdentity>, mode = 0o600) => {
    const { id, publicKey, privateKey, certificate } = identity;
    await writeFile(
      file,
      JSON.stringify({
        id,
        publicKey: text(publicKey),
        privateKey: text(privateKey),
        certificate: text(certificate),
      }),
    );
    await chmod(file, mode);
  };
  const identity = issueNodeIdentity(root.privateKey, 'fra-1');
  await write(identity);
  assert.deepEqual(await readIdentityFile(file, expected), identity);
  await write(identity, 0o644);
  await assert.rejects(readIdentityFile(file, expected), /can be read by others/);
  await write(issueNodeIdentity(root.privateKey, 'other'));
  await assert.rejects(readIdentityFile(file, expected), /is the identity of "other"/);
  await write(issueNodeIdentity(generateKeyPair().privateKey, 'fra-1'));
  await assert.rejects(readIdentityFile(file, expected), { code: 'bad_signature' });
  await writeFile(file, `{"id": "fra-1", "privateKey": "${text(identity.privateKey)}`);
  await assert.rejects(readIdentityFile(file, expected), (error: Error) => {
    assert.ok(!error.message.includes(text(identity.privateKey)));
    return true;
  });
  await assert.rejects(readIdentityFile(join(directory, 'no'), expected), /cannot be read/);
});
