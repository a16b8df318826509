import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArtifactManifest } from '@popmesh/protocol';
import { SeededRandom, VirtualClock } from '@popmesh/simulation';
import { type ChunkSource, readBounded } from './chunk-source.ts';
import { hasCode } from './chunk-storage-contract.test-support.ts';
import { artifactsConfigSchema } from './config.ts';
import { ArtifactFetcher } from './fetcher.ts';
import { splitArtifact } from './manifest.ts';
import { MemoryChunkStore } from './memory-chunk-store.ts';

const never = new AbortController().signal;
const config = artifactsConfigSchema.parse({});

/** A source that counts; `answer` may alter, refuse, or hang. */
class TestSource implements ChunkSource {
  readonly id: string;
  readonly chunks: Map<string, Uint8Array>;
  answer: (bytes: Uint8Array | undefined) => Promise<Uint8Array | undefined> = async (b) => b;
  calls = 0;
  atOnce = 0;
  atOnceMax = 0;

  constructor(id: string, chunks: Map<string, Uint8Array>) {
    this.id = id;
    this.chunks = chunks;
  }

  async fetch(digest: string): Promise<Uint8Array | undefined> {
    this.calls++;
    this.atOnceMax = Math.max(this.atOnceMax, ++this.atOnce);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      return await this.answer(this.chunks.get(digest));
    } finally {
      this.atOnce--;
    }
  }
}

function world(size = 1_500_000) {
  const bytes = new SeededRandom(33).bytes(size);
  const { manifest, chunks } = splitArtifact(bytes, 'popmesh:function');
  const held = new Map(chunks.map((chunk) => [chunk.digest, chunk.bytes]));
  const clock = new VirtualClock();
  const store = new MemoryChunkStore({ clock });
  const sources: TestSource[] = [];
  const source = (id: string): TestSource => {
    const made = new TestSource(id, held);
    sources.push(made);
    return made;
  };
  const fetcher = new ArtifactFetcher({ store, sources: () => sources, clock, config });
  return { bytes, manifest, chunks, clock, store, source, fetcher };
}

const damaged = (bytes: Uint8Array | undefined): Uint8Array | undefined => {
  const copy = bytes?.slice();
  if (copy !== undefined) copy[0] = (copy[0] as number) ^ 1;
  return copy;
};

test('fetches only what is missing, from the nearest, at most four at once', async () => {
  const { manifest, chunks, store, source, fetcher, bytes } = world();
  const near = source('near');
  const far = source('far');
  await store.put(chunks[0]?.bytes ?? assert.fail());
  await fetcher.ensure(manifest, never);
  assert.equal(near.calls, chunks.length - 1);
  assert.equal(near.atOnceMax, 4);
  assert.equal(far.calls, 0);
  assert.deepEqual(await fetcher.load(manifest), bytes);
  assert.equal(near.calls, chunks.length - 1);
});

test('a collection on the way takes nothing that was found to be there', async () => {
  const { manifest, chunks, clock, store, fetcher } = world();
  for (const chunk of chunks) await store.put(chunk.bytes);
  await store.retain([]);
  await clock.advance(config.collectGraceMs);
  // The record that names them came after the collection asked what is in use.
  await fetcher.ensure(manifest, never);
  assert.deepEqual(await store.retain([]), []);
});

test('a thousand callers at once make one fetch per chunk', async () => {
  const { manifest, chunks, source, fetcher } = world();
  const near = source('near');
  await Promise.all(Array.from({ length: 1_000 }, () => fetcher.ensure(manifest, never)));
  assert.equal(near.calls, chunks.length);
});

test('two artifacts that share chunks fetch each shared chunk once', async () => {
  const { manifest, chunks, source, fetcher } = world();
  const near = source('near');
  const other: ArtifactManifest = { ...manifest, digest: 'a'.repeat(64) };
  await Promise.all([fetcher.ensure(manifest, never), fetcher.ensure(other, never)]);
  assert.equal(near.calls, chunks.length);
});

test('one caller that leaves does not stop the others; when all have left the work ends', async () => {
  const { manifest, source, fetcher, clock } = world();
  const near = source('near');
  near.answer = async (b) => {
    await clock.sleep(100);
    return b;
  };
  const impatient = new AbortController();
  const left = fetcher.ensure(manifest, impatient.signal);
  const stayed = fetcher.ensure(manifest, never);
  impatient.abort(new Error('left'));
  await assert.rejects(left, /left/);
  let done = false;
  stayed.then(() => {
    done = true;
  });
  assert.ok(await clock.advanceUntil(() => done, 5_000));

  const alone = world();
  const slow = alone.source('slow');
  slow.answer = () => new Promise(() => {});
  const abort = new AbortController();
  const hopeless = alone.fetcher.ensure(alone.manifest, abort.signal);
  await alone.clock.settle();
  abort.abort(new Error('stop'));
  await assert.rejects(hopeless, /stop/);
  await alone.clock.settle();
  assert.equal(alone.clock.timers, 0, 'no deadline is left behind');
});

test('a source that lacks a chunk, fails, or says nothing is passed over', async () => {
  const { manifest, source, fetcher, clock, chunks } = world();
  const empty = source('empty');
  empty.answer = async () => undefined;
  const broken = source('broken');
  broken.answer = async () => {
    throw new Error('connection reset');
  };
  const silent = source('silent');
  silent.answer = () => new Promise(() => {});
  const good = source('good');
  let done = false;
  const ensured = fetcher.ensure(manifest, never).then(() => {
    done = true;
  });
  assert.ok(await clock.advanceUntil(() => done, 60_000, 500));
  await ensured;
  assert.equal(good.calls, chunks.length);
  assert.ok(silent.calls <= 4, 'after its first silence it is asked last');
});

test('a liar is benched after three wrong answers, and asked again after the bench', async () => {
  const { manifest, source, fetcher, clock, store, chunks } = world();
  const liar = source('liar');
  liar.answer = async (b) => damaged(b);
  source('honest');
  await fetcher.ensure(manifest, never);
  // Up to four chunks are in flight when the third lie is found.
  assert.ok(liar.calls >= 3 && liar.calls <= 3 + 3, `${liar.calls}`);
  const before = liar.calls;
  for (const digest of store.list()) await store.delete(digest);
  await fetcher.ensure(manifest, never);
  assert.equal(liar.calls, before);
  await clock.advance(config.benchMs);
  for (const digest of store.list()) await store.delete(digest);
  liar.answer = async (b) => b;
  await fetcher.ensure(manifest, never);
  assert.equal(liar.calls, before + chunks.length);
});

test('when all lie, nothing is stored and the error says so', async () => {
  const { manifest, source, fetcher, store } = world();
  for (const id of ['a', 'b']) source(id).answer = async (b) => damaged(b);
  await assert.rejects(fetcher.ensure(manifest, never), hasCode('digest_mismatch'));
  assert.equal(store.sizeBytes, 0);
});

test('when nobody has it the error is retryable, and a later call succeeds', async () => {
  const { manifest, source, fetcher } = world();
  await assert.rejects(fetcher.ensure(manifest, never), hasCode('unavailable'));
  source('late');
  await fetcher.ensure(manifest, never);
});

test('a manifest that declares too much is refused before any byte is asked for', async () => {
  const { manifest, source, fetcher } = world();
  const near = source('near');
  const lie = { ...manifest, chunks: manifest.chunks.map((c) => ({ ...c, sizeBytes: 2 ** 31 })) };
  await assert.rejects(fetcher.ensure(lie, never), hasCode('invalid_argument'));
  assert.equal(near.calls, 0);
});

test('load finds a chunk that vanished, and fetches it again', async () => {
  const { manifest, source, fetcher, store, bytes, chunks } = world();
  const near = source('near');
  await fetcher.ensure(manifest, never);
  const get = store.get.bind(store);
  let rotten: string | undefined = chunks[3]?.digest;
  store.get = async (digest) => {
    if (digest !== rotten) return get(digest);
    rotten = undefined;
    await store.delete(digest);
    return undefined;
  };
  assert.deepEqual(await fetcher.load(manifest), bytes);
  assert.equal(near.calls, chunks.length + 1);
});

test('load refuses chunks that are each right but join to another file', async () => {
  const { manifest, source, fetcher } = world();
  source('near');
  const swapped = { ...manifest, chunks: [...manifest.chunks].reverse() };
  await assert.rejects(fetcher.load(swapped), hasCode('digest_mismatch'));
});

test('readBounded cuts an endless stream at the declared size and closes it', async () => {
  let sent = 0;
  let closed = false;
  async function* endless(partBytes: number): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        sent += partBytes;
        yield new Uint8Array(partBytes);
      }
    } finally {
      closed = true;
    }
  }
  await assert.rejects(readBounded(endless(1_000), 10_500), hasCode('peer_misbehaved'));
  assert.equal(sent, 11_000);
  assert.ok(closed);
  await assert.rejects(readBounded(endless(0), 10), hasCode('peer_misbehaved'));
  async function* exact(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(1, 2);
    yield Uint8Array.of(3);
  }
  assert.deepEqual(await readBounded(exact(), 3), Uint8Array.of(1, 2, 3));
  assert.deepEqual(await readBounded(exact(), 5), Uint8Array.of(1, 2, 3));
});
