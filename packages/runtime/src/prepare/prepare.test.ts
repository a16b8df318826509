import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { PopmeshError } from '@popmesh/contracts';
import { type RuntimeConfigInput, runtimeConfigSchema } from '../config.ts';
import { component, handleExport, imports } from '../testing/component-bytes.ts';
import { buildGuest, countingGuest } from '../testing/guests.ts';
import { digestOf, testClock, testRandom } from '../testing/harness.ts';
import { GLUE_FILE } from './generate-options.ts';
import { Preparer, preparedSuffix } from './preparer.ts';
import { loadPrepared, MANIFEST_FILE, PreparedStore } from './store.ts';
import { trimGlue } from './trim-glue.ts';

const never = new AbortController().signal;
const OTHER = `export async function handle(id, request) {
  return { status: 201, headers: '', body: { tag: 'text', val: 'another' } };
}`;

describe('preparing', () => {
  let root: string;
  let guest: Uint8Array;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'popmesh-prepare-'));
    guest = await buildGuest();
  });
  after(() => rm(root, { recursive: true, force: true }));

  async function preparer(name: string, config?: RuntimeConfigInput) {
    const store = new PreparedStore(join(root, name), testRandom, () => testClock.now());
    await store.open();
    const parsed = runtimeConfigSchema.parse(config);
    return { store, preparer: new Preparer({ store, config: parsed, clock: testClock }) };
  }
  const artifact = (bytes: Uint8Array) => ({ digest: digestOf(bytes), load: async () => bytes });
  const refusal = async (promise: Promise<unknown>): Promise<PopmeshError> => {
    try {
      await promise;
    } catch (error) {
      return error as PopmeshError;
    }
    throw new assert.AssertionError({ message: 'it was accepted' });
  };

  test('a good one is stored with every memory at its limit, and found again', async () => {
    const { preparer: it } = await preparer('good');
    const prepared = await it.prepare(artifact(guest), 64, never);
    assert.equal(prepared.door, 'popmesh:function');
    const { manifest, files } = await loadPrepared(prepared.directory);
    assert.ok(files.has(GLUE_FILE));
    assert.equal(manifest.memoryMb, 64);
    const glue = Buffer.from(files.get(GLUE_FILE) ?? '').toString();
    const left = glue.match(/^\s*_debugLog\(/gm) ?? [];
    assert.ok(left.length <= 3, `${left.length} debug calls are left`);

    let loaded = false;
    const again = await it.prepare(
      {
        digest: digestOf(guest),
        load: async () => {
          loaded = true;
          return guest;
        },
      },
      64,
      never,
    );
    assert.deepEqual(again, prepared);
    assert.equal(loaded, false);
    const other = await it.prepare(artifact(guest), 128, never);
    assert.notEqual(other.directory, prepared.directory);
  });

  test('a thousand callers make one child', async () => {
    const { preparer: it } = await preparer('flight');
    let loads = 0;
    const shared = {
      digest: digestOf(guest),
      load: async () => {
        loads++;
        return guest;
      },
    };
    const all = await Promise.all(
      Array.from({ length: 1_000 }, () => it.prepare(shared, 64, never)),
    );
    assert.equal(loads, 1);
    assert.equal(new Set(all.map((prepared) => prepared.directory)).size, 1);
  });

  test('what the walker lets pass and jco does not is refused, and the next is fine', async () => {
    const { preparer: it } = await preparer('bad');
    const odd = component(imports('popmesh:function/host@0.2.0'), handleExport);
    assert.equal((await refusal(it.prepare(artifact(odd), 64, never))).code, 'invalid_component');
    const cut = guest.slice(0, guest.length - 10_000);
    assert.equal((await refusal(it.prepare(artifact(cut), 64, never))).code, 'invalid_component');
    // Every byte of one core module's code turned round: still well-formed from the outside.
    const broken = guest.slice();
    for (let at = 400_000; at < 401_000; at++) broken[at] = 255 - (broken[at] ?? 0);
    const outcome = await refusal(it.prepare(artifact(broken), 64, never));
    assert.equal(outcome.code, 'invalid_component');
    assert.ok(await it.prepare(artifact(guest), 64, never));
    const left = (await readdir(join(root, 'bad'))).map((name) => name.split('-', 1)[0]);
    assert.deepEqual(left.sort(), [digestOf(guest), 'shared', 'skeleton'].sort());
  });

  test('an import that is not allowed is named, before any child starts', async () => {
    const { preparer: it } = await preparer('imports');
    const bytes = component(imports('wasi:sockets/tcp@0.2.0'), handleExport);
    const error = await refusal(it.prepare(artifact(bytes), 64, never));
    assert.equal(error.code, 'import_not_allowed');
    assert.equal(error.details.import, 'wasi:sockets/tcp@0.2.0');
  });

  test('bytes that are not what the digest says are refused', async () => {
    const { preparer: it } = await preparer('digest');
    const lying = { digest: digestOf(Buffer.from('else')), load: async () => guest };
    assert.equal((await refusal(it.prepare(lying, 64, never))).code, 'digest_mismatch');
  });

  test('a memory that begins above the limit is refused by name', async () => {
    const { preparer: it } = await preparer('memory');
    const error = await refusal(it.prepare(artifact(guest), 1, never));
    assert.equal(error.code, 'invalid_component');
    assert.equal(error.details.limit, 'memory_mb');
  });

  test('deadline and output cap end the child', async () => {
    // Not a tenth of what the child needs to stand.
    const slow = await preparer('slow', { prepareDeadlineMs: 5 });
    const late = await refusal(slow.preparer.prepare(artifact(guest), 64, never));
    assert.equal(late.details.limit, 'prepareDeadlineMs');
    // In so short a time it has not seen the component, which so is not to blame.
    assert.equal(late.code, 'unavailable');
    const small = await preparer('small', { prepareOutputBytesMax: 10_000 });
    const large = await refusal(small.preparer.prepare(artifact(guest), 64, never));
    assert.equal(large.details.limit, 'prepareOutputBytesMax');
  });

  test('a caller that goes away does not end it for the others', async () => {
    const { preparer: it } = await preparer('abort');
    const abort = new AbortController();
    const first = it.prepare(artifact(guest), 64, abort.signal);
    const second = it.prepare(artifact(guest), 64, never);
    abort.abort();
    assert.equal((await refusal(first)).code, 'cancelled');
    assert.ok((await second).directory);
  });

  test('a stop ends what is being prepared, and nothing is written afterwards', async () => {
    const { preparer: it } = await preparer('stop');
    const bytes = [guest, await buildGuest(OTHER)];
    const loaded = Promise.withResolvers<void>();
    const running = bytes.map((component) =>
      refusal(
        it.prepare(
          {
            digest: digestOf(component),
            load: async () => {
              loaded.resolve();
              return component;
            },
          },
          64,
          never,
        ),
      ),
    );
    await loaded.promise;
    await it.stop();
    assert.deepEqual(await readdir(join(root, 'stop')), ['shared']);
    for (const { code } of await Promise.all(running)) assert.equal(code, 'cancelled');
    assert.equal((await refusal(it.prepare(artifact(guest), 64, never))).code, 'unavailable');
  });

  test('nor does a stop wait for bytes that do not come', async () => {
    const { preparer: it } = await preparer('stop-loading');
    const loading = { digest: digestOf(guest), load: () => new Promise<Uint8Array>(() => {}) };
    const waiting = refusal(it.prepare(loading, 64, never));
    await it.stop();
    assert.equal((await waiting).code, 'cancelled');
  });

  test('any damaged file is found at load, the folder made again', async () => {
    const { store, preparer: it } = await preparer('damage');
    const prepared = await it.prepare(artifact(guest), 64, never);
    for (const name of await readdir(prepared.directory)) {
      const file = join(prepared.directory, name);
      const bytes = await readFile(file);
      const { size } = await stat(file);
      const at = Math.floor(size / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await writeFile(file, bytes);
      assert.equal((await refusal(loadPrepared(prepared.directory))).code, 'digest_mismatch', name);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await writeFile(file, bytes);
    }
    // Nothing is wrong with it now, so nothing goes.
    await store.removeDamaged(prepared.directory, prepared.digest);
    assert.ok((await loadPrepared(prepared.directory)).manifest);
    for (const name of await readdir(prepared.directory)) {
      await rm(join(prepared.directory, name));
      await it.prepare(artifact(guest), 64, never);
      assert.ok((await loadPrepared(prepared.directory)).manifest, name);
    }
  });

  test('what many share is made again for all when it is damaged', async () => {
    const { store, preparer: it } = await preparer('shared');
    const one = await it.prepare(artifact(guest), 64, never);
    const other = await it.prepare(artifact(await buildGuest(OTHER)), 64, never);
    const file = join(one.directory, 'common');
    assert.equal((await stat(file)).ino, (await stat(join(other.directory, 'common'))).ino);
    const bytes = await readFile(file);
    bytes[10_000] = (bytes[10_000] ?? 0) ^ 1;
    await writeFile(file, bytes);
    for (const [{ directory }, source] of [
      [one, guest],
      [other, await buildGuest(OTHER)],
    ] as const) {
      assert.equal((await refusal(loadPrepared(directory))).code, 'digest_mismatch');
      await it.repair(directory, never);
      await it.prepare(artifact(source), 64, never);
      assert.ok((await loadPrepared(directory)).manifest);
    }
    await store.open('');
    assert.ok((await loadPrepared(one.directory)).manifest);
  });

  test('a second component with the same skeleton needs no child', async () => {
    const { preparer: it } = await preparer('skeleton');
    await it.prepare(artifact(guest), 64, never);
    assert.equal(it.transpiled, 1);
    const other = await it.prepare(artifact(await buildGuest(OTHER)), 128, never);
    assert.equal(it.transpiled, 1);
    assert.ok((await loadPrepared(other.directory)).manifest.images.length > 0);
  });

  test('a child that cannot start is not blamed on the upload', async () => {
    const { preparer: it } = await preparer('unstarted', { prepareHeapMb: 1 });
    const error = await refusal(it.prepare(artifact(guest), 64, never));
    assert.equal(error.code, 'unavailable');
  });

  test('nor is one for which there is no file descriptor', async () => {
    const fixture = fileURLToPath(new URL('../testing/no-descriptors.ts', import.meta.url));
    const few = spawn('sh', ['-c', 'ulimit -n 64; exec "$0" "$1"', process.execPath, fixture], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const said = new Promise((resolve) => {
      few.once('message', resolve);
      few.once('exit', (code, signal) => resolve(`exit ${code ?? signal}`));
    });
    assert.equal(await said, 'unavailable');
    if (few.exitCode === null) await once(few, 'exit');
  });

  test('repaired by several while others prepare it, it is never looked at and made at once', async () => {
    let now = '';
    const alone = async <T>(what: string, run: () => Promise<T>): Promise<T> => {
      assert.equal(now, '', `${what} during ${now}`);
      now = what;
      try {
        return await run();
      } finally {
        now = '';
      }
    };
    class Watched extends PreparedStore {
      override removeDamaged(...args: Parameters<PreparedStore['removeDamaged']>) {
        return alone('a repair', () => super.removeDamaged(...args));
      }
      override find(...args: Parameters<PreparedStore['find']>) {
        return alone('a look', () => super.find(...args));
      }
      override write(...args: Parameters<PreparedStore['write']>) {
        return alone('a write', () => super.write(...args));
      }
    }
    const store = new Watched(join(root, 'repairs'), testRandom, () => testClock.now());
    await store.open();
    const config = runtimeConfigSchema.parse(undefined);
    const it = new Preparer({ store, config, clock: testClock });
    const lasting = { ...artifact(guest), isLasting: true };
    const { directory } = await it.prepare(lasting, 64, never);
    const file = join(directory, 'common');
    const bytes = await readFile(file);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(file, bytes);
    await Promise.all([
      it.repair(directory, never),
      it.prepare(lasting, 64, never),
      it.repair(directory, never),
      it.prepare(lasting, 64, never),
    ]);
    assert.ok((await loadPrepared(directory)).manifest);
    assert.equal(it.transpiled, 1);
  });

  test('files of another component in its place are made again, and never handed out', async () => {
    const { preparer: it } = await preparer('swapped');
    const other = await it.prepare(artifact(await buildGuest(countingGuest('b'))), 64, never);
    const mine = { ...artifact(guest), isLasting: true };
    const { directory } = await it.prepare(mine, 64, never);
    const swap = async (): Promise<void> => {
      await rm(directory, { recursive: true });
      await cp(other.directory, directory, { recursive: true });
    };
    await swap();
    await it.prepare(mine, 64, never);
    assert.equal((await loadPrepared(directory)).manifest.digest, mine.digest);
    await swap();
    await it.repair(directory, never);
    assert.equal((await loadPrepared(directory)).manifest.digest, mine.digest);
  });

  test('what another version prepared goes at the next start', async () => {
    const { store, preparer: it } = await preparer('versions');
    const prepared = await it.prepare(artifact(guest), 64, never);
    await store.open(preparedSuffix());
    assert.ok((await loadPrepared(prepared.directory)).manifest);
    await store.open('other-version');
    assert.deepEqual(await readdir(join(root, 'versions')), ['shared']);
    assert.deepEqual(await readdir(join(root, 'versions', 'shared')), []);
  });

  test('what a crash left behind is swept at start', async () => {
    const { store } = await preparer('crash');
    await writeFile(join(root, 'crash', '.new-x'), '');
    await store.open();
    assert.deepEqual(await readdir(join(root, 'crash')), ['shared']);
    await writeFile(join(root, 'crash', 'torn'), '');
    assert.equal(await store.find('torn', ''), undefined);
    assert.equal(MANIFEST_FILE, 'manifest.json');
  });

  test('every change to the glue still finds its text', async () => {
    const { preparer: it } = await preparer('glue');
    const prepared = await it.prepare(artifact(guest), 64, never);
    const { files } = await loadPrepared(prepared.directory);
    // Done once, nothing is left to do; and the text it leaves is what it should be.
    const glue = Buffer.from(files.get(GLUE_FILE) ?? '').toString();
    assert.deepEqual(trimGlue(glue, 'popmesh:function').changes, []);
    assert.match(glue, /findLastIndex\(\(meta\) => meta\.id === taskID\)/);
    assert.doesNotMatch(glue, /encodeInto/);
    assert.match(glue, /taskMetas\.findLast\(/);
    assert.doesNotMatch(glue, /ASYNC_CURRENT_TASK_IDS\.push|_createdReps\.add/);
    assert.doesNotMatch(glue, /await _utf8AllocateAndEncodeAsync|await realloc\d+Async/);
    // Both exports are plain functions, and nothing waits in a task of its own.
    assert.match(glue, /^ {2}function handle\([\s\S]*?cannot enter component instance/m);
    assert.match(glue, /^ {2}function settle\(/m);
    assert.match(glue, /AsyncLiftHandle = exports\d+\['\[async-lift\]handle'\];/);
    assert.doesNotMatch(glue, /taskReturn\.bind\(/);
    assert.match(glue, /utf8Write\(s, start, len\)/);
    assert.doesNotMatch(glue, /TEXT_DECODER_UTF8\.decode\(new Uint8Array\(memory\d/);
  });
});

test('the debug calls go, whatever is in their strings, and nothing else does', () => {
  const source = [
    "if (a)\n  _debugLog('it has ) and ( and \\' in it', { a, b: c(d) });",
    "x = '_debugLog(1);';",
    '// _debugLog(2);',
    '_debugLog(`x`);',
    '  _debugLog("(", [1,\n 2]);y();',
  ].join('\n');
  const { source: out, debugCalls } = trimGlue(source, 'wasi:http');
  assert.equal(debugCalls, 2);
  assert.equal(out, "if (a)\n;\nx = '_debugLog(1);';\n// _debugLog(2);\n_debugLog(`x`);\n;y();");
});
