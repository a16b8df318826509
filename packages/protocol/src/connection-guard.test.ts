import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ConnectionGuard } from './connection-guard.ts';
import { Mesh } from './generated/popmesh/v1/mesh_pb.js';
import { createClient } from './grpc-client.ts';
import { startGrpcServer } from './grpc-server.ts';
import { tlsCredentials } from './grpc-tls.ts';

const OPENSSL = '/usr/bin/openssl';
const HANGS_MS = 60_000;
const call = { timeoutMs: HANGS_MS };
const folder = mkdtempSync(join(tmpdir(), 'popmesh-guard-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function material() {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-days', '1', '-subj', '/CN=node', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', key, '-out', cert];
  execFileSync(OPENSSL, ['req', '-x509', ...made, ...subject, ...files], { stdio: 'pipe' });
  const pem = readFileSync(cert);
  return { ca: pem, cert: pem, key: readFileSync(key) };
}

const serve = (
  guard: ConnectionGuard,
  credentials?: ReturnType<typeof tlsCredentials>['server'],
): ReturnType<typeof startGrpcServer> =>
  startGrpcServer({
    service: Mesh,
    host: '127.0.0.1',
    port: 0,
    guard,
    ...(credentials === undefined ? {} : { credentials }),
    handlers: { ping: async ({ target }: { target: string }) => ({ from: target }) } as never,
  });

const portOf = (address: string): number => Number(address.split(':')[1]);

/** Whatever the other side does, it ends. */
async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  socket.resume();
  const ended = Promise.withResolvers<void>();
  socket.on('close', () => ended.resolve());
  const late = setTimeout(() => ended.reject(new Error('the connection stays open')), HANGS_MS);
  if (!socket.destroyed) await ended.promise;
  clearTimeout(late);
}

test('who says nothing, or stops in the middle of TLS, is closed; a member stays', {
  skip: existsSync(OPENSSL) ? undefined : `${OPENSSL} is not there`,
}, async () => {
  const limits = {
    connectionsMax: 100,
    connectionsPerAddressMax: 50,
    silentMax: 50,
    silenceMs: 400,
  };
  const guard = new ConnectionGuard(limits);
  const pem = material();
  const tls = tlsCredentials(pem);
  const server = await serve(guard, tls.server);
  const client = createClient(Mesh, server.address, tls.client);
  try {
    assert.equal((await client.ping({ target: 'a' }, call)).from, 'a');
    const port = portOf(server.address);
    const silent = connect(port, '127.0.0.1');
    const half = connect(port, '127.0.0.1');
    // The head of a record, and less than it promises.
    half.write(Buffer.from('160301020001', 'hex'));
    const behind = connectTls({ port, host: '127.0.0.1', ...pem, ALPNProtocols: ['h2'] });
    await Promise.all([closed(silent), closed(half), closed(behind)]);
    assert.equal((await client.ping({ target: 'b' }, call)).from, 'b');
    assert.equal(guard.connections, 1);
  } finally {
    client.close();
    await server.stop(100);
  }
});

test('connections are bounded for each address and in all, and given back', async () => {
  const limits = {
    connectionsMax: 5,
    connectionsPerAddressMax: 3,
    silentMax: 50,
    silenceMs: HANGS_MS,
  };
  const guard = new ConnectionGuard(limits);
  const server = await serve(guard);
  const from = (localAddress: string): Socket =>
    connect({ port: portOf(server.address), host: '127.0.0.1', localAddress });
  const held: Socket[] = [];
  const counted = async (count: number): Promise<void> => {
    while (guard.connections !== count) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  try {
    for (const address of ['127.0.0.2', '127.0.0.2', '127.0.0.2']) held.push(from(address));
    await counted(3);
    await closed(from('127.0.0.2'));
    held.push(from('127.0.0.3'), from('127.0.0.3'));
    await counted(5);
    await closed(from('127.0.0.4'));
    for (const socket of held) socket.destroy();
    await counted(0);
    const client = createClient(Mesh, server.address);
    assert.equal((await client.ping({ target: 'a' }, call)).from, 'a');
    client.close();
  } finally {
    for (const socket of held) socket.destroy();
    await server.stop(100);
  }
});

test('of those that have said nothing yet, the oldest makes room for a member', async () => {
  const limits = {
    connectionsMax: 50,
    connectionsPerAddressMax: 50,
    silentMax: 2,
    silenceMs: HANGS_MS,
  };
  const server = await serve(new ConnectionGuard(limits));
  const port = portOf(server.address);
  const first = connect(port, '127.0.0.1');
  await once(first, 'connect');
  const others = [connect(port, '127.0.0.1')];
  await once(others[0] as Socket, 'connect');
  const session = connectHttp2(`http://${server.address}`);
  try {
    await once(session, 'remoteSettings');
    await closed(first);
    others.push(connect(port, '127.0.0.1'));
    await once(others[1] as Socket, 'connect');
    const client = createClient(Mesh, server.address);
    assert.equal((await client.ping({ target: 'a' }, call)).from, 'a');
    client.close();
    assert.equal(session.destroyed, false, 'who has spoken is not asked to leave');
  } finally {
    session.destroy();
    for (const socket of others) socket.destroy();
    await server.stop(100);
  }
});
