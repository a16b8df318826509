import { type Clock, isName, PopmeshError } from '@popmesh/contracts';
import { publicKeyObject } from '@popmesh/protocol';
import { errors, jwtVerify } from 'jose';
import { z } from 'zod';

/**
 * Bearer tokens: JWTs signed by the mesh's root key, checked with nothing but
 * its public half, so that a node can authorise with every other part of the
 * mesh gone. The algorithm is pinned, whatever the token's header says.
 */

export const TOKEN_ISSUER = 'popmesh';
export const TOKEN_AUDIENCE = 'popmesh-api';
export const TOKEN_LEEWAY_S = 60;
export const TOKEN_LENGTH_MAX = 4096;

export const SCOPES = ['deploy', 'delete', 'read', 'logs'] as const;
export type Scope = (typeof SCOPES)[number];

/** As they stand in a sentence. */
const ACTIONS: Readonly<Record<Scope, string>> = {
  deploy: 'deploying',
  delete: 'deleting',
  read: 'reading',
  logs: 'reading logs',
};

const claimsSchema = z.object({
  sub: z.string().max(256).optional(),
  jti: z.string().max(128).optional(),
  namespaces: z
    .array(z.string().refine((name) => name === '*' || isName(name)))
    .min(1)
    .max(256),
  /** Absent: all of them. */
  scopes: z.array(z.enum(SCOPES)).optional(),
});

export class Caller {
  readonly who: string;
  readonly tokenId: string | undefined;
  readonly #namespaces: ReadonlySet<string>;
  readonly #scopes: ReadonlySet<Scope>;

  constructor(claims: z.output<typeof claimsSchema>) {
    this.who = claims.sub ?? claims.jti ?? 'unnamed';
    this.tokenId = claims.jti;
    this.#namespaces = new Set(claims.namespaces);
    this.#scopes = new Set(claims.scopes ?? SCOPES);
  }

  maySee(namespace: string): boolean {
    return this.#namespaces.has('*') || this.#namespaces.has(namespace);
  }

  requireScope(scope: Scope): void {
    if (this.#scopes.has(scope)) return;
    throw new PopmeshError('permission_denied', `this token is not for ${ACTIONS[scope]}`, {
      hint: `Ask for a token with the scope "${scope}".`,
    });
  }

  require(scope: Scope, namespace: string): void {
    this.requireScope(scope);
    if (this.maySee(namespace)) return;
    throw new PopmeshError('permission_denied', `this token is not for namespace ${namespace}`);
  }
}

export type Authenticate = (authorization: string | undefined) => Promise<Caller>;

export function createAuthenticate(options: {
  readonly rootPublicKey: Uint8Array;
  /** By `jti`; asked for each call, since the list may grow. */
  readonly isRevoked: (tokenId: string) => boolean;
  readonly clock: Clock;
}): Authenticate {
  const key = publicKeyObject(options.rootPublicKey);
  return async (authorization) => {
    const token = /^Bearer +([\w.-]+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined || token.length > TOKEN_LENGTH_MAX) {
      throw unauthenticated('a bearer token is needed');
    }
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['EdDSA', 'Ed25519'],
        issuer: TOKEN_ISSUER,
        audience: TOKEN_AUDIENCE,
        clockTolerance: TOKEN_LEEWAY_S,
        requiredClaims: ['exp'],
        currentDate: new Date(options.clock.now()),
      });
      const claims = claimsSchema.safeParse(payload);
      if (!claims.success) throw unauthenticated('the claims of the token are not usable');
      if (claims.data.jti !== undefined && options.isRevoked(claims.data.jti)) {
        throw unauthenticated('the token was revoked');
      }
      return new Caller(claims.data);
    } catch (caught) {
      if (caught instanceof PopmeshError) throw caught;
      // The reason is jose's code, never its message: that could quote the token.
      const reason = caught instanceof errors.JOSEError ? caught.code : 'unreadable';
      throw unauthenticated(
        caught instanceof errors.JWTExpired ? 'the token has expired' : 'the token is not valid',
        reason,
      );
    }
  };
}

const unauthenticated = (message: string, reason?: string): PopmeshError =>
  new PopmeshError('unauthenticated', message, {
    hint: 'Send `authorization: Bearer <token>`; make a token with `popmesh mesh token`.',
    ...(reason === undefined ? {} : { details: { reason } }),
  });
