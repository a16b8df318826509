import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { ConnectionBound } from './connection-bound.ts';

let server: Server;
let bound: ConnectionBound;
const sockets: Socket[] = [];

before(async () => {
  server = createServer((_, response) => response.end('well'));
  bound = new ConnectionBound({ totalMax: 20, perAddressMax: 12 });
  bound.watch(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const port = (): number => (server.address() as AddressInfo).port;

async function silent(localAddress: string): Promise<Socket> {
  const socket = connect({ port: port(), host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function ask(localAddress: string): Promise<number | undefined> {
  const request = get({ port: port(), host: '127.0.0.1', localAddress, agent: false });
  const [response] = await once(request, 'response');
  response.resume();
  return response.statusCode;
}

test('who says nothing makes room for who asks, its own address first', async () => {
  const first = await silent('127.0.0.2');
  const closed = once(first, 'close');
  for (let i = 0; i < 11; i++) await silent('127.0.0.2');
  const others = await Promise.all([3, 4, 5, 6].map((it) => silent(`127.0.0.${it}`)));
  assert.equal(await ask('127.0.0.2'), 200, 'at the bound of its address');
  await closed;
  for (let i = 0; i < 30; i++) assert.equal(await ask('127.0.0.7'), 200, 'at the bound of all');
  for (let i = 0; i < 200; i++) await silent(`127.0.0.${10 + (i % 100)}`);
  assert.ok(bound.connections <= 20);
  assert.equal(await ask('127.0.0.7'), 200);
  assert.ok(others.length === 4);
});
