import { PopmeshError } from '@popmesh/contracts';
import { type Reloaded, reloadedOf } from '@popmesh/daemon';
import { isSameTls, readTlsFiles, type TlsCredentials, type TlsMaterial } from '@popmesh/protocol';
import type { GatewayConfig, LimitsConfig } from './config.ts';
import type { TrafficPlane } from './traffic-plane.ts';

/**
 * The settings that may change while a gateway runs. The request path reads its limits at each
 * use, from the one object that is changed here; what sizes a pool or a parser is fixed at the start.
 */

const FIXED_LIMITS: readonly (keyof LimitsConfig)[] = ['headerBytesMax', 'nodeInFlightMax'];
const FIXED_KEYS = ['limits.header_bytes_max', 'limits.node_in_flight_max'];
const RELOADABLE = ['log_level', 'limits'];

export class LiveSettings {
  /** What traffic reads: its limits change in place. */
  readonly traffic: GatewayConfig;
  readonly #limits: LimitsConfig;
  readonly #started: GatewayConfig;
  #config: GatewayConfig;
  #tls: TlsMaterial | undefined;

  constructor(config: GatewayConfig, tls: TlsMaterial | undefined) {
    this.#started = config;
    this.#config = config;
    this.#limits = { ...config.limits };
    this.traffic = { ...config, limits: this.#limits };
    this.#tls = tls;
  }

  /** Everything is read and checked before anything changes. */
  async reload(
    next: GatewayConfig,
    users: { readonly credentials: TlsCredentials | undefined; readonly plane: TrafficPlane },
  ): Promise<Reloaded> {
    if ((next.tls === undefined) !== (this.#tls === undefined)) {
      throw new PopmeshError('invalid_config', '[tls] cannot come or go while the gateway runs', {
        hint: 'Restart the gateway for it.',
      });
    }
    const tls = next.tls === undefined ? undefined : await readTlsFiles(next.tls);
    const hasNewTls = tls !== undefined && !isSameTls(tls, this.#tls);
    if (hasNewTls) {
      users.credentials?.replace(tls);
      this.#tls = tls;
    }
    const { changed } = reloadedOf(this.#config, next, RELOADABLE);
    const started = reloadedOf(this.#started, next, RELOADABLE);
    this.#config = next;
    const fixed = FIXED_LIMITS.map((name) => [name, this.#started.limits[name]]);
    Object.assign(this.#limits, next.limits, Object.fromEntries(fixed));
    users.plane.limitsChanged();
    return {
      changed: [
        ...changed.filter((key) => !FIXED_KEYS.includes(key)),
        ...(hasNewTls ? ['tls'] : []),
      ],
      needRestart: [
        // The paths are read anew each time, whatever they are called.
        ...started.needRestart.filter((key) => !key.startsWith('tls.')),
        ...started.changed.filter((key) => FIXED_KEYS.includes(key)),
      ],
    };
  }
}
