import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as jose from 'jose';
import { isLong } from '../../scripts/test-length.ts';
import { type JavaScriptFunction, startFunction } from './javascript-function.ts';

/** Three others show the same in the short form. */
const skip = !isLong && 'in npm run long';

/** npm packages as they are, built by the builder and run by the runtime. */

const guest = (name: string): string =>
  new URL(`../../packages/builder/src/platform-tests/libraries/${name}.ts`, import.meta.url)
    .pathname;

async function using(
  name: string,
  run: (subject: JavaScriptFunction) => Promise<void>,
): Promise<void> {
  const subject = await startFunction(guest(name), { limits: { cpuMs: 20_000 } });
  try {
    await run(subject);
    assert.deepEqual(
      subject.harness.logs.map(({ message }) => message),
      [],
    );
  } finally {
    await subject.stop();
  }
}

test('hono: middlewares that need cookies, crypto, streams and forms', async () => {
  await using('hono', async ({ get, post }) => {
    assert.match((await get('/etag/a')).headers.etag ?? '', /^"[0-9a-f]{40}"$/);
    assert.equal((await get('/bearer/a')).status, 401);
    assert.equal((await get('/bearer/a', { authorization: 'Bearer abc' })).text, 'in');
    const { text: token } = await get('/token');
    assert.equal((await get('/jwt/a', { authorization: `Bearer ${token}` })).text, '{"sub":"ada"}');
    assert.equal((await get('/jwt/a', { authorization: `Bearer ${token}x` })).status, 401);
    assert.equal((await get('/secure')).headers['x-content-type-options'], 'nosniff');
    const cookie = String((await get('/cookie')).headers['set-cookie']).split(';')[0] ?? '';
    assert.deepEqual(JSON.parse((await get('/cookie', { cookie: `a=1; ${cookie}` })).text), {
      plain: '1',
      signed: 'yes',
    });
    assert.equal((await get('/stream')).text, 'abc');
    assert.equal((await get('/events')).text, 'data: one\nid: 1\n\nevent: more\ndata: two\n\n');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.equal((await post('/form', 'a=1&b=%C3%A9', form)).text, '{"a":"1","b":"é"}');
    assert.equal((await get('/fail')).text, 'failed: on purpose');
  });
});

test('itty-router: routes, params, cors, errors', { skip }, async () => {
  await using('itty-router', async ({ get, post, send }) => {
    assert.deepEqual(JSON.parse((await get('/books')).text), [{ id: 1, title: 'Purity' }]);
    assert.equal((await get('/books/1')).text, '{"id":1,"title":"Purity"}');
    const asked = { origin: 'https://a.test', 'access-control-request-method': 'POST' };
    const preflight = await send('OPTIONS', '/books', asked);
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], 'https://a.test');
    assert.equal((await get('/books/2')).status, 404);
    assert.equal((await post('/books', '{"a":1}')).text, '{"got":{"a":1}}');
    assert.equal((await get('/search?q=x&q=y')).text, '{"q":["x","y"]}');
    assert.equal((await get('/fail')).status, 418);
    assert.equal((await get('/nowhere')).status, 404);
  });
});

test('zod: a schema that uses regexes, dates, unions and transforms', async () => {
  await using('zod', async ({ post }) => {
    const order = {
      id: '0d5b1c3e-57c4-4c4f-9b1e-3f6a3a0f8a11',
      lines: [{ sku: 'ABC', count: '2' }],
      at: '2026-11-21T00:00:00Z',
      kind: { type: 'gift', from: 'Ada' },
    };
    const good = await post('/', JSON.stringify(order));
    assert.equal(JSON.parse(good.text).at, Date.UTC(2026, 10, 21));
    assert.equal(JSON.parse(good.text).lines[0].count, 2);
    const bad = await post('/', JSON.stringify({ ...order, id: 'x', kind: { type: 'stolen' } }));
    assert.equal(bad.status, 422);
    assert.deepEqual(Object.keys(JSON.parse(bad.text).fieldErrors), ['id', 'kind']);
  });
});

test('jose: signs, verifies, encrypts and decrypts with every kind of key', async () => {
  await using('jose', async ({ get, post }) => {
    assert.equal((await get('/hmac')).text, '["reader","ERR_JWS_SIGNATURE_VERIFICATION_FAILED"]');
    assert.deepEqual(
      JSON.parse((await get('/sign')).text),
      ['RS256', 'PS384', 'ES256', 'ES512', 'EdDSA'].map((alg) => [alg, 'reader']),
    );
    assert.deepEqual(
      JSON.parse((await get('/encrypt')).text).map((it: unknown[]) => it[1]),
      [1, 1, 1, 2, 2, 2, 2],
    );
    assert.equal((await get('/many')).text, '1500');
    for (const alg of ['ES384', 'RS512', 'EdDSA']) {
      const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
      const jwt = await new jose.SignJWT({ alg }).setProtectedHeader({ alg }).sign(privateKey);
      const jwk = { ...(await jose.exportJWK(publicKey)), alg };
      const { text } = await post('/verify', JSON.stringify({ jwt, jwk }));
      assert.deepEqual(JSON.parse(text), { alg });
    }
  });
});

test('marked: Markdown with tables, code and lists', { skip }, async () => {
  await using('marked', async ({ post }) => {
    const { text } = await post('/', '# Hé\n\n| a | b |\n|--|--|\n| 1 | `x` |\n\n- [x] done\n');
    assert.match(text, /<h1>Hé<\/h1>/);
    assert.match(text, /<td><code>x<\/code><\/td>/);
    assert.match(text, /<input checked="" disabled="" type="checkbox"> done/);
  });
});

test('date-fns: formats with a locale, distances, business days', { skip }, async () => {
  await using('date-fns', async ({ post }) => {
    const { text } = await post('/', '{"from":"2026-11-21","to":"2026-12-24"}');
    assert.deepEqual(JSON.parse(text), {
      long: 'Samstag, 21. November 2026',
      days: 33,
      distance: 'about 1 month ago',
      later: '2026-12-04',
      recent: true,
    });
  });
});
