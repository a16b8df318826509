import { type ChunkStorage, sha256Hex, splitArtifact } from '@popmesh/artifacts';
import { type Counter, type FunctionId, type Logger, PopmeshError } from '@popmesh/contracts';
import type { ExposedMetrics } from '@popmesh/daemon';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import type { FunctionView, Registry } from '@popmesh/replication';
import { aboveCeilingError, type Ceilings, type Runtime } from '@popmesh/runtime';
import type { Actor, Control, Deleted, Deployed, DeployRequest, Viewer } from './api/control.ts';
import type { Rollout, Status } from './api/schemas.ts';
import type { AuditLog } from './audit-log.ts';
import {
  detailOf,
  readinessIndex,
  summaryOf,
  toFunctionConfig,
  versionsOf,
} from './describe-function.ts';
import type { HostControl, Release } from './hosts/host-control.ts';
import type { LogFilter, LogLine } from './log-line.ts';
import type { MeshLogs } from './mesh-logs.ts';
import type { MeshView } from './mesh-view.ts';
import { noticesSince } from './notice-watch.ts';
import { leastStored, type Publisher } from './publisher.ts';
import type { QuotaControl } from './quota/quota-control.ts';
import type { QuotaChange } from './quota/quota-schemas.ts';
import { allowedRegions } from './regions.ts';
import { rolloutOf } from './rollout.ts';
import { statusOf } from './status.ts';

/**
 * What the control API does. A deploy is answered when the chunks and the record
 * are fsynced here; each step before that refuses without a trace of the deploy
 * being left, because chunks that nothing refers to are collected.
 */

export interface NodeControlOptions {
  readonly nodeId: string;
  readonly registry: Registry;
  readonly store: Pick<ChunkStorage, 'has' | 'put'>;
  readonly runtime: Pick<Runtime, 'prepare' | 'prove'>;
  readonly ceilings: Ceilings;
  readonly publisher: Publisher;
  readonly hosts: HostControl;
  readonly quotas: QuotaControl;
  readonly view: MeshView;
  readonly meshLogs: MeshLogs;
  readonly audit: AuditLog;
  readonly nats: () => Status['nats'];
  readonly notReady: () => string | undefined;
  /** Throws while what is stamped here would be refused by the others: see `Standing`. */
  readonly mayWrite: (signal?: AbortSignal) => Promise<void>;
  readonly metrics: ExposedMetrics;
  readonly logger: Logger;
}

export class NodeControl implements Control {
  readonly #options: NodeControlOptions;
  readonly #changes: Counter;
  readonly #denied: Counter;

  constructor(options: NodeControlOptions) {
    this.#options = options;
    this.#changes = options.metrics.counter('popmesh_changes_total', 'Changes accepted here', [
      'action',
    ]);
    this.#denied = options.metrics.counter('popmesh_denied_total', 'API calls denied', ['code']);
  }

  async deploy(request: DeployRequest, actor: Actor, signal: AbortSignal): Promise<Deployed> {
    const { registry, runtime, store, audit, hosts, quotas } = this.#options;
    const { namespace, name, manifest, component } = request;
    const id: FunctionId = `${namespace}/${name}`;
    const { routes } = manifest.config;
    this.#refuseWhenDraining();
    hosts.check(namespace, routes);
    quotas.checkFunctions(namespace, id);
    await this.#options.mayWrite();
    const config = create(FunctionConfigSchema, toFunctionConfig(manifest));
    const above = this.#options.ceilings(config);
    if (above.length > 0) throw aboveCeilingError(above);
    const digest = sha256Hex(component);
    const prepared = await runtime.prepare(
      { digest, load: async () => component },
      { memoryMb: manifest.config.limits.memoryMb ?? 0 },
      signal,
    );
    await runtime.prove({ function: id, prepared, config }, signal);
    const { manifest: artifact, chunks } = splitArtifact(component, prepared.door);
    quotas.checkStored(namespace, id, artifact.chunks);
    const fresh = chunks.filter((chunk) => !store.has(chunk.digest));
    quotas.write(
      namespace,
      fresh.reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
    for (const chunk of chunks) await store.put(chunk.bytes);
    // From here on the deploy happens, even if the caller goes away.
    signal.throwIfAborted();
    const warnings = noticesSince(registry.get(id), actor.who);
    const { value, published } = await hosts.withClaims(
      { fn: id, routes, strict: true },
      actor,
      () =>
        registry.deploy({
          namespace,
          name,
          label: manifest.label,
          artifact,
          config,
          createdBy: actor.who,
          keepMax: quotas.of(namespace).versionsKept,
        }),
    );
    const { version, revision, record } = value;
    await audit.append({
      action: 'deploy',
      what: `${id}@${version}`,
      digest,
      revision: revision.toString(),
      ...whoOf(actor),
    });
    this.#changes.add(1, { action: 'deploy' });
    const jetstream = await this.#options.publisher.publish(
      record,
      chunks.map((chunk) => chunk.digest),
    );
    return {
      function: id,
      namespace,
      name,
      version,
      label: manifest.label,
      revision: revision.toString(),
      artifact: {
        digest,
        sizeBytes: component.length,
        chunks: artifact.chunks.length,
        newChunks: fresh.length,
      },
      durable: this.#durable(leastStored([jetstream, ...(await published)])),
      routesOff: this.#routesOff(id),
      ...(warnings.length === 0 ? {} : { warnings }),
    };
  }

  async rollback(fn: FunctionId, version: number | undefined, actor: Actor): Promise<Deployed> {
    const { registry, audit, publisher, hosts } = this.#options;
    this.#refuseWhenDraining();
    await this.#options.mayWrite();
    const before = this.#existing(fn);
    const { value: changed, published } = await hosts.withClaims(
      { fn, routes: routesAfterRollback(before, version), strict: false },
      actor,
      () => registry.rollback(fn, version),
    );
    await audit.append({
      action: 'rollback',
      what: `${fn}@${changed.version}`,
      revision: changed.revision.toString(),
      ...whoOf(actor),
    });
    this.#changes.add(1, { action: 'rollback' });
    const target = before.versions.find(({ number }) => number === changed.version);
    const digests = target?.artifact?.chunks.map((chunk) => chunk.digest) ?? [];
    const jetstream = await publisher.publish(changed.record, digests);
    return {
      function: fn,
      namespace: before.namespace,
      name: before.name,
      version: changed.version,
      label: target?.label ?? '',
      revision: changed.revision.toString(),
      durable: this.#durable(leastStored([jetstream, ...(await published)])),
      routesOff: this.#routesOff(fn),
    };
  }

  async remove(fn: FunctionId, actor: Actor): Promise<Deleted> {
    const { registry, audit, publisher, hosts } = this.#options;
    this.#refuseWhenDraining();
    await this.#options.mayWrite();
    const view = this.#existing(fn);
    const { value, released } = await hosts.withReleases(view, actor, async () => {
      const removed = await registry.remove(fn);
      await audit.append({
        action: 'delete',
        what: fn,
        revision: removed.revision.toString(),
        ...whoOf(actor),
      });
      return removed;
    });
    this.#changes.add(1, { action: 'delete' });
    await publisher.publish(value.record, []);
    const revision = value.revision.toString();
    return { function: fn, deleted: true, revision, hostsReleased: released };
  }

  list() {
    const readiness = readinessIndex(this.#options.view.nodes());
    const { registry, hosts } = this.#options;
    return registry.list().map((view) => summaryOf(view, readiness, hosts.routesOff(view)));
  }

  get(fn: FunctionId) {
    const view = this.#existing(fn);
    const { hosts, view: mesh } = this.#options;
    return detailOf(view, readinessIndex(mesh.nodes()), hosts.routesOff(view));
  }

  versions(fn: FunctionId) {
    return versionsOf(this.#existing(fn));
  }

  rollout(fn: FunctionId, revision: bigint | undefined): Rollout {
    const view = this.#existing(fn);
    return rolloutOf(
      {
        function: fn,
        revision: revision ?? view.revision,
        regions: allowedRegions(view),
        notices: view.notices,
      },
      this.#options.view.nodes(),
    );
  }

  hosts(maySee: (namespace: string) => boolean) {
    return this.#options.hosts.list(maySee);
  }

  async releaseHost(release: Release, actor: Actor) {
    this.#refuseWhenDraining();
    await this.#options.mayWrite();
    const done = await this.#options.hosts.release(release, actor);
    this.#changes.add(1, { action: 'release' });
    return done;
  }

  quotas(maySee: (namespace: string) => boolean) {
    return this.#options.quotas.list(maySee);
  }

  quota(namespace: string) {
    return this.#options.quotas.describe(namespace);
  }

  async setQuota(namespace: string, change: QuotaChange, actor: Actor) {
    this.#refuseWhenDraining();
    await this.#options.mayWrite();
    const done = await this.#options.quotas.set(namespace, change, actor);
    this.#changes.add(1, { action: 'quota' });
    return done;
  }

  logs(filter: LogFilter, signal: AbortSignal, tokenId: string): AsyncIterable<LogLine> {
    return this.#options.meshLogs.follow(filter, signal, tokenId);
  }

  status(viewer: Viewer): Status {
    const { nodeId, view, nats, registry } = this.#options;
    return statusOf({
      selfId: nodeId,
      nodes: view.nodes(),
      gateways: view.gateways(),
      nats: nats(),
      functions: registry.list().filter(({ namespace }) => viewer.maySee(namespace)).length,
      viewer,
    });
  }

  notReady(): string | undefined {
    return this.#options.notReady();
  }

  async metrics() {
    const { metrics } = this.#options;
    return { text: await metrics.text(), contentType: metrics.contentType };
  }

  denied(actor: Actor, what: string, code: string): void {
    this.#denied.add(1, { code });
    this.#options.logger.info('denied', { who: actor.who, from: actor.from, what, code });
  }

  #routesOff(fn: FunctionId) {
    const view = this.#options.registry.get(fn);
    return view === undefined ? [] : this.#options.hosts.routesOff(view);
  }

  #durable(jetstream: Deployed['durable']['jetstream']): Deployed['durable'] {
    const reason = jetstream === 'pending' ? this.#options.nats().problem : undefined;
    return { local: true, jetstream, ...(reason === undefined ? {} : { reason }) };
  }

  #existing(fn: FunctionId): FunctionView {
    const view = this.#options.registry.get(fn);
    if (view !== undefined && !view.deleted) return view;
    throw new PopmeshError('function_not_found', `there is no function ${fn}`);
  }

  #refuseWhenDraining(): void {
    if (this.#options.notReady() !== 'draining') return;
    throw new PopmeshError('draining', 'this node is being stopped', { hint: 'Use another node.' });
  }
}

/** Of the version that a roll-back will make live; none where the registry will refuse it. */
function routesAfterRollback(view: FunctionView, version: number | undefined) {
  const live = Math.max(0, ...view.live.map((one) => one.version.number));
  const older = view.versions.map(({ number }) => number).filter((number) => number < live);
  const target = version ?? Math.max(0, ...older);
  return view.versions.find(({ number }) => number === target)?.config?.routes ?? [];
}

const whoOf = ({ who, tokenId, from }: Actor) => ({
  who,
  from,
  ...(tokenId === undefined ? {} : { tokenId }),
});
