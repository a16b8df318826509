import type { Server } from 'node:http';
import type { Clock, Logger, Metrics, Random } from '@popmesh/contracts';
import type { GeoIp } from '@popmesh/geo';
import { BodyWatch } from './body-watch.ts';
import { Clients } from './client-peer.ts';
import type { GatewayConfig } from './config.ts';
import { Directory } from './directory.ts';
import type { ExchangeTools } from './exchange.ts';
import { Front } from './front.ts';
import { closeServer, createFrontServer, limitServer, listen } from './front-server.ts';
import { Ledger } from './ledger.ts';
import type { MeshChange, MeshView } from './mesh-view.ts';
import { httpProbe } from './probe.ts';
import { RetryBudget } from './retry-budget.ts';
import { Topology } from './topology.ts';
import { Traffic } from './traffic.ts';
import { Upstreams } from './upstreams.ts';
import { Watchdog } from './watchdog.ts';

/**
 * Everything between a client's socket and a data plane, for any source of
 * mesh knowledge: the gateway daemon gives it gossip, tests give it a list.
 */

export type TrafficConfig = Pick<
  GatewayConfig,
  'domain' | 'trustedProxies' | 'location' | 'limits' | 'retry' | 'health' | 'listen'
>;

export interface TrafficDeps {
  readonly mesh: MeshView;
  readonly synced: () => boolean;
  readonly geo: GeoIp | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class TrafficPlane {
  readonly directory: Directory;
  readonly topology: Topology;
  readonly traffic: Traffic;
  readonly #config: TrafficConfig;
  readonly #deps: TrafficDeps;
  readonly #upstreams: Upstreams;
  readonly #watchdog: Watchdog;
  readonly #server: Server;
  #unsubscribe: () => void = () => {};
  #draining = false;
  #stopped: Promise<void> | undefined;

  constructor(config: TrafficConfig, deps: TrafficDeps) {
    const { clock, random, logger, metrics } = deps;
    this.#config = config;
    this.#deps = deps;
    this.traffic = new Traffic(metrics);
    this.directory = new Directory(config.domain);
    this.#upstreams = new Upstreams({
      connections: config.limits.nodeInFlightMax,
      connectTimeoutMs: config.health.connectTimeoutMs,
    });
    this.topology = new Topology(config.health, random, (endpoint) => {
      this.#upstreams.retire(endpoint);
      this.#watchdog.retire(endpoint);
    });
    const ledger = new Ledger(config, this.traffic);
    const bodies = new BodyWatch(config, this.traffic);
    this.#watchdog = new Watchdog({
      config: config.health,
      topology: this.topology,
      traffic: this.traffic,
      probe: httpProbe(clock),
      home: config.location,
      bodies,
      ledger,
      clock,
      logger,
    });
    const tools: ExchangeTools = {
      config,
      clock,
      random,
      topology: this.topology,
      upstreams: this.#upstreams,
      budget: new RetryBudget(
        config.retry.budgetRatio,
        config.retry.budgetMinPerSecond,
        clock.monotonic(),
      ),
      traffic: this.traffic,
      ledger,
      bodies,
      draining: () => this.#draining,
    };
    const front = new Front({
      tools,
      directory: this.directory,
      clients: new Clients(config.trustedProxies, deps.geo, config.location),
      synced: deps.synced,
    });
    this.#server = createFrontServer(front, config.limits);
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** host:port for clients. */
  async start(): Promise<string> {
    const { mesh } = this.#deps;
    this.#unsubscribe = mesh.onChanged((change) => this.#apply(change));
    for (const node of mesh.nodes()) this.#apply({ kind: 'node', node });
    for (const claim of mesh.claims()) this.#apply({ kind: 'host', claim });
    for (const state of mesh.functions()) this.#apply({ kind: 'function', function: state });
    this.#watchdog.start();
    return listen(this.#server, this.#config.listen.host, this.#config.listen.port);
  }

  /** After the limits in the configuration have changed. */
  limitsChanged(): void {
    limitServer(this.#server, this.#config.limits);
  }

  /** Serves on for `noticeMs` with `connection: close`, then waits for what runs. */
  async drain(noticeMs: number, timeoutMs: number): Promise<void> {
    const { clock } = this.#deps;
    this.#draining = true;
    const until = clock.monotonic() + timeoutMs;
    await clock.sleep(Math.min(noticeMs, timeoutMs));
    let closed = false;
    void closeServer(this.#server).then(() => {
      closed = true;
    });
    while (!closed && clock.monotonic() < until) await clock.sleep(25);
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      this.#draining = true;
      this.#unsubscribe();
      this.#watchdog.stop();
      const closed = closeServer(this.#server);
      this.#server.closeAllConnections();
      await Promise.allSettled([closed, this.#upstreams.stop()]);
    })();
    return this.#stopped;
  }

  /** For the debug page: what each data plane is thought to be. */
  describe(): object[] {
    const now = this.#deps.clock.monotonic();
    return [...this.topology.endpoints()].map((endpoint) => ({
      node: endpoint.node.id,
      pop: endpoint.node.pop,
      namespace: endpoint.namespace,
      address: endpoint.address,
      health: endpoint.health.state,
      draining: endpoint.node.lastResort,
      inFlight: endpoint.inFlight,
      load: endpoint.node.load,
      pressure: Number(endpoint.pressure.read(now).toFixed(3)),
      functionsReady: endpoint.node.ready.size,
    }));
  }

  #apply(change: MeshChange): void {
    if (change.kind === 'function') this.directory.apply(change.function);
    else if (change.kind === 'host') this.directory.applyClaim(change.claim);
    else if (change.kind === 'host-gone') this.directory.dropClaim(change.host, change.namespace);
    else if (change.kind === 'node-gone') this.topology.remove(change.id);
    else this.topology.apply(change.node, this.#deps.clock.monotonic());
  }
}
