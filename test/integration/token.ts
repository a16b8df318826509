/** A token as `popmesh mesh token` issues it, for tests that start no command line. */
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { privateKeyObject } from '../../packages/protocol/src/index.ts';

export function issueToken(
  rootPrivateKey: Uint8Array,
  claims: { namespaces?: readonly string[]; expiresIn?: string } = {},
): Promise<string> {
  return new SignJWT({ namespaces: claims.namespaces ?? ['*'] })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer('popmesh')
    .setAudience('popmesh-api')
    .setIssuedAt()
    .setJti(randomUUID())
    .setExpirationTime(claims.expiresIn ?? '1h')
    .sign(privateKeyObject(rootPrivateKey));
}
