import { PopmeshError } from '@popmesh/contracts';
import { type Reloaded, reloadedOf } from '@popmesh/daemon';
import { isSameTls, readTlsFiles, type TlsCredentials, type TlsMaterial } from '@popmesh/protocol';
import { type AboveCeiling, type Ceilings, ceilingsOf } from '@popmesh/runtime';
import type { ApiServer } from './api/server.ts';
import type { NodeConfig } from './config.ts';

/**
 * The settings that may change while a node runs. Who reads one of them asks here each time; all
 * the others were read once, and need a restart. A ceiling that is lowered counts for deploys from
 * now on; a raised one waits for the restart, since executors go by the one they were started with.
 */

const RELOADABLE = [
  'log_level',
  'auth.revoked_token_ids',
  'limits.component_mb',
  'limits.uploads_max',
];

export class LiveSettings {
  readonly #started: NodeConfig;
  #config: NodeConfig;
  #revoked: ReadonlySet<string>;
  #tls: TlsMaterial | undefined;
  readonly #startedCeilings: Ceilings;
  #ceilings: Ceilings;

  constructor(config: NodeConfig, tls: TlsMaterial | undefined) {
    this.#started = config;
    this.#config = config;
    this.#revoked = new Set(config.auth.revokedTokenIds);
    this.#tls = tls;
    this.#startedCeilings = ceilingsOf(config.runtime);
    this.#ceilings = this.#startedCeilings;
  }

  /** The lower of those of the start and those of now. */
  readonly ceilings: Ceilings = (asked) => {
    const lowest = new Map<string, AboveCeiling>();
    for (const above of [...this.#startedCeilings(asked), ...this.#ceilings(asked)]) {
      const held = lowest.get(above.limit);
      if (held === undefined || above.allowed < held.allowed) lowest.set(above.limit, above);
    }
    return [...lowest.values()];
  };

  get componentBytesMax(): number {
    return this.#config.limits.componentMb * 1024 * 1024;
  }

  get uploadsMax(): number {
    return this.#config.limits.uploadsMax;
  }

  readonly isRevoked = (tokenId: string): boolean => this.#revoked.has(tokenId);

  /** Everything is read and checked before anything changes. */
  async reload(
    next: NodeConfig,
    users: { readonly credentials: TlsCredentials | undefined; readonly api: ApiServer },
  ): Promise<Reloaded> {
    const { changed } = reloadedOf(this.#config, next, RELOADABLE);
    const { needRestart } = reloadedOf(this.#started, next, RELOADABLE);
    if ((next.tls === undefined) !== (this.#tls === undefined)) {
      throw new PopmeshError('invalid_config', '[tls] cannot come or go while the node runs', {
        hint: 'Restart the node for it.',
      });
    }
    const tls = next.tls === undefined ? undefined : await readTlsFiles(next.tls);
    const hasNewTls = tls !== undefined && !isSameTls(tls, this.#tls);
    if (hasNewTls) {
      users.credentials?.replace(tls);
      users.api.replaceCertificate(tls);
      this.#tls = tls;
    }
    this.#config = next;
    this.#revoked = new Set(next.auth.revokedTokenIds);
    this.#ceilings = ceilingsOf(next.runtime);
    const isLowered = (key: string): boolean =>
      /^runtime\.(?:limits|scaling)\..*ceiling$/.test(key) &&
      Number(valueAt(next, key)) < Number(valueAt(this.#started, key));
    return {
      changed: [...changed, ...needRestart.filter(isLowered), ...(hasNewTls ? ['tls'] : [])],
      // The paths are read anew each time, whatever they are called.
      needRestart: needRestart.filter((key) => !key.startsWith('tls.') && !isLowered(key)),
    };
  }
}

/** `runtime.limits.cpu_ms.ceiling` of a configuration. */
function valueAt(config: NodeConfig, key: string): unknown {
  let value: unknown = config;
  for (const part of key.split('.')) {
    const name = part.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    value = (value as Record<string, unknown> | undefined)?.[name];
  }
  return value;
}
