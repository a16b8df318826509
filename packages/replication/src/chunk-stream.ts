import { PopmeshError } from '@popmesh/contracts';
import {
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  RetentionPolicy,
  StorageType,
} from 'nats';
import type { ReplicationConfig } from './config.ts';
import {
  isMessageMissing,
  isNobodyThere,
  isRefusedByStore,
  isStreamMissing,
  isStreamTaken,
} from './nats-errors.ts';
import type { NatsNames } from './nats-names.ts';

/**
 * Artifact chunks, one write-once message per digest. Refused: NATS's object
 * store, which cuts and names the bytes by itself, and message ids for
 * duplicates, which would refuse to heal a chunk for two minutes.
 */

interface DirectReads {
  getMessage(
    stream: string,
    query: { last_by_subj: string },
  ): Promise<{ data: Uint8Array; time: Date }>;
}

export interface StoredChunk {
  /** Unverified. */
  readonly bytes: Uint8Array;
  /** By the server's wall clock. */
  readonly writtenAtMs: number;
}

/** Subject, headers and framing of one message. */
const MESSAGE_OVERHEAD_BYTES = 1_024;

export class ChunkStream {
  readonly #connection: NatsConnection;
  readonly #jetstream: JetStreamClient;
  readonly #manager: JetStreamManager;
  /** There since 1.18 of the client, and missing from its type of the manager. */
  readonly #direct: DirectReads;
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
    this.#direct = (manager as JetStreamManager & { direct: DirectReads }).direct;
    this.#names = names;
    this.#config = config;
  }

  /** Makes the stream where it is missing, and returns when it was created: another value, emptied. */
  async ensure(): Promise<string> {
    const info = async (): Promise<string> =>
      String((await this.#manager.streams.info(this.#names.chunkStream)).created);
    try {
      return await info();
    } catch (caught) {
      if (!isStreamMissing(caught)) throw caught;
    }
    try {
      await this.#manager.streams.add({
        name: this.#names.chunkStream,
        subjects: [this.#names.chunkSubjects],
        description: 'popmesh artifact chunks by SHA-256',
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.New,
        discard_new_per_subject: true,
        max_msgs_per_subject: 1,
        max_bytes: this.#config.chunkStreamBytesMax,
        num_replicas: this.#config.replicas,
        allow_direct: true,
      });
    } catch (caught) {
      if (!isStreamTaken(caught)) throw caught;
    }
    return info();
  }

  /** Writing what is there is a success. Throws `payload_too_large` above the server's bound. */
  async write(digest: string, bytes: Uint8Array): Promise<void> {
    const max = (this.#connection.info?.max_payload ?? 0) - MESSAGE_OVERHEAD_BYTES;
    if (bytes.length > max) {
      throw new PopmeshError('payload_too_large', `NATS takes no chunk of ${bytes.length} bytes`, {
        details: { limit: 'nats_max_payload', max },
      });
    }
    try {
      await this.#jetstream.publish(this.#names.chunkSubject(digest), bytes, {
        expect: { streamName: this.#names.chunkStream },
      });
    } catch (caught) {
      if (!isRefusedByStore(caught) || !(await this.#has(digest))) throw caught;
    }
  }

  async #has(digest: string): Promise<boolean> {
    const subject = this.#names.chunkSubject(digest);
    const { state } = await this.#manager.streams.info(this.#names.chunkStream, {
      subjects_filter: subject,
    });
    return (state.subjects?.[subject] ?? 0) > 0;
  }

  /** From any replica where the stream allows it: the bytes never change. */
  async read(digest: string): Promise<StoredChunk | undefined> {
    const query = { last_by_subj: this.#names.chunkSubject(digest) };
    const stream = this.#names.chunkStream;
    try {
      try {
        return stored(await this.#direct.getMessage(stream, query));
      } catch (caught) {
        if (!isNobodyThere(caught)) throw caught;
        return stored(await this.#manager.streams.getMessage(stream, query));
      }
    } catch (caught) {
      if (isMessageMissing(caught)) return undefined;
      throw caught;
    }
  }

  /** Digests of all that is there; names only, no bytes. */
  async list(): Promise<Set<string>> {
    const info = await this.#manager.streams.info(this.#names.chunkStream, {
      subjects_filter: this.#names.chunkSubjects,
    });
    const subjects = Object.keys(info.state.subjects ?? {});
    return new Set(subjects.map((subject) => this.#names.chunkDigest(subject)));
  }

  async remove(digest: string): Promise<void> {
    await this.#manager.streams.purge(this.#names.chunkStream, {
      filter: this.#names.chunkSubject(digest),
    });
  }
}

/** The client's buffers are pooled, so the bytes are copied. */
const stored = ({ data, time }: { data: Uint8Array; time: Date }): StoredChunk => ({
  bytes: new Uint8Array(data),
  writtenAtMs: time.getTime(),
});
