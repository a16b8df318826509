import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair } from '@popmesh/protocol';
import type { ApiServer } from './api/server.ts';
import { type NodeConfigInput, parseNodeConfig } from './config.ts';
import { LiveSettings } from './reload.ts';

const input: NodeConfigInput = {
  id: 'fra-1',
  dataDir: 'data',
  pop: { code: 'fra', region: 'eu', latitude: 50, longitude: 8 },
  mesh: { rootPublicKey: Buffer.from(generateKeyPair().publicKey).toString('base64url') },
};
const withCeiling = (ceiling: number) =>
  parseNodeConfig({ ...input, runtime: { limits: { cpuMs: { default: 100, ceiling } } } });
const api = { replaceCertificate: () => assert.fail('nothing to replace') } as never as ApiServer;
const users = { credentials: undefined, api };

test('a lowered ceiling counts for the next deploy, a raised one waits for the restart', async () => {
  const live = new LiveSettings(withCeiling(1000), undefined);
  const asked = { limits: { cpuMs: 800 } };
  assert.deepEqual(live.ceilings(asked), []);
  assert.deepEqual(await live.reload(withCeiling(500), users), {
    changed: ['runtime.limits.cpu_ms.ceiling'],
    needRestart: [],
  });
  assert.deepEqual(live.ceilings(asked), [{ limit: 'limits.cpu_ms', asked: 800, allowed: 500 }]);
  assert.deepEqual(await live.reload(withCeiling(2000), users), {
    changed: [],
    needRestart: ['runtime.limits.cpu_ms.ceiling'],
  });
  assert.deepEqual(live.ceilings(asked), []);
  assert.equal(live.ceilings({ limits: { cpuMs: 1500 } })[0]?.allowed, 1000);
});

test('what was not taken over is told again each time', async () => {
  const live = new LiveSettings(parseNodeConfig(input), undefined);
  const next = parseNodeConfig({ ...input, drain: { noticeMs: 7 }, logLevel: 'debug' });
  const first = await live.reload(next, users);
  assert.deepEqual(first, { changed: ['log_level'], needRestart: ['drain.notice_ms'] });
  const again = await live.reload(next, users);
  assert.deepEqual(again, { changed: [], needRestart: ['drain.notice_ms'] });
  await assert.rejects(
    live.reload(parseNodeConfig({ ...input, tls: { cert: 'c', key: 'k', ca: 'a' } }), users),
    /cannot come or go/,
  );
});
