import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { generateKeyPair } from '@popmesh/protocol';
import { PORT_NAMES, writeNatsConfig } from '../member-configs.ts';
import { StateFolder } from '../state-folder.ts';
import { downloadNatsServer } from './download.ts';
import { findNatsServer, knowsSyncInterval } from './find.ts';
import { releasePlatform } from './release.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'popmesh-nats-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const FAKE = '#!/bin/sh\necho "nats-server: v9.8.7"\n';

function fakeServer(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'nats-server');
  writeFileSync(path, FAKE, { mode: 0o755 });
  return path;
}

test('NATS_SERVER_BIN, then PATH; what is named but wrong is not passed over', (t) => {
  const path = fakeServer(join(folder(t), 'bin'));
  assert.deepEqual(findNatsServer({ NATS_SERVER_BIN: path }), {
    path,
    version: '9.8.7',
    source: 'NATS_SERVER_BIN',
  });
  assert.equal(findNatsServer({ PATH: join(path, '..') }).path, path);
  assert.throws(() => findNatsServer({ NATS_SERVER_BIN: '/bin/true' }), { code: 'invalid_config' });
  assert.throws(() => findNatsServer({ NATS_SERVER_BIN: '/nowhere' }), { code: 'invalid_config' });
});

test('sync_interval is written for servers that know it', () => {
  assert.deepEqual(['2.9.10', '2.10.0', '2.11.17', '3.0.0', '1.4.1'].map(knowsSyncInterval), [
    false,
    true,
    true,
    true,
    false,
  ]);
});

test('the configuration is one that the server here accepts', async (t) => {
  const server = findNatsServer();
  const state = new StateFolder(join(folder(t), '.popmesh'));
  await state.prepare();
  const ports = Object.fromEntries(PORT_NAMES.map((name, index) => [name, 20_000 + index]));
  const gateway = { host: '127.0.0.1', port: 1 };
  const facts = { state, root: generateKeyPair(), ports, natsToken: 'x', gateway };
  const file = await writeNatsConfig(facts, server.version);
  const { status, stderr } = spawnSync(server.path, ['-t', '-c', file], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

/** A ustar archive of one file. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${content.length.toString(8).padStart(11, '0')} `, 124);
  header.write('0', 156);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}

async function releaseServer(t: TestContext, archive: Buffer): Promise<string> {
  const server = createServer((_, response) => response.end(archive));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

test('a release is taken by its digest alone', async (t) => {
  const archive = gzipSync(tarOf('nats-server-v9/nats-server', Buffer.from(FAKE)));
  const base = await releaseServer(t, archive);
  const digest = createHash('sha256').update(archive).digest('hex');
  const directory = folder(t);
  const { signal } = new AbortController();
  const release = { version: '9', base, digests: { [releasePlatform()]: digest } };
  const path = await downloadNatsServer(release, directory, signal);
  assert.equal(findNatsServer({ NATS_SERVER_BIN: path }).version, '9.8.7');

  const other = { ...release, digests: { [releasePlatform()]: '0'.repeat(64) } };
  await assert.rejects(downloadNatsServer(other, folder(t), signal), { code: 'digest_mismatch' });
  await assert.rejects(downloadNatsServer({ ...release, digests: {} }, folder(t), signal), {
    code: 'unavailable',
    message: /no digest is pinned/,
  });
});
