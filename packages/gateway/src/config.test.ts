import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatewayConfigSchema } from './config.ts';

test('a trusted proxy without its prefix is told how it is written', () => {
  const { error } = gatewayConfigSchema.safeParse({
    id: 'g',
    dataDir: 'data',
    mesh: { rootPublicKey: 'a'.repeat(43) },
    trustedProxies: ['10.0.0.0/8', '10.0.0.1'],
  });
  assert.deepEqual(
    error?.issues.map(({ path, message }) => [path.join('.'), message]),
    [['trustedProxies.1', 'must be a range: 10.0.0.0/8, or 10.0.0.1/32']],
  );
});
