import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type Msg,
  type NatsConnection,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
  type StreamInfo,
} from 'nats';
import type { ReplicationConfig } from './config.ts';
import type { ScanPlan, StreamFacts } from './known-records.ts';
import { SCAN_BATCH_MESSAGES } from './limits.ts';
import {
  fromNatsError,
  isMessageMissing,
  isStreamMissing,
  isStreamTaken,
  isWrongSequence,
} from './nats-errors.ts';
import type { NatsNames } from './nats-names.ts';

/**
 * The registry's key-value bucket, as plain operations on its stream. Watching
 * is a core subscription to the bucket's subjects: the server keeps no state
 * for it that a restart could lose, and what it misses the reconcile reads.
 * Refused: the client's own KV watch (an ordered consumer), which has died
 * silently after server restarts.
 */

export interface BucketEntry {
  readonly subject: string;
  readonly sequence: number;
  /** Undefined for a deletion mark, which only a person at the `nats` tool makes. */
  readonly envelope: Uint8Array | undefined;
}

export class RegistryBucket {
  readonly #connection: NatsConnection;
  readonly #jetstream: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #names: NatsNames;
  readonly #config: ReplicationConfig;

  constructor(
    connection: NatsConnection,
    manager: JetStreamManager,
    names: NatsNames,
    config: ReplicationConfig,
  ) {
    this.#connection = connection;
    this.#jetstream = connection.jetstream({ timeout: config.requestTimeoutMs });
    this.#manager = manager;
    this.#names = names;
    this.#config = config;
  }

  /** Makes the bucket where it is missing; nodes that race for it all succeed. */
  async ensure(): Promise<StreamFacts> {
    try {
      return await this.facts();
    } catch (caught) {
      if (!isStreamMissing(caught)) throw caught;
    }
    try {
      await this.#manager.streams.add({
        name: this.#names.registryStream,
        subjects: [this.#names.registrySubjects],
        description: 'popmesh function records',
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.New,
        max_msgs_per_subject: 1,
        num_replicas: this.#config.replicas,
        allow_rollup_hdrs: true,
        allow_direct: true,
        deny_delete: true,
      });
    } catch (caught) {
      if (!isStreamTaken(caught)) throw caught;
    }
    return this.facts();
  }

  async facts(): Promise<StreamFacts> {
    const info = await this.#manager.streams.info(this.#names.registryStream);
    return factsOf(info);
  }

  /**
   * Hands over what is held from a sequence on, newest per key, in batches. The
   * next batch is asked for when the last was taken, so memory holds one.
   */
  async scan(plan: ScanPlan, take: (batch: BucketEntry[]) => Promise<void>): Promise<void> {
    const { registryStream: stream, registrySubjects } = this.#names;
    const consumer = await this.#manager.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      filter_subject: registrySubjects,
      mem_storage: true,
      num_replicas: 1,
      // The server forgets it if this node dies in the middle.
      inactive_threshold: 30 * 1_000_000_000,
      ...(plan.full
        ? { deliver_policy: DeliverPolicy.LastPerSubject }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: plan.fromSequence }),
    });
    try {
      const pull = await this.#jetstream.consumers.get(stream, consumer.name);
      for (let left = consumer.num_pending; left > 0; ) {
        const batch: BucketEntry[] = [];
        const messages = await pull.fetch({
          max_messages: Math.min(left, SCAN_BATCH_MESSAGES),
          expires: Math.max(1_000, this.#config.requestTimeoutMs),
        });
        for await (const message of messages) {
          left = message.info.pending;
          batch.push(entryOf(message.subject, message.seq, message.data, message.headers));
        }
        if (batch.length === 0) {
          throw fromNatsError(new Error('it stopped in the middle'), 'reading the registry');
        }
        await take(batch);
      }
    } finally {
      await this.#manager.consumers.delete(stream, consumer.name).catch(() => {});
    }
  }

  /** From the leader: what a compare-and-set will be held against. */
  async read(key: string): Promise<BucketEntry | undefined> {
    try {
      const message: StoredMsg = await this.#manager.streams.getMessage(
        this.#names.registryStream,
        { last_by_subj: this.#names.recordSubject(key) },
      );
      return entryOf(message.subject, message.seq, message.data, message.header);
    } catch (caught) {
      if (isMessageMissing(caught)) return undefined;
      throw caught;
    }
  }

  /** The new sequence, or undefined when the key is no longer at `expectedSequence`. */
  async write(
    key: string,
    envelope: Uint8Array,
    expectedSequence: number,
  ): Promise<number | undefined> {
    try {
      const answer = await this.#jetstream.publish(this.#names.recordSubject(key), envelope, {
        expect: {
          streamName: this.#names.registryStream,
          lastSubjectSequence: expectedSequence,
        },
      });
      return answer.seq;
    } catch (caught) {
      if (isWrongSequence(caught)) return undefined;
      throw caught;
    }
  }

  /** Everything that anyone writes, also what the stream then refuses: the table judges. */
  watch(
    onEnvelope: (subject: string, envelope: Uint8Array | undefined) => void,
    onDead: (error: Error) => void,
  ): void {
    this.#connection.subscribe(this.#names.registrySubjects, {
      callback: (error: Error | null, message: Msg) => {
        if (error !== null) onDead(error);
        else {
          const { subject, data, headers } = message;
          onEnvelope(subject, entryOf(subject, 0, data, headers).envelope);
        }
      },
    });
  }
}

function entryOf(
  subject: string,
  sequence: number,
  data: Uint8Array,
  headers: { has(name: string): boolean } | undefined,
): BucketEntry {
  const marked = headers?.has('KV-Operation') === true || data.length === 0;
  // The client's buffers are pooled, and `slice` of a Buffer is no copy.
  return { subject, sequence, envelope: marked ? undefined : new Uint8Array(data) };
}

const factsOf = (info: StreamInfo): StreamFacts => ({
  createdAt: String(info.created),
  lastSequence: info.state.last_seq,
  keys: info.state.num_subjects ?? info.state.messages,
});
