import * as jose from 'jose';

/** Signs and verifies, seals and opens with every kind of key that tokens use. */

const SIGNING = ['RS256', 'PS384', 'ES256', 'ES512', 'EdDSA'];
const SEALING: [string, string][] = [
  ['RSA-OAEP-256', 'A256GCM'],
  ['ECDH-ES+A128KW', 'A128CBC-HS256'],
  ['ECDH-ES', 'A256CBC-HS512'],
];
const secret = new TextEncoder().encode('0123456789abcdef0123456789abcdef');

const token = (): jose.SignJWT =>
  new jose.SignJWT({ role: 'reader' }).setIssuedAt().setExpirationTime('5m').setIssuer('popmesh');

const routes: Record<string, (request: Request) => Promise<unknown>> = {
  '/hmac': async () => {
    const jwt = await token().setProtectedHeader({ alg: 'HS256' }).sign(secret);
    const { payload } = await jose.jwtVerify(jwt, secret, { issuer: 'popmesh' });
    const spoilt = await jose.jwtVerify(`${jwt.slice(0, -4)}AAAA`, secret).catch((e) => e.code);
    return [payload.role, spoilt];
  },
  '/sign': async () => {
    const seen: unknown[] = [];
    for (const alg of SIGNING) {
      const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
      const jwk = await jose.exportJWK(publicKey);
      const pem = await jose.exportPKCS8(privateKey);
      const jwt = await token()
        .setProtectedHeader({ alg })
        .sign(await jose.importPKCS8(pem, alg));
      const keys = jose.createLocalJWKSet({ keys: [{ ...jwk, alg }] });
      seen.push([alg, (await jose.jwtVerify(jwt, keys)).payload.role]);
    }
    return seen;
  },
  '/encrypt': async () => {
    const seen: unknown[] = [];
    for (const [alg, enc] of SEALING) {
      const { privateKey, publicKey } = await jose.generateKeyPair(alg);
      const jwe = await new jose.EncryptJWT({ a: 1 })
        .setProtectedHeader({ alg, enc })
        .encrypt(publicKey);
      seen.push([alg, (await jose.jwtDecrypt(jwe, privateKey)).payload.a]);
    }
    for (const alg of ['dir', 'A256KW', 'A256GCMKW', 'PBES2-HS256+A128KW']) {
      const header = { alg, enc: 'A256GCM' };
      const jwe = await new jose.EncryptJWT({ a: 2 }).setProtectedHeader(header).encrypt(secret);
      const options = { keyManagementAlgorithms: [alg], maxPBES2Count: 10_000 };
      seen.push([alg, (await jose.jwtDecrypt(jwe, secret, options)).payload.a]);
    }
    return seen;
  },
  /** More keys than an instance may hold at once: collected ones make room. */
  '/many': async () => {
    const jwt = await token().setProtectedHeader({ alg: 'HS256' }).sign(secret);
    let valid = 0;
    for (let i = 0; i < 1_500; i++) {
      const fresh = secret.slice();
      if ((await jose.jwtVerify(jwt, fresh)).payload.role === 'reader') valid++;
    }
    return valid;
  },
  /** Verifies a token that another implementation signed. */
  '/verify': async (request) => {
    const { jwt, jwk } = (await request.json()) as { jwt: string; jwk: jose.JWK };
    return (await jose.jwtVerify(jwt, await jose.importJWK(jwk))).payload;
  },
};

export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(await routes[new URL(request.url).pathname]?.(request));
  },
};
