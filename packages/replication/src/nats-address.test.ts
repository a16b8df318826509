import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Logger } from '@popmesh/contracts';
import { ownAddress } from '@popmesh/simulation';
import { replicationConfigSchema } from './config.ts';
import { isPlainOffLoopback, parseNatsUrl } from './nats-address.ts';
import { checkBeforeDialling } from './nats-connection.ts';
import { TestNatsServer } from './nats-server.test-support.ts';
import { eventually, TestMesh } from './test-node.test-support.ts';

test('an address is nats:// or tls://, and everything else is refused without its secrets', () => {
  assert.deepEqual(parseNatsUrl('nats://127.0.0.1:4222'), {
    servers: ['127.0.0.1:4222'],
    tls: false,
    user: undefined,
    password: undefined,
    token: undefined,
  });
  assert.deepEqual(parseNatsUrl('tls://me:p%40ss@a.example, tls://me:p%40ss@[::1]:80'), {
    servers: ['a.example:4222', '[::1]:80'],
    tls: true,
    user: 'me',
    password: 'p@ss',
    token: undefined,
  });
  assert.equal(parseNatsUrl('nats://s3cret@a:1').token, 's3cret');
  for (const bad of [
    'natz://u:s3cret@a:4222',
    'wss://u:s3cret@a:443',
    'http://u:s3cret@a',
    'u:s3cret@a:4222',
    'a:4222',
    'nats://u:s3cret@a:4222/x',
    'nats://u:s3cret@a:99999',
    'nats://u:s3cret@a:1,nats://u:0ther@b:1',
    'nats://',
  ]) {
    const { error } = replicationConfigSchema.safeParse({ url: bad });
    assert.ok(error, bad);
    assert.doesNotMatch(error.message, /s3cret|0ther/);
  }
  const wss = replicationConfigSchema.safeParse({ url: 'wss://a:443' }).error?.message ?? '';
  assert.match(wss, /WebSocket has no client here; use tls:/);
  const plain = (url: string) => isPlainOffLoopback(parseNatsUrl(url));
  assert.deepEqual(
    [
      'nats://127.0.0.2:1',
      'nats://[::1]:1',
      'nats://localhost',
      'tls://a',
      'nats://a',
      'nats://10.0.0.1',
    ].map(plain),
    [false, false, false, false, true, true],
  );
});

test('plain text off this machine is warned of, a missing file is a mistake', async () => {
  const warnings: string[] = [];
  const logger = { warn: (...all: unknown[]) => void warnings.push(JSON.stringify(all)) };
  const check = (config: object) =>
    checkBeforeDialling(replicationConfigSchema.parse(config), logger as unknown as Logger);
  await check({ url: 'nats://u:s3cret@10.0.0.1:4222' });
  await check({ url: 'tls://10.0.0.1:4222' });
  await check({ url: 'nats://127.0.0.1:4222' });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /plain text.*10\.0\.0\.1:4222/);
  assert.doesNotMatch(warnings[0] ?? '', /s3cret/);
  await assert.rejects(check({ url: 'tls://a', tls: { caFile: '/no/such.pem' } }), {
    code: 'invalid_config',
    message: /^nats\.tls\.ca_file: .*\/no\/such\.pem/,
  });
});

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];

test('tls:// is TLS with a checked certificate, or no connection', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-nats-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const at = (file: string): string => join(folder, file);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl('req', '-x509', ...KEY, '-subj', '/CN=CA', '-keyout', at('ca.key'), '-out', at('ca.pem'));
  const certificate = (name: string, subject: string): void => {
    const [key, csr, ext] = [at(`${name}.key`), at(`${name}.csr`), at(`${name}.ext`)];
    openssl('req', ...KEY, '-subj', `/CN=${name}`, '-keyout', key, '-out', csr);
    writeFileSync(ext, `subjectAltName=${subject}\n`);
    const sign = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '1'];
    openssl('x509', '-req', '-in', csr, ...sign, '-extfile', ext, '-out', at(`${name}.pem`));
  };
  certificate('node', 'IP:127.0.0.1');
  const server = async (name: string): Promise<TestNatsServer> => {
    const files = `cert_file: "${at(`${name}.pem`)}", key_file: "${at(`${name}.key`)}"`;
    const started = await TestNatsServer.start(
      `tls { ${files}, ca_file: "${at('ca.pem')}", verify: true }\nauthorization { token: "s3cret" }`,
    );
    t.after(() => started.destroy());
    return started;
  };
  const mesh = new TestMesh();
  t.after(() => mesh.stop());
  const host = (await ownAddress()).host;
  certificate('right', `IP:${host}`);
  certificate('wrong', 'IP:127.9.9.9,DNS:localhost');
  const right = await server('right');
  const address = right.url.replace('nats://', '');
  assert.ok(address.startsWith(`${host}:`), 'the certificate is for it');
  const own = { certFile: at('node.pem'), keyFile: at('node.key') };
  const tls = { ...own, caFile: at('ca.pem') };
  const node = (id: string, url: string, more: object = { tls }) =>
    mesh.node(id, { url, prefix: id, ...more }).start();

  const good = await node('good', `tls://s3cret@${address}`);
  await good.connected();
  assert.equal((await good.put('function/default/f')).outcome, 'stored');

  // A CA that nobody told of, and a certificate for somebody else.
  const stranger = await node('stranger', `tls://s3cret@${address}`, { tls: own });
  const wrong = await server('wrong');
  const misled = await node('misled', wrong.url.replace('nats://', 'tls://s3cret@'));
  // Plain text where TLS was wanted: nothing is said to it, above all no token.
  let heard = '';
  const plain = createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (data) => {
        heard += data;
      });
    socket.write('INFO {"server_id":"x","version":"2.10.0","max_payload":1048576}\r\n');
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  t.after(() => plain.close());
  const { port } = plain.address() as { port: number };
  const stripped = await node('stripped', `tls://s3cret@127.0.0.1:${port}`);
  for (const [it, reason] of [
    [stranger, /self.signed|unable to/i],
    [misled, /altname|IP/i],
    [stripped, /tls|server/i],
  ] as const) {
    await eventually(() => assert.match(it.replication.status().problem ?? '', reason));
    assert.equal(it.replication.status().connected, false);
    assert.doesNotMatch(it.replication.status().problem ?? '', /s3cret/);
  }
  assert.equal(heard, '');
});
