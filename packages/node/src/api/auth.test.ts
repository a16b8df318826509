import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { realClock } from '@popmesh/daemon';
import { generateKeyPair, privateKeyObject } from '@popmesh/protocol';
import { SignJWT } from 'jose';
import { createAuthenticate, TOKEN_AUDIENCE, TOKEN_ISSUER } from './auth.ts';

const root = generateKeyPair();
const authenticate = createAuthenticate({
  rootPublicKey: root.publicKey,
  isRevoked: (id) => id === 'revoked',
  clock: realClock,
});

function token(
  claims: Record<string, unknown>,
  {
    exp = '1h' as string | number | null,
    iat = nowS() as number | null,
    jti = 'j' as string | null,
    aud = TOKEN_AUDIENCE,
    iss = TOKEN_ISSUER,
  } = {},
  key = root.privateKey,
): Promise<string> {
  const jwt = new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA' })
    .setAudience(aud)
    .setIssuer(iss)
    .setSubject('ann');
  if (iat !== null) jwt.setIssuedAt(iat);
  if (jti !== null) jwt.setJti(jti);
  if (exp !== null) jwt.setExpirationTime(exp);
  return jwt.sign(privateKeyObject(key));
}

const denied = { code: 'unauthenticated' };
const nowS = (): number => Math.floor(Date.now() / 1000);

test('a token says who, which namespaces and which actions', async () => {
  const all = await authenticate(`Bearer ${await token({ namespaces: ['*'] })}`);
  assert.equal(all.who, 'ann');
  assert.equal(all.tokenId, 'j');
  all.require('deploy', 'anything');
  const one = await authenticate(
    `bearer ${await token({ namespaces: ['shop'], scopes: ['read'] })}`,
  );
  one.require('read', 'shop');
  assert.throws(() => one.require('read', 'default'), { code: 'permission_denied' });
  assert.throws(() => one.require('deploy', 'shop'), { code: 'permission_denied' });
});

test('what is not a good token is refused, and not quoted', async () => {
  const claims = { namespaces: ['*'] };
  const bad = [
    await token(claims, { exp: nowS() - 120 }),
    await token(claims, { exp: null }),
    await token(claims, { aud: 'other' }),
    await token(claims, { iss: 'other' }),
    await token(claims, {}, generateKeyPair().privateKey),
    await token({}),
    await token({ namespaces: ['../x'] }),
    await token({ namespaces: [] }),
    await token(claims, { jti: 'revoked' }),
    // Of no name, of no age, for 50 years, from the future.
    await token(claims, { jti: null }),
    await token(claims, { jti: '' }),
    await token(claims, { iat: null }),
    await token(claims, { exp: nowS() + 50 * 366 * 86_400 }),
    await token(claims, { exp: nowS() + 367 * 86_400 }),
    await token(claims, { iat: nowS() + 120 }),
    await token({ ...claims, padding: 'x'.repeat(5000) }),
    'a.b.c',
    '',
  ];
  for (const value of bad) {
    await assert.rejects(authenticate(`Bearer ${value}`), (error: Error & { code: string }) => {
      assert.equal(error.code, 'unauthenticated', value);
      if (value.length > 10) assert.ok(!JSON.stringify(error).includes(value));
      return true;
    });
  }
  await assert.rejects(authenticate(undefined), denied);
  await assert.rejects(authenticate('Basic YTpi'), denied);
});

test('another algorithm is refused, whatever the header says', async () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = part({
    namespaces: ['*'],
    iss: TOKEN_ISSUER,
    aud: TOKEN_AUDIENCE,
    exp: nowS() + 600,
  });
  const none = `${part({ alg: 'none' })}.${payload}.`;
  const signing = `${part({ alg: 'HS256' })}.${payload}`;
  const hmac = createHmac('sha256', root.publicKey).update(signing).digest('base64url');
  for (const value of [none, `${signing}.${hmac}`]) {
    await assert.rejects(authenticate(`Bearer ${value}`), denied);
  }
});

test('the operator’s scope is for tokens of all namespaces, whatever they ask for', async () => {
  const callerOf = async (claims: Record<string, unknown>) =>
    authenticate(`Bearer ${await token(claims)}`);
  (await callerOf({ namespaces: ['*'] })).requireAdmin();
  (await callerOf({ namespaces: ['*'], scopes: ['admin'] })).requireAdmin();
  for (const claims of [
    { namespaces: ['shop'] },
    { namespaces: ['shop'], scopes: ['admin'] },
    { namespaces: ['shop', 'bank'], scopes: ['admin', 'read'] },
    { namespaces: ['*'], scopes: ['read', 'deploy'] },
  ]) {
    const caller = await callerOf(claims);
    assert.throws(() => caller.requireAdmin(), { code: 'permission_denied' });
  }
});

test('a year is the most that a token lives', async () => {
  const exp = nowS() + 366 * 86_400;
  await authenticate(`Bearer ${await token({ namespaces: ['*'] }, { exp })}`);
});

test('clocks may differ by a minute', async () => {
  await authenticate(`Bearer ${await token({ namespaces: ['*'] }, { exp: nowS() - 30 })}`);
});
