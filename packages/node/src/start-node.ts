import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactFetcher, ChunkStore } from '@popmesh/artifacts';
import type { Clock, Logger, PopmeshError, Random } from '@popmesh/contracts';
import { Closing, type ExposedMetrics, holdFolder, type Reloaded } from '@popmesh/daemon';
import {
  createGossip,
  diskPersistence,
  GrpcGossipTransport,
  Readiness,
  type ReadinessState,
  Standing,
} from '@popmesh/gossip';
import {
  CertificateCache,
  Mesh,
  openRecord,
  readIdentityFile,
  readTlsFiles,
  startGrpcServer,
  tlsCredentials,
} from '@popmesh/protocol';
import {
  createFunctionResolver,
  createReplication,
  Registry,
  type ReplicationStatus,
} from '@popmesh/replication';
import { createRuntime } from '@popmesh/runtime';
import packageJson from '../package.json' with { type: 'json' };
import { AliasKeeper } from './alias-keeper.ts';
import { Announcer } from './announcer.ts';
import { createApp } from './api/app.ts';
import { createAuthenticate } from './api/auth.ts';
import { startApiServer } from './api/server.ts';
import { ApplyLoop } from './apply-loop.ts';
import { AuditLog } from './audit-log.ts';
import { type NodeConfig, rootPublicKeyOf } from './config.ts';
import { advertised, describeNode } from './describe-node.ts';
import { FailedVersions } from './failed-versions.ts';
import { HostControl } from './hosts/host-control.ts';
import { HostRecords } from './hosts/host-records.ts';
import { LogHub } from './log-hub.ts';
import { MeshLogs } from './mesh-logs.ts';
import { peerHandlers } from './mesh-service.ts';
import { failedElsewhere, MeshView } from './mesh-view.ts';
import { NodeControl } from './node-control.ts';
import { NoticeWatch } from './notice-watch.ts';
import { PeerChunkSources } from './peer-chunk-sources.ts';
import { PeerClients } from './peer-clients.ts';
import { Publisher } from './publisher.ts';
import { QuotaControl } from './quota/quota-control.ts';
import { QuotaRecords } from './quota/quota-records.ts';
import { WrittenBytes } from './quota/written-bytes.ts';
import { LiveSettings } from './reload.ts';
import { chunksInUse, RETENTION_EVERY_MS, Retention } from './retention.ts';
import { StorageWatch } from './storage-watch.ts';
import { WriteClock } from './write-clock.ts';

/**
 * The composition root: builds the node from the bottom up, and introduces the
 * rooms of floor 2 to each other. Nothing is decided here; read it as the
 * diagram of a node. What it opens is closed in the opposite order, also when
 * the start fails half-way.
 */

export interface NodeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: ExposedMetrics;
  readonly pid: number;
}

export interface RunningNode {
  readonly ready: { readonly id: string; readonly api: string; readonly mesh: string };
  /** Resolves when it is ready for the first time, or stopped; until then `/readyz` says 503. */
  readonly whenReady: Promise<void>;
  /** Resolves when this process must end: another has its id, and stays. */
  readonly whenLost: Promise<PopmeshError>;
  /** Why it is not ready; undefined when it is. */
  notReady(): string | undefined;
  readonly state: ReadinessState;
  drain(): Promise<void>;
  /** Takes over what may change while it runs. Throws `invalid_config`, and nothing has changed. */
  reload(next: NodeConfig): Promise<Reloaded>;
  /** The same promise each time; never rejects. */
  stop(): Promise<void>;
}

export const startNode = (
  config: NodeConfig,
  deps: NodeDeps,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunningNode> =>
  Closing.around(deps.clock, deps.logger, (closing) => build(config, deps, closing, signal));

async function build(
  config: NodeConfig,
  deps: NodeDeps,
  closing: Closing,
  signal: AbortSignal,
): Promise<RunningNode> {
  const { clock, random, metrics } = deps;
  const logger = deps.logger.child({ node: config.id });
  const folder = (name: string): string => join(config.dataDir, name);
  const self = { id: config.id, pop: config.pop.code };
  const startedAtMs = clock.now();

  // Who we are, and whom we believe.
  // Executors with users of their own pass through to what is theirs; nobody lists it, and what
  // lies in it is closed to others.
  await mkdir(config.dataDir, { recursive: true, mode: 0o711 });
  closing.add('data folder', 100, holdFolder(config.dataDir));
  const rootPublicKey = rootPublicKeyOf(config);
  const identity = await readIdentityFile(config.mesh.identityFile, { ...self, rootPublicKey });
  const certificates = new CertificateCache();
  const openEnvelope = (envelope: Uint8Array) => openRecord(rootPublicKey, envelope, certificates);
  const certificate = config.tls && (await readTlsFiles(config.tls));
  const tls = certificate && tlsCredentials(certificate);
  const live = new LiveSettings(config, certificate);
  const audit = await AuditLog.open({ directory: config.dataDir, clock, logger });
  closing.add('audit', 2000, () => audit.close());

  // Floor 2: chunks on disk, the logs of functions, and who is there.
  const store = await ChunkStore.open({
    directory: folder('artifacts'),
    config: config.artifacts,
    clock,
    logger,
    metrics,
  });
  const logs = new LogHub({ self, metrics });
  let meshAddress = '';
  const gossip = createGossip({
    self: { ...self, role: 'node', address: () => meshAddress },
    seeds: config.mesh.seeds,
    diagnose: () => tls?.problems(meshAddress, clock.now()) ?? [],
    openEnvelope,
    resolver: createFunctionResolver({ identity, logger }),
    transport: new GrpcGossipTransport(tls?.client),
    persistence: diskPersistence({ directory: folder('gossip'), logger }),
    config: config.gossip,
    clock,
    random,
    logger,
    metrics,
  });
  const mesh = await startGrpcServer({
    service: Mesh,
    handlers: { ...gossip.handlers, ...peerHandlers({ store, logs }) },
    host: config.listen.host,
    port: config.listen.meshPort,
    ...(tls === undefined ? {} : { credentials: tls.server }),
  });
  closing.add('mesh server', 3000, () => mesh.stop(1000));
  meshAddress = advertised(mesh.address, config);
  closing.add('gossip', 5000, () => gossip.stop());
  for (const problem of tls?.problems(meshAddress, clock.now()) ?? []) logger.warn(problem);
  await gossip.start(signal);
  const { table } = gossip;

  // The registry is gossip's table, read as functions; JetStream carries the same records.
  const hybridClock = new WriteClock(clock, () => standing.refusal());
  const registry = new Registry({
    table,
    identity,
    rootPublicKey,
    clock: hybridClock,
    logger,
  });
  // Before anything can have come from others: what is here now came from the disk.
  const notices = new NoticeWatch({ nodeId: config.id, registry, audit, logger });
  closing.add('notices', 2000, () => notices.stop());
  notices.start();
  const hostRecords = new HostRecords({ table, registry, identity, clock: hybridClock, logger });
  closing.add('hosts', 100, async () => hostRecords.stop());
  const standing = new Standing({
    id: config.id,
    gossip,
    isHeld: () => announcer.isHeld,
    mustBeHeld: true,
    mayServeAlone: registry.list().length > 0,
    clock,
  });
  const replication =
    config.nats === undefined
      ? undefined
      : createReplication({
          config: config.nats,
          table,
          openEnvelope,
          clock,
          random,
          logger,
          metrics,
          onProblemChanged: () => announcer.changed(),
        });
  const natsStatus = () =>
    replication?.status() ?? {
      connected: false,
      version: undefined,
      pending: 0,
      problem: undefined,
    };

  // Where chunks come from: peers by distance, then JetStream.
  const view = new MeshView({ selfId: config.id, table, members: () => gossip.members() });
  const clients = new PeerClients(tls);
  closing.add('peer clients', 1000, () => clients.close());
  const peers = new PeerChunkSources({ view, clients, here: config.pop });
  const fetcher = new ArtifactFetcher({
    store,
    sources: () => [
      ...peers.nearestFirst(),
      ...(replication === undefined ? [] : [replication.chunkSource]),
    ],
    config: config.artifacts,
    clock,
    logger,
    metrics,
  });

  // Running functions, and making them ready.
  const runtime = createRuntime({
    directory: folder('runtime'),
    identity: { node: config.id, pop: config.pop.code, region: config.pop.region },
    config: { ...config.runtime, host: config.listen.host },
    clock,
    random,
    logger,
    metrics,
    onLog: (entry) => logs.append(entry),
    onDataPlanesChanged: () => announcer.changed(),
    onFunctionLost: (id, error) => applyLoop.lost(id, error),
  });
  closing.add('runtime', 10_000, () => runtime.stop());
  const { ceilings } = live;
  const failedVersions = await FailedVersions.open(folder('failed-versions.json'), logger);
  closing.add('failed versions', 1000, () => failedVersions.close());
  const applyLoop = new ApplyLoop({
    registry,
    fetcher,
    runtime,
    ceilings,
    failed: failedVersions,
    failedElsewhere: (id) => failedElsewhere(view, id),
    region: config.pop.region,
    parallelMax: config.limits.applyParallelMax,
    timeoutMs: config.limits.applyTimeoutMs,
    clock,
    jitter: () => random.float(),
    logger,
    metrics,
    onChanged: () => announcer.changed(),
  });
  closing.add('apply loop', 5000, () => applyLoop.stop());

  // The control API.
  const readiness = new Readiness({
    standing,
    settled: () => applyLoop.settled(),
    unsettledReason: 'the functions that are known are not all ready yet',
    clock,
    logger,
    onChanged: () => void announcer.announceNow(),
  });
  const publisher = new Publisher({ replication, store, clock, logger });
  const quotas = new QuotaControl({
    defaults: config.quota,
    records: new QuotaRecords({ table, identity, clock: hybridClock, logger }),
    registry,
    hostsOf: (namespace) => hostRecords.claimsBy(namespace).length,
    written: new WrittenBytes(clock, config.artifacts.collectGraceMs + RETENTION_EVERY_MS),
    audit,
    publish: (record) => publisher.publish(record, []),
  });
  const hosts = new HostControl({
    config: config.hosts,
    records: hostRecords,
    registry,
    audit,
    platform: () => view.gatewayNames(),
    hostsMax: (namespace) => quotas.of(namespace).hosts,
    publish: (record) => publisher.publish(record, []),
  });
  const app = createApp({
    control: new NodeControl({
      nodeId: config.id,
      registry,
      store,
      runtime,
      ceilings,
      publisher,
      hosts,
      quotas,
      view,
      meshLogs: new MeshLogs({ self, hub: logs, view, clients, clock, logger }),
      audit,
      nats: () => ({ enabled: replication !== undefined, ...definedOf(natsStatus()) }),
      notReady: () => readiness.reason,
      mayWrite: async (signal) => {
        await audit.mayChange();
        await standing.mayWrite(signal);
      },
      metrics,
      logger,
    }),
    authenticate: createAuthenticate({
      rootPublicKey,
      isRevoked: live.isRevoked,
      // A clock that is overruled is said to be so, and not that the token is too young.
      clock: gossip.time,
    }),
    get componentBytesMax() {
      return live.componentBytesMax;
    },
    get uploadsMax() {
      return live.uploadsMax;
    },
    metricsPublic: config.metrics.public,
    softwareVersion: packageJson.version,
    clock,
    logger,
  });
  const api = await startApiServer({
    host: config.listen.host,
    port: config.listen.apiPort,
    tls: certificate,
    fetch: (request, bindings) => app.fetch(request, bindings as never),
    clock,
  });
  const apiAddress = advertised(api.address, config);

  const storage = new StorageWatch({
    directory: config.dataDir,
    clock,
    logger,
    onChanged: () => announcer.changed(),
  });

  // What the others learn of us.
  const announcer = new Announcer({
    identity,
    gossip,
    describe: () =>
      describeNode({
        config,
        state: readiness.state,
        notReadyReason: readiness.reason,
        process: gossip.process,
        clockAheadMs: gossip.time.aheadMs(),
        apiAddress,
        meshAddress,
        pid: deps.pid,
        softwareVersion: packageJson.version,
        startedAtMs,
        dataPlanes: runtime.dataPlanes(),
        served: applyLoop.served(),
        failures: applyLoop.failures(),
        load: runtime.load(),
        controlGroups: runtime.controlGroups(),
        storageProblem: storage.problem,
        nats: natsStatus(),
      }),
    load: () => runtime.load(),
    clock,
    logger,
  });
  closing.add('announcer', 2000, () => announcer.stop());
  closing.add('storage watch', 1000, () => storage.stop());
  closing.add('control API', 3000, () => api.stop(1000));
  const retention = new Retention({
    registry,
    hosts: hostRecords,
    table,
    store,
    clock,
    logger,
    metrics,
  });
  closing.add('retention', 2000, () => retention.stop());
  const aliases = new AliasKeeper({
    selfId: config.id,
    registry,
    view,
    notReady: () => readiness.reason,
    clock,
    logger,
  });
  closing.add('aliases', 2000, () => aliases.stop());

  // Everything is introduced: go.
  await runtime.start(signal);
  if (replication !== undefined) {
    closing.add('replication', 5000, () => replication.stop());
    replication.reseed({
      inUse: () => chunksInUse(registry.list()),
      read: (digest) => store.get(digest),
    });
    await replication.start(signal);
  }
  applyLoop.start();
  announcer.start();
  aliases.start();
  retention.start();
  const unsubscribe = gossip.onMemberChanged((member) => {
    if (member.state === 'alive') applyLoop.hurry();
  });
  closing.add('members', 100, unsubscribe);
  // A full disk must not keep a node from serving what it has; the next change is refused.
  await audit
    .append({ action: 'start', who: config.id, what: packageJson.version, from: 'local' })
    .catch((error) => logger.error('the start could not be audited', { error }));

  readiness.start();
  storage.start();

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    readiness.stop();
    await audit
      .append({ action: 'stop', who: config.id, what: packageJson.version, from: 'local' })
      .catch((error) => logger.error('the stop could not be audited', { error }));
    await gossip.leave().catch((error) => logger.warn('leaving was not heard', { error }));
    await closing.close();
  };

  return {
    ready: { id: config.id, api: apiAddress, mesh: meshAddress },
    whenReady: readiness.whenReady,
    whenLost: readiness.whenLost,
    notReady: () => readiness.reason,
    get state() {
      return readiness.state;
    },
    reload: (next) => live.reload(next, { credentials: tls, api }),
    drain: async () => {
      readiness.drain();
      await announcer.announceNow();
      gossip.yieldId();
      // Until the gateways have heard of it they still send, and are still answered.
      await clock.sleep(config.drain.noticeMs);
      await runtime.drain();
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

const definedOf = ({ connected, pending, version, problem }: ReplicationStatus) => ({
  connected,
  pending,
  ...(version === undefined ? {} : { version }),
  ...(problem === undefined ? {} : { problem }),
});
