import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import {
  compareBytes,
  HybridClock,
  noMetrics,
  type OpaqueRecord,
  type RecordTable,
  silentLogger,
} from '@popmesh/contracts';
import {
  CertificateCache,
  framed,
  functionKey,
  type NodeIdentity,
  nodeKey,
  openRecord,
  privateKeyObject,
  sealRecord,
  signBytes,
} from '@popmesh/protocol';
import {
  type LinkFaults,
  SeededRandom,
  SimulatedNetwork,
  StallableClock,
  VirtualClock,
} from '@popmesh/simulation';
import { byLength } from '../../../scripts/test-length.ts';
import {
  AnnouncementWriter,
  createGossip,
  type Gossip,
  type GossipConfigInput,
  type Member,
  type MemberState,
  MemoryGossipTransport,
  memoryPersistence,
  type RecordPersistence,
} from './index.ts';

/**
 * Production gossips in one process, on virtual time and a faulty network, from a
 * seed. Each has checkers that cannot be forgotten: no key ever steps back to a
 * lower revision, not even over a restart. Used by the tests, and by
 * `gossip-bench.test-support.ts` for figures.
 */

const publicKeyOf = (privateKey: Uint8Array): Uint8Array =>
  new Uint8Array(
    createPublicKey(privateKeyObject(privateKey))
      .export({ format: 'der', type: 'spki' })
      .subarray(-32),
  );

export interface SimulatedMember {
  readonly id: string;
  readonly address: string;
  readonly clock: StallableClock;
  readonly hybrid: HybridClock;
  readonly identity: NodeIdentity;
  readonly persistence: RecordPersistence;
  readonly role: 'node' | 'gateway';
  readonly highest: Map<string, bigint>;
  seeds: readonly string[];
  gossip: Gossip | undefined;
  /** Of one that was started with `speak`. */
  writer: AnnouncementWriter | undefined;
  /** Every state this member ever believed of another: `id:state`. */
  readonly beliefs: Set<string>;
}

export interface MeshOptions {
  readonly seed: number;
  readonly faults?: Partial<LinkFaults>;
  readonly config?: GossipConfigInput;
}

export class SimulatedMesh {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly network: SimulatedNetwork;
  readonly members = new Map<string, SimulatedMember>();
  readonly #config: GossipConfigInput;
  readonly #rootPrivateKey: Uint8Array;
  readonly #rootPublicKey: Uint8Array;
  readonly #certificates = new CertificateCache();

  constructor({ seed, faults = {}, config = {} }: MeshOptions) {
    this.random = new SeededRandom(seed);
    this.network = new SimulatedNetwork(this.clock, this.random.fork(), faults);
    this.#config = config;
    this.#rootPrivateKey = this.random.bytes(32);
    this.#rootPublicKey = publicKeyOf(this.#rootPrivateKey);
  }

  /** Not started yet. */
  add(id: string, seeds: readonly string[], role: 'node' | 'gateway' = 'node'): SimulatedMember {
    const clock = new StallableClock(this.clock);
    const privateKey = this.random.bytes(32);
    const publicKey = publicKeyOf(privateKey);
    const statement = framed('popmesh/node-certificate/v1', id, publicKey);
    const member: SimulatedMember = {
      id,
      address: `${id}:7400`,
      clock,
      hybrid: new HybridClock(clock),
      identity: {
        id,
        privateKey,
        publicKey,
        certificate: signBytes(this.#rootPrivateKey, statement),
      },
      persistence: memoryPersistence(),
      role,
      highest: new Map(),
      seeds,
      gossip: undefined,
      writer: undefined,
      beliefs: new Set(),
    };
    this.members.set(id, member);
    return member;
  }

  /** A second process with the id of a member: same identity, other address and disk. */
  twin(name: string, id: string): SimulatedMember {
    const { identity, role, seeds } = this.member(id);
    const twin = { ...this.add(name, seeds, role), id, identity };
    this.members.set(name, twin);
    return twin;
  }

  /** As `start`, with an announcement that says which process wrote it. */
  async speak(name: string): Promise<{ gossip: Gossip; writer: AnnouncementWriter }> {
    const gossip = await this.start(name);
    const member = this.member(name);
    const own = new TextEncoder().encode(gossip.process.toString(16));
    member.writer = new AnnouncementWriter({
      gossip,
      identity: member.identity,
      key: nodeKey(member.id),
      describe: () => own,
      isOwn: (payload) => compareBytes(payload, own) === 0,
      clock: member.clock,
      logger: silentLogger,
    });
    member.writer.start();
    return { gossip, writer: member.writer };
  }

  async start(name: string): Promise<Gossip> {
    const member = this.member(name);
    const { id, address, clock, role, persistence, seeds } = member;
    // A frozen event loop does not read its sockets either.
    const network = {
      send: (from: string, to: string, message: unknown) => this.network.send(from, to, message),
      listen: (at: string, listener: Parameters<SimulatedNetwork['listen']>[1]) =>
        this.network.listen(at, {
          receive: (from, message) => clock.whenReading(() => listener.receive(from, message)),
          refused: (to, message) => clock.whenReading(() => listener.refused(to, message)),
        }),
    };
    const transport = new MemoryGossipTransport(network, address, clock);
    const gossip = createGossip({
      self: { id, role, address, pop: id.slice(0, 3) },
      seeds,
      openEnvelope: (envelope) => openRecord(this.#rootPublicKey, envelope, this.#certificates),
      transport,
      persistence,
      config: this.#config,
      clock,
      random: this.random.fork(),
      logger: silentLogger,
      metrics: noMetrics,
    });
    transport.serve(gossip.handlers);
    gossip.table.onApplied((record) => this.#check(member, record));
    gossip.onMemberChanged((changed) => member.beliefs.add(`${changed.id}:${changed.state}`));
    await gossip.start(AbortSignal.timeout(60_000));
    for (const [key, revision] of member.highest) {
      if (key.startsWith('node/')) continue;
      const held = gossip.table.get(key)?.revision ?? 0n;
      assert.ok(held >= revision, `${id} lost ${key} over a restart`);
    }
    member.gossip = gossip;
    return gossip;
  }

  /** As `kill -9`: no good-bye, nothing flushed by the caller. */
  async kill(id: string): Promise<void> {
    const { gossip, writer } = this.member(id);
    this.member(id).gossip = undefined;
    await writer?.stop();
    await gossip?.stop();
  }

  /** `count` members that all know the first one. */
  async grow(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const id = `n${i}`;
      this.add(id, i === 0 ? [] : ['n0:7400']);
      await this.start(id);
    }
  }

  member(id: string): SimulatedMember {
    const member = this.members.get(id);
    assert.ok(member, `no member ${id}`);
    return member;
  }

  get running(): { member: SimulatedMember; gossip: Gossip }[] {
    return [...this.members.values()].flatMap((member) =>
      member.gossip === undefined ? [] : [{ member, gossip: member.gossip }],
    );
  }

  addresses(ids: readonly string[]): string[] {
    return ids.map((id) => this.member(id).address);
  }

  table(id: string): RecordTable {
    const { gossip } = this.member(id);
    assert.ok(gossip, `${id} is not running`);
    return gossip.table;
  }

  seal(id: string, key: string, payload: string, revision?: bigint): OpaqueRecord {
    const { identity, hybrid } = this.member(id);
    const bytes = new TextEncoder().encode(payload);
    return sealRecord(identity, key, revision ?? hybrid.next(), bytes);
  }

  async deploy(id: string, name: string, payload: string): Promise<OpaqueRecord> {
    const record = this.seal(id, functionKey('default', name), payload);
    assert.equal(await this.table(id).apply(record, 'local'), 'applied');
    return record;
  }

  async announce(id: string, payload: string): Promise<OpaqueRecord> {
    const record = this.seal(id, nodeKey(id), payload);
    await this.table(id).apply(record, 'local');
    return record;
  }

  stateOf(observer: string, subject: string): MemberState | undefined {
    return this.memberSeenBy(observer, subject)?.state;
  }

  memberSeenBy(observer: string, subject: string): Member | undefined {
    return this.member(observer)
      .gossip?.members()
      .find((member) => member.id === subject);
  }

  /** All running members believe exactly the running ones alive. */
  membersAgree(): boolean {
    return this.running.every(({ gossip }) => {
      const alive = gossip.members().filter((member) => member.state === 'alive');
      return (
        alive.length === this.running.length &&
        alive.every((member) => this.members.get(member.id)?.gossip !== undefined)
      );
    });
  }

  /** All running members hold the same records. */
  tablesAgree(prefix = ''): boolean {
    const prints = this.running.map(({ gossip }) =>
      gossip.table
        .list(prefix)
        .map((record) => `${record.key}@${Buffer.from(record.envelope).toString('base64')}`)
        .join('\n'),
    );
    return new Set(prints).size <= 1;
  }

  async until(what: string, done: () => boolean, limitMs: number): Promise<number> {
    const startedMs = this.clock.monotonic();
    const reached = await this.clock.advanceUntil(done, limitMs);
    assert.ok(reached, `${what} was not so within ${limitMs} ms: ${this.#describe()}`);
    return this.clock.monotonic() - startedMs;
  }

  /** Also shows that a stop leaves no timer behind. */
  async stop(): Promise<void> {
    const running = [...this.members].filter(([, { gossip }]) => gossip !== undefined);
    const stops = running.map(([name]) => this.kill(name));
    await this.clock.advance(1);
    await Promise.all(stops);
    // Messages under way are the network's timers.
    await this.clock.advance(10_000);
    assert.equal(this.clock.timers, 0, 'timers were left behind');
  }

  #describe(): string {
    return this.running
      .map(({ member, gossip }) => {
        const views = gossip
          .members()
          .map((seen) => `${seen.id}=${seen.state}@${seen.incarnation}`);
        return `\n  ${member.id}: ${gossip.table.size} records; ${views.join(' ')}`;
      })
      .join('');
  }

  #check(member: SimulatedMember, record: OpaqueRecord): void {
    const before = member.highest.get(record.key) ?? -1n;
    assert.ok(record.revision >= before, `${member.id}: ${record.key} went backwards`);
    member.highest.set(record.key, record.revision);
  }
}

/**
 * Runs `scenario` for seeds 1 to `count`, in `npm test` to a quarter of it (POPMESH_SEEDS changes
 * it); a failure names its seed.
 */
export async function forSeeds(
  count: number,
  scenario: (seed: number) => Promise<void>,
): Promise<void> {
  const only = process.env.POPMESH_SEED;
  const wanted = Number(process.env.POPMESH_SEEDS ?? byLength(Math.ceil(count / 4), count));
  const seeds =
    only === undefined ? Array.from({ length: wanted }, (_, i) => i + 1) : [Number(only)];
  for (const seed of seeds) {
    try {
      await scenario(seed);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`seed ${seed} failed (replay with POPMESH_SEED=${seed}): ${message}`, {
        cause,
      });
    }
  }
}
