import { type FunctionId, type OpaqueRecord, PopmeshError } from '@popmesh/contracts';
import { type Claim, TOMBSTONE_KEPT_MS } from '@popmesh/protocol';
import type { FunctionView, Registry } from '@popmesh/replication';
import type { Actor } from '../api/control.ts';
import type { AuditEvent, AuditLog } from '../audit-log.ts';
import type { JetStreamState } from '../publisher.ts';
import { HOST_CHANGES_WAITING_MAX } from './host-limits.ts';
import type { HostRecords } from './host-records.ts';
import {
  type HostsConfig,
  type PlatformNames,
  requireAllowed,
  requireClaimable,
} from './host-rules.ts';
import type { HostSummary, RouteOff } from './host-schemas.ts';
import { hostSummaries, namedBy, namesOf, routesOff } from './host-view.ts';
import { Turns } from './turns.ts';

/**
 * Who may have which custom host. A deploy claims the hosts that its routes name
 * before its record is written, so that no record of ours names what its
 * namespace has not claimed; changes take turns on this node, so that two
 * namespaces cannot both be told yes here. Two nodes that cannot see each other
 * can: then the older claim wins (protocol), and `list` says what is off.
 */

const DAY_MS = 24 * 3_600_000;

interface Route {
  readonly host: string;
}

interface Asking {
  readonly fn: FunctionId;
  readonly routes: readonly Route[];
  readonly strict: boolean;
}

export interface HostControlOptions {
  readonly config: HostsConfig;
  readonly records: HostRecords;
  readonly registry: Pick<Registry, 'list' | 'get'>;
  readonly audit: Pick<AuditLog, 'append'>;
  /** What the mesh's own gateways are called by. */
  readonly platform: () => PlatformNames;
  readonly hostsMax: (namespace: string) => number;
  /** Hands a claim on to JetStream; gossip has it already. */
  readonly publish: (record: OpaqueRecord) => Promise<JetStreamState>;
}

export interface Release {
  readonly host: string;
  /** Undefined: the one that the caller may change. */
  readonly namespace: string | undefined;
  readonly force: boolean;
  readonly mayChange: (namespace: string) => boolean;
}

export class HostControl {
  readonly #options: HostControlOptions;
  readonly #turns = new Turns('changes of hosts', HOST_CHANGES_WAITING_MAX);

  constructor(options: HostControlOptions) {
    this.#options = options;
  }

  /** Throws what a deploy with these routes would end in: before anything is stored. */
  check(namespace: string, routes: readonly Route[]): void {
    const { config, records, hostsMax } = this.#options;
    const platform = this.#options.platform();
    const held = new Set(records.claimsBy(namespace).map(({ host }) => host));
    let fresh = 0;
    for (const host of new Set(routes.map((route) => route.host))) {
      requireClaimable(host, config, platform);
      const owner = records.owner(host);
      if (owner !== undefined && owner.namespace !== namespace) throw taken(host);
      if (held.has(host)) continue;
      requireAllowed(host, namespace, config);
      fresh++;
    }
    const max = hostsMax(namespace);
    if (fresh === 0) return;
    const asked = held.size + fresh;
    if (asked > max) {
      throw new PopmeshError(
        'quota_exceeded',
        `namespace ${namespace} would have ${asked} custom hosts, ${max} are allowed`,
        {
          hint: 'Release one that is not needed, or ask the operator: `popmesh domains list` shows them.',
          details: { limit: 'hosts', max, asked },
        },
      );
    }
    // Releases are records, too, until they are forgotten: as many again, and no more.
    if (asked + records.releasesBy(namespace) > 2 * max) {
      throw new PopmeshError(
        'quota_exceeded',
        `namespace ${namespace} has released too many custom hosts to claim another`,
        {
          hint: `They are forgotten after ${TOMBSTONE_KEPT_MS / DAY_MS} days; until then claim one that it has had, or ask the operator.`,
          details: { limit: 'hosts', max, asked },
        },
      );
    }
  }

  /**
   * `change` writes a record that names the routes; their claims are on disk before it. A `strict`
   * one is refused when a host cannot be had; the other goes on, with that route switched off,
   * because who rolls back has a fire to put out.
   */
  async withClaims<T>(
    { fn, routes, strict }: Asking,
    actor: Actor,
    change: () => Promise<T>,
  ): Promise<{ readonly value: T; readonly published: Promise<readonly JetStreamState[]> }> {
    const { records, publish } = this.#options;
    const namespace = namespaceOf(fn);
    const standing = records.standingOf(fn);
    if (routes.length === 0 && standing.length === 0) {
      return { value: await change(), published: Promise.resolve([]) };
    }
    return this.#turns.run(async () => {
      if (strict) this.check(namespace, routes);
      // A claim that only old versions make would go with them.
      const own = standing.filter((host) => records.owner(host)?.namespace === namespace);
      const published: Promise<JetStreamState>[] = [];
      for (const host of new Set([...own, ...routes.map((route) => route.host)])) {
        // Looked at one by one, since each that is claimed counts.
        if (!strict && !own.includes(host) && !this.#canHave(namespace, host)) continue;
        if (records.isRecorded(host, namespace)) continue;
        const record = await records.claim(host, namespace, actor.who);
        await this.#audit('claim', host, namespace, record, actor);
        published.push(publish(record));
      }
      return { value: await change(), published: Promise.all(published) };
    });
  }

  #canHave(namespace: string, host: string): boolean {
    try {
      this.check(namespace, [{ host }]);
      return true;
    } catch {
      return false;
    }
  }

  /** `remove` deletes the function; hosts that no other one of its namespace names are released. */
  async withReleases<T>(
    view: FunctionView,
    actor: Actor,
    remove: () => Promise<T>,
  ): Promise<{ readonly value: T; readonly released: string[] }> {
    const { records, registry } = this.#options;
    if (namedBy(view.versions).size === 0) return { value: await remove(), released: [] };
    const published: Promise<unknown>[] = [];
    const done = await this.#turns.run(async () => {
      const before = registry.get(view.id) ?? view;
      const value = await remove();
      const others = registry.list(view.namespace).filter(({ id }) => id !== view.id);
      const kept = namedBy(others.flatMap(({ versions }) => versions));
      const released: string[] = [];
      for (const host of namedBy([...view.versions, ...before.versions])) {
        const claim = records.claimsOf(host).find((one) => one.namespace === view.namespace);
        if (claim === undefined || kept.has(host)) continue;
        published.push(...(await this.#release(host, claim, actor)));
        released.push(host);
      }
      return { value, released };
    });
    await Promise.all(published);
    return done;
  }

  /** Throws `not_found`, `permission_denied`, `conflict` while a live function names the host. */
  async release(
    { host, namespace, force, mayChange }: Release,
    actor: Actor,
  ): Promise<{ readonly host: string; readonly namespace: string; readonly released: true }> {
    const { records, registry } = this.#options;
    const { answer, published } = await this.#turns.run(async () => {
      const claims = records.claimsOf(host);
      if (claims.length === 0) throw new PopmeshError('not_found', `nobody has claimed ${host}`);
      const mine = claims.filter((claim) =>
        namespace === undefined ? mayChange(claim.namespace) : claim.namespace === namespace,
      );
      const [claim, another] = mine;
      if (claim === undefined) {
        throw new PopmeshError('permission_denied', `${host} belongs to another namespace`);
      }
      if (another !== undefined) {
        throw new PopmeshError('conflict', `${host} is claimed by several namespaces`, {
          hint: `Say whose claim is meant: --namespace ${claim.namespace} or ${another.namespace}.`,
        });
      }
      const named = namesOf(registry.list(claim.namespace)).get(host)?.functions ?? [];
      if (named.length > 0 && !force) {
        throw new PopmeshError('conflict', `${host} is still a route of ${named.join(', ')}`, {
          hint: 'Deploy without it or delete the function first; --force switches the route off.',
        });
      }
      const published = await this.#release(host, claim, actor);
      const answer = { host, namespace: claim.namespace, released: true } as const;
      return { answer, published };
    });
    await Promise.all(published);
    return answer;
  }

  list(maySee: (namespace: string) => boolean): HostSummary[] {
    return hostSummaries(this.#options.records, this.#options.registry, maySee);
  }

  routesOff(view: FunctionView): RouteOff[] {
    return routesOff(view, this.#options.records, this.#options.config.domain);
  }

  /** Answers what is still under way: nobody's turn waits for JetStream. */
  async #release(host: string, claim: Claim, actor: Actor): Promise<[Promise<unknown>]> {
    const record = await this.#options.records.release(host, claim);
    await this.#audit('release', host, claim.namespace, record, actor);
    return [this.#options.publish(record)];
  }

  #audit(
    action: AuditEvent['action'],
    host: string,
    namespace: string,
    { revision }: OpaqueRecord,
    { who, tokenId, from }: Actor,
  ): Promise<void> {
    return this.#options.audit.append({
      action,
      who,
      ...(tokenId === undefined ? {} : { tokenId }),
      what: `${host} ${namespace}`,
      revision: revision.toString(),
      from,
    });
  }
}

const namespaceOf = (fn: FunctionId): string => fn.slice(0, fn.indexOf('/'));

/** The owner is not named: whose a host is, is between the tenants. */
const taken = (host: string): PopmeshError =>
  new PopmeshError('host_taken', `the host ${host} belongs to another namespace`, {
    hint: 'Use another host, or have its owner release it: popmesh domains release.',
    details: { host },
  });
