import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, PopmeshError, type Random } from '@popmesh/contracts';
import { Closing, type ExposedMetrics, holdFolder, type Reloaded } from '@popmesh/daemon';
import { GeoIp } from '@popmesh/geo';
import {
  createGossip,
  diskPersistence,
  type Gossip,
  GrpcGossipTransport,
  Readiness,
  type ReadinessState,
  Standing,
} from '@popmesh/gossip';
import {
  CertificateCache,
  FUNCTION_PREFIX,
  Mesh,
  openRecord,
  readIdentityFile,
  readTlsFiles,
  startGrpcServer,
  tlsCredentials,
} from '@popmesh/protocol';
import packageJson from '../package.json' with { type: 'json' };
import { createAdminServer } from './admin.ts';
import { Announcer } from './announcer.ts';
import type { GatewayConfig } from './config.ts';
import { closeServer, listen } from './front-server.ts';
import { LiveSettings } from './reload.ts';
import { TableMeshView } from './table-mesh-view.ts';
import { TrafficPlane } from './traffic-plane.ts';

/**
 * The composition root of the gateway, top to bottom as the diagram reads:
 * identity, gossip with its records on disk, what they mean, traffic, admin.
 */

export interface GatewayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: ExposedMetrics;
  readonly pid: number;
}

export interface RunningGateway {
  readonly ready: {
    readonly id: string;
    readonly address: string;
    readonly admin: string;
    readonly mesh: string;
  };
  readonly state: ReadinessState;
  /** Resolves when functions are known, from disk or from a peer; until then `/readyz` says 503. */
  readonly whenReady: Promise<void>;
  /** Resolves when this process must end: another has its id, and stays. */
  readonly whenLost: Promise<PopmeshError>;
  /** Why it is not ready; undefined when it is. */
  notReady(): string | undefined;
  drain(): Promise<void>;
  /** Takes over what may change while it runs. Throws `invalid_config`, and nothing has changed. */
  reload(next: GatewayConfig): Promise<Reloaded>;
  /** The same promise each time; never rejects. */
  stop(): Promise<void>;
}

const JOIN_CHECK_MS = 20;

export const startGateway = (
  config: GatewayConfig,
  deps: GatewayDeps,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunningGateway> =>
  Closing.around(deps.clock, deps.logger, (closing) => build(config, deps, closing, signal));

async function build(
  config: GatewayConfig,
  deps: GatewayDeps,
  closing: Closing,
  signal: AbortSignal,
): Promise<RunningGateway> {
  const { clock, random, metrics, pid } = deps;
  const { id } = config;
  const logger = deps.logger.child({ gateway: id });
  const startedAtMs = BigInt(clock.now());
  const over = new AbortController();

  // Who we are, and whom we believe.
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  closing.add('data folder', 100, holdFolder(config.dataDir));
  const rootPublicKey = new Uint8Array(Buffer.from(config.mesh.rootPublicKey, 'base64url'));
  const identity = await readIdentityFile(config.mesh.identityFile, { id, rootPublicKey });
  const certificates = new CertificateCache();
  const certificate = config.tls && (await readTlsFiles(config.tls));
  const tls = certificate && tlsCredentials(certificate);
  const live = new LiveSettings(config, certificate);

  // What the mesh says. The records survive a restart, so that the last known topology serves at once.
  let meshAddress = '';
  const gossip = createGossip({
    self: { id, role: 'gateway', address: () => meshAddress, pop: config.location.pop },
    seeds: config.mesh.seeds,
    diagnose: () => tls?.problems(meshAddress, clock.now()) ?? [],
    openEnvelope: (envelope) => openRecord(rootPublicKey, envelope, certificates),
    transport: new GrpcGossipTransport(tls?.client),
    persistence: diskPersistence({ directory: join(config.dataDir, 'gossip'), logger }),
    config: config.gossip,
    clock,
    random,
    logger,
    metrics,
  });
  const mesh = await startGrpcServer({
    service: Mesh,
    handlers: { ...gossip.handlers, ...notServedHere },
    host: config.listen.meshHost,
    port: config.listen.meshPort,
    ...(tls === undefined ? {} : { credentials: tls.server }),
  });
  closing.add('mesh server', 2_000, () => mesh.stop(500));
  const advertised = (bound: string): string => {
    const { advertiseHost } = config.listen;
    return advertiseHost === undefined ? bound : `${advertiseHost}:${bound.split(':').at(-1)}`;
  };
  meshAddress = advertised(mesh.address);
  closing.add('gossip', 5_000, () => gossip.stop());
  for (const problem of tls?.problems(meshAddress, clock.now()) ?? []) logger.warn(problem);
  await gossip.start(signal);
  const view = new TableMeshView(gossip.table, gossip, clock, logger);
  closing.add('mesh view', 100, () => view.stop());
  view.start();

  // Traffic.
  let known = false;
  const synced = (): boolean => {
    known ||= knowsFunctions(gossip);
    return known;
  };
  const plane = new TrafficPlane(live.traffic, {
    mesh: view,
    synced,
    geo: GeoIp.open(config.geoipFile),
    clock,
    random,
    logger,
    metrics,
  });
  closing.add('traffic', 3_000, () => plane.stop());
  const address = await plane.start();

  // Health and metrics.
  const standing = new Standing({
    id,
    gossip,
    isHeld: () => announcer.isHeld,
    // It finds the nodes, and is found by nobody through the mesh.
    mustBeHeld: false,
    mayServeAlone: true,
    clock,
  });
  const readiness = new Readiness({
    standing,
    settled: async () => {
      while (!synced()) await clock.sleep(JOIN_CHECK_MS, over.signal);
    },
    unsettledReason: 'no functions are known yet: no node could be reached',
    clock,
    logger,
    onChanged: () => void announcer.announce(),
  });
  const admin = createAdminServer({
    state: () => readiness.state,
    reason: () => readiness.reason,
    plane,
    metrics,
  });
  closing.add('admin', 1_000, async () => {
    const closed = closeServer(admin);
    admin.closeAllConnections();
    await closed;
  });
  const adminAddress = await listen(admin, config.listen.adminHost, config.listen.adminPort);

  const announcer = new Announcer({
    identity,
    gossip,
    clock,
    logger,
    describe: () => ({
      id,
      address: advertised(address),
      adminAddress,
      domain: config.domain,
      state: readiness.state,
      notReadyReason: readiness.reason ?? '',
      process: gossip.process,
      clockAheadMs: BigInt(gossip.time.aheadMs() ?? 0),
      pid,
      softwareVersion: packageJson.version,
      latitude: config.location.latitude,
      longitude: config.location.longitude,
      startedAtMs,
    }),
  });
  closing.add('announcer', 2_000, () => announcer.stop());
  announcer.start();
  readiness.start();

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    readiness.stop();
    over.abort(new PopmeshError('cancelled', 'the gateway is stopping'));
    await gossip.leave().catch((error) => logger.warn('leaving was not heard', { error }));
    await closing.close();
  };

  return {
    ready: { id, address, admin: adminAddress, mesh: mesh.address },
    whenReady: readiness.whenReady,
    whenLost: readiness.whenLost,
    notReady: () => readiness.reason,
    get state() {
      return readiness.state;
    },
    reload: (next) => live.reload(next, { credentials: tls, plane }),
    drain: async () => {
      readiness.drain();
      await announcer.announce();
      gossip.yieldId();
      await plane.drain(config.drain.noticeMs, config.drain.timeoutMs);
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/**
 * Functions from disk, or a full sync since the start with a mesh that has nodes:
 * two fresh gateways that only know each other have learned nothing.
 */
function knowsFunctions(gossip: Gossip): boolean {
  if (gossip.joined && gossip.members().some(({ role }) => role === 'node')) return true;
  return gossip.table.list(FUNCTION_PREFIX).length > 0;
}

const notServedHere = {
  // biome-ignore lint/correctness/useYield: a stream that only refuses
  async *fetchChunk() {
    throw new PopmeshError('unimplemented', 'a gateway holds no chunks');
  },
  // biome-ignore lint/correctness/useYield: a stream that only refuses
  async *tailLogs() {
    throw new PopmeshError('unimplemented', 'a gateway runs no functions');
  },
};
