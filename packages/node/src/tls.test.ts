import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { realClock } from '@popmesh/daemon';
import { createClient, Mesh, tlsCredentials } from '@popmesh/protocol';
import { startApiServer } from './api/server.ts';
import { parseNodeConfig } from './config.ts';
import { exampleComponent, TestMesh, until } from './testing/mesh.test-support.ts';

/** Mutual TLS between nodes, with certificates made by openssl. */

const OPENSSL = '/usr/bin/openssl';
const skip = existsSync(OPENSSL) ? undefined : `${OPENSSL} is not there`;

const openssl = (...args: string[]): void => {
  execFileSync(OPENSSL, args, { stdio: 'pipe' });
};
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function certificates(folder: string, name: string, ip = '127.0.0.1') {
  const at = (file: string): string => join(folder, `${name}-${file}`);
  const days = ['-days', '1', '-subj', '/CN=test CA'];
  openssl('req', '-x509', ...NEW_KEY, ...days, '-keyout', at('ca.key'), '-out', at('ca.pem'));
  const files = { cert: at('cert.pem'), key: at('key.pem'), ca: at('ca.pem') };
  await issue(files, at('ca.key'), ip);
  // For the calls that this test makes itself.
  setDefaultCACertificates([...getCACertificates('default'), await readFile(files.ca, 'utf8')]);
  return { files, caKey: at('ca.key') };
}

/** Over what is there. */
async function issue(
  files: { readonly cert: string; readonly key: string; readonly ca: string },
  caKey: string,
  ip = '127.0.0.1',
): Promise<void> {
  const [csr, ext] = [`${files.cert}.csr`, `${files.cert}.ext`];
  openssl('req', ...NEW_KEY, '-subj', '/CN=node', '-keyout', files.key, '-out', csr);
  await writeFile(ext, `subjectAltName=IP:${ip}\n`);
  const ca = ['-CA', files.ca, '-CAkey', caKey, '-CAcreateserial', '-days', '1'];
  openssl('x509', '-req', '-in', csr, ...ca, '-extfile', ext, '-out', files.cert);
}

async function materialOf(files: {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}) {
  const [ca, cert, key] = await Promise.all(
    [files.ca, files.cert, files.key].map((file) => readFile(file)),
  );
  assert.ok(ca && cert && key);
  return { ca, cert, key };
}

const serialOf = (pem: Buffer): string => new X509Certificate(pem).serialNumber;

/** The serial number that a server shows to a new connection. */
async function shownAt(
  address: string,
  material: { ca: Buffer; cert: Buffer; key: Buffer },
  protocol = 'h2',
) {
  const [host, port] = address.split(':');
  const socket = connect({ host, port: Number(port), ...material, ALPNProtocols: [protocol] });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test('nodes with certificates of one CA find each other; plaintext and foreign ones do not', {
  skip,
}, async (t) => {
  const mesh = await TestMesh.create(t);
  const { files: tls, caKey } = await certificates(mesh.folder, 'ours');
  const one = await mesh.start('one', { tls });
  const { revision } = await one.deploy('default/hello', await exampleComponent());
  const two = await mesh.start('two', { tls, seeds: [one.meshAddress] });
  await two.untilReadyEverywhere('default/hello', revision, 2);

  const foreign = await mesh.start('three', {
    tls: (await certificates(mesh.folder, 'theirs')).files,
    seeds: [one.meshAddress],
  });
  const plain = createClient(Mesh, one.meshAddress);
  t.after(() => plain.close());
  await assert.rejects(plain.sync({ from: 'x' }, { timeoutMs: 60_000 }), {
    code: 'peer_unavailable',
  });
  await until(async () => (await one.status()).nodes.length === 2);
  assert.deepEqual(await foreign.list(), []);

  // Other certificates, for new connections: without a restart, and whole or not at all.
  const before = await materialOf(tls);
  await issue(tls, caKey);
  const after = await materialOf(tls);
  const config = parseNodeConfig(await mesh.config('one', { tls }));
  await writeFile(tls.key, before.key);
  await assert.rejects(one.node.reload(config), {
    code: 'invalid_config',
    message: /^tls\.key: .*ours-key\.pem cannot be used: .*key values mismatch/,
  });
  await rm(tls.key);
  await assert.rejects(one.node.reload(config), {
    code: 'invalid_config',
    message: /^tls\.key: cannot read .*ENOENT/,
  });
  assert.equal(await shownAt(one.meshAddress, before), serialOf(before.cert));
  await writeFile(tls.key, after.key);
  assert.deepEqual((await one.node.reload(config)).changed, ['tls']);
  assert.equal(await shownAt(one.meshAddress, before), serialOf(after.cert));
  assert.deepEqual((await one.node.reload(config)).changed, []);
});

test('the control API shows another certificate to new connections', { skip }, async (t) => {
  const mesh = await TestMesh.create(t);
  const { files, caKey } = await certificates(mesh.folder, 'api');
  const before = await materialOf(files);
  const api = await startApiServer({
    host: '127.0.0.1',
    port: 0,
    tls: before,
    clock: realClock,
    fetch: () => new Response('hello'),
  });
  t.after(() => api.stop(100));
  await issue(files, caKey);
  const after = await materialOf(files);
  assert.equal(await shownAt(api.address, before, 'http/1.1'), serialOf(before.cert));
  api.replaceCertificate(after);
  assert.equal(await shownAt(api.address, before, 'http/1.1'), serialOf(after.cert));
});

test('a certificate for another address is refused', { skip }, async (t) => {
  const mesh = await TestMesh.create(t);
  const { files: wrong } = await certificates(mesh.folder, 'wrong', '127.0.0.2');
  const node = await mesh.start('one', { tls: wrong });
  const { client } = tlsCredentials(await materialOf(wrong));
  const caller = createClient(Mesh, node.meshAddress, client);
  t.after(() => caller.close());
  await assert.rejects(caller.sync({ from: 'x' }, { timeoutMs: 60_000 }), /IP|altname|cert/i);
});
