import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient, Mesh, tlsCredentials } from '@popmesh/protocol';
import { exampleComponent, TestMesh, until } from './testing/mesh.test-support.ts';

/** Mutual TLS between nodes, with certificates made by openssl. */

const OPENSSL = '/usr/bin/openssl';
const skip = existsSync(OPENSSL) ? undefined : `${OPENSSL} is not there`;

async function certificates(folder: string, name: string, ip = '127.0.0.1') {
  const at = (file: string): string => join(folder, `${name}-${file}`);
  const openssl = (...args: string[]): void => {
    execFileSync(OPENSSL, args, { stdio: 'pipe' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '1',
    '-subj',
    '/CN=test CA',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  );
  openssl('req', ...key, '-subj', '/CN=node', '-keyout', at('key.pem'), '-out', at('csr.pem'));
  await writeFile(at('ext'), `subjectAltName=IP:${ip}\n`);
  openssl(
    'x509',
    '-req',
    '-in',
    at('csr.pem'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    at('ext'),
    '-out',
    at('cert.pem'),
  );
  return { cert: at('cert.pem'), key: at('key.pem'), ca: at('ca.pem') };
}

test('nodes with certificates of one CA find each other; plaintext and foreign ones do not', {
  skip,
}, async (t) => {
  const mesh = await TestMesh.create(t);
  const tls = await certificates(mesh.folder, 'ours');
  const one = await mesh.start('one', { tls });
  const { revision } = await one.deploy('default/hello', await exampleComponent());
  const two = await mesh.start('two', { tls, seeds: [one.meshAddress] });
  await two.untilReadyEverywhere('default/hello', revision, 2);

  const foreign = await mesh.start('three', {
    tls: await certificates(mesh.folder, 'theirs'),
    seeds: [one.meshAddress],
  });
  const plain = createClient(Mesh, one.meshAddress);
  t.after(() => plain.close());
  await assert.rejects(plain.sync({ from: 'x' }, { timeoutMs: 60_000 }), {
    code: 'peer_unavailable',
  });
  await until(async () => (await one.status()).nodes.length === 2);
  assert.deepEqual(await foreign.list(), []);
});

test('a certificate for another address is refused', { skip }, async (t) => {
  const mesh = await TestMesh.create(t);
  const wrong = await certificates(mesh.folder, 'wrong', '127.0.0.2');
  const node = await mesh.start('one', { tls: wrong });
  const [ca, cert, key] = await Promise.all(
    [wrong.ca, wrong.cert, wrong.key].map((file) => readFile(file)),
  );
  assert.ok(ca && cert && key);
  const { client } = tlsCredentials({ ca, cert, key });
  const caller = createClient(Mesh, node.meshAddress, client);
  t.after(() => caller.close());
  await assert.rejects(caller.sync({ from: 'x' }, { timeoutMs: 60_000 }), /IP|altname|cert/i);
});
