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

/** As long as `popmesh mesh token` gives one: what leaks must end some time. */
export const TOKEN_LIFE_S_MAX = 366 * 86_400;

export const SCOPES = ['deploy', 'delete', 'read', 'logs', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** As they stand in a sentence. */
const ACTIONS: Readonly<Record<Scope, string>> = {
  deploy: 'deploying',
  delete: 'deleting',
  read: 'reading',
  logs: 'reading logs',
  admin: 'what the operator decides',
};

const claimsSchema = z.object({
  sub: z.string().max(256).optional(),
  jti: z.string().min(1).max(128),
  iat: z.number(),
  exp: z.number(),
  namespaces: z
    .array(z.string().refine((name) => name === '*' || isName(name)))
    .min(1)
    .max(256),
  /** Absent: all of them. `admin` counts only for all namespaces. */
  scopes: z.array(z.enum(SCOPES)).optional(),
});

export class Caller {
  readonly who: string;
  readonly tokenId: string;
  readonly #namespaces: ReadonlySet<string>;
  readonly #scopes: ReadonlySet<Scope>;

  constructor(claims: z.output<typeof claimsSchema>) {
    this.who = claims.sub ?? claims.jti;
    this.tokenId = claims.jti;
    this.#namespaces = new Set(claims.namespaces);
    const scopes = new Set(claims.scopes ?? SCOPES);
    if (!this.seesAll) scopes.delete('admin');
    this.#scopes = scopes;
  }

  maySee(namespace: string): boolean {
    return this.seesAll || this.#namespaces.has(namespace);
  }

  /** For all namespaces, as an operator's token is. */
  get seesAll(): boolean {
    return this.#namespaces.has('*');
  }

  /** For what concerns all namespaces: the operator's. */
  requireAdmin(): void {
    this.requireScope('admin');
  }

  requireEverywhere(scope: Scope): void {
    this.requireScope(scope);
    if (this.seesAll) return;
    throw new PopmeshError('permission_denied', 'this token is not for all namespaces');
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
  readonly clock: Pick<Clock, 'now'>;
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
        requiredClaims: ['exp', 'iat', 'jti'],
        currentDate: new Date(options.clock.now()),
      });
      const claims = claimsSchema.safeParse(payload);
      if (!claims.success) throw unauthenticated('the claims of the token are not usable');
      const { iat, exp, jti } = claims.data;
      if (
        exp - iat > TOKEN_LIFE_S_MAX + TOKEN_LEEWAY_S ||
        iat > options.clock.now() / 1000 + TOKEN_LEEWAY_S
      ) {
        throw unauthenticated('the token lives for more than 366 days, or begins in the future');
      }
      if (options.isRevoked(jti)) {
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
