import { PopmeshError } from '@popmesh/contracts';
import { type Reloaded, reloadedOf } from '@popmesh/daemon';
import { isSameTls, readTlsFiles, type TlsCredentials, type TlsMaterial } from '@popmesh/protocol';
import type { ApiServer } from './api/server.ts';
import type { NodeConfig } from './config.ts';

/**
 * The settings that may change while a node runs. Who reads one of them asks here each time; all
 * the others were read once, and need a restart.
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

  constructor(config: NodeConfig, tls: TlsMaterial | undefined) {
    this.#started = config;
    this.#config = config;
    this.#revoked = new Set(config.auth.revokedTokenIds);
    this.#tls = tls;
  }

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
    return {
      changed: [...changed, ...(hasNewTls ? ['tls'] : [])],
      // The paths are read anew each time, whatever they are called.
      needRestart: needRestart.filter((key) => !key.startsWith('tls.')),
    };
  }
}
