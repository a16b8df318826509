import { randomUUID } from 'node:crypto';
import { isName, PopmeshError } from '@popmesh/contracts';
import { privateKeyObject } from '@popmesh/protocol';
import { SignJWT } from 'jose';

/** API tokens: JWTs signed by the mesh's root key, so that any node checks them with nothing but the public half. */

export const SCOPES = ['deploy', 'delete', 'read', 'logs', 'admin'] as const;
const MAX_LIFE_S = 366 * 86_400;

export interface TokenRequest {
  /** Who: shown as the author of a deploy. */
  readonly subject: string;
  readonly namespaces: readonly string[];
  /** Absent: all of them. */
  readonly scopes?: readonly string[];
  readonly lifeS: number;
}

export interface IssuedToken {
  readonly token: string;
  /** For `auth.revoked_token_ids` of nodes. */
  readonly id: string;
  readonly expiresAt: string;
}

export async function issueToken(
  rootPrivateKey: Uint8Array,
  { subject, namespaces, scopes, lifeS }: TokenRequest,
  nowMs: number,
): Promise<IssuedToken> {
  const badNamespace = namespaces.find((name) => name !== '*' && !isName(name));
  if (badNamespace !== undefined || namespaces.length === 0) {
    throw new PopmeshError(
      'invalid_argument',
      `${JSON.stringify(badNamespace ?? '')} is not a namespace`,
    );
  }
  const badScope = scopes?.find((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (badScope !== undefined) {
    throw new PopmeshError('invalid_argument', `${JSON.stringify(badScope)} is not a scope`, {
      hint: `Use ${SCOPES.join(', ')}.`,
    });
  }
  const issuedAtS = Math.floor(nowMs / 1000);
  const id = randomUUID();
  const token = await new SignJWT({ namespaces, ...(scopes === undefined ? {} : { scopes }) })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer('popmesh')
    .setAudience('popmesh-api')
    .setSubject(subject)
    .setJti(id)
    .setIssuedAt(issuedAtS)
    .setExpirationTime(issuedAtS + lifeS)
    .sign(privateKeyObject(rootPrivateKey));
  return { token, id, expiresAt: new Date((issuedAtS + lifeS) * 1000).toISOString() };
}

const UNIT_S = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `90d`, `12h`, `30m`, `45s`. */
export function parseLife(text: string): number {
  const [, figure, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(figure) * UNIT_S[unit as keyof typeof UNIT_S];
  if (seconds > 0 && seconds <= MAX_LIFE_S) return seconds;
  throw new PopmeshError(
    'invalid_argument',
    `${JSON.stringify(text.slice(0, 40))} is not a lifetime`,
    {
      hint: 'Use 45s, 30m, 12h or 90d; a year is the most.',
    },
  );
}
