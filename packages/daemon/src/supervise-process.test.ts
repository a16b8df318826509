import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PopmeshError, silentLogger } from '@popmesh/contracts';
import { realClock, type SuperviseOptions, superviseProcess } from './index.ts';

const fixture = fileURLToPath(new URL('run-daemon.test-support.ts', import.meta.url));

const options = (behaviour: string, more: Partial<SuperviseOptions> = {}): SuperviseOptions => ({
  name: 'fixture',
  command: process.execPath,
  args: [fixture, behaviour],
  env: {},
  output: 'ignore',
  ipc: true,
  clock: realClock,
  logger: silentLogger,
  restartDelayMs: 5,
  // A guard against hanging, for machines of any speed.
  readyTimeoutMs: 120_000,
  ...more,
});

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'popmesh-supervise-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('waits for ready, and stop ends the child', async () => {
  const exits: unknown[] = [];
  const supervised = superviseProcess(
    options('plain', { onExit: (code, signal) => exits.push([code, signal]) }),
  );
  const info = await supervised.start();
  assert.equal(info.pid, supervised.pid);
  const stop = supervised.stop(60_000);
  assert.equal(supervised.stop(1), stop);
  await stop;
  assert.deepEqual(exits, [[0, null]]);
  assert.equal(supervised.pid, undefined);
  await assert.rejects(superviseStopped(supervised));
});

const superviseStopped = async (supervised: { send(message: object): boolean }): Promise<void> => {
  if (!supervised.send({})) throw new Error('nobody there');
};

test('a killed child is started again', async () => {
  const infos: unknown[] = [];
  let again = (): void => {};
  const second = new Promise<void>((resolve) => {
    again = resolve;
  });
  const supervised = superviseProcess(
    options('plain', {
      onReady: (info) => {
        infos.push(info.pid);
        if (infos.length === 2) again();
      },
    }),
  );
  await supervised.start();
  supervised.kill('SIGKILL');
  await second;
  assert.equal(new Set(infos).size, 2);
  assert.equal(supervised.pid, infos[1]);
  await supervised.stop(60_000);
});

test('restarts in a row are bounded, with growing pauses', async () => {
  const pauses: unknown[] = [];
  let giveUp = (): void => {};
  const givenUp = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const supervised = superviseProcess(
    options('ends-soon', {
      restartsMax: 2,
      logger: {
        ...silentLogger,
        warn: (_, fields) => pauses.push(fields?.pauseMs),
        error: () => giveUp(),
      },
    }),
  );
  await supervised.start();
  await givenUp;
  assert.deepEqual(pauses, [5, 10]);
  await supervised.stop(100);
});

test("a first start that fails gives the child's own error and is not tried again", async () => {
  const supervised = superviseProcess(options('fails'));
  await assert.rejects(supervised.start(), (error) => {
    assert.ok(error instanceof PopmeshError);
    assert.equal(error.code, 'address_in_use');
    return true;
  });
  assert.equal(supervised.pid, undefined);
  await supervised.stop(100);
});

test('a restart that cannot even be tried is tried again', async (t) => {
  const folder = await temporaryFolder(t);
  const log = join(folder, 'log');
  await mkdir(log);
  let [ready, failed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const supervised = superviseProcess(
    options('plain', {
      output: { file: join(log, 'child.log') },
      onReady: () => ready.resolve(),
      logger: {
        ...silentLogger,
        warn: (message) => void (/restart failed/.test(message) && failed.resolve()),
      },
    }),
  );
  await supervised.start();
  ready = Promise.withResolvers();
  await rm(log, { recursive: true });
  supervised.kill('SIGKILL');
  await failed.promise;
  await mkdir(log);
  await ready.promise;
  await supervised.stop(60_000);
});

test('a start whose log cannot be opened is an error, and leaves nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const listeners = process.listenerCount('exit');
  const supervised = superviseProcess(
    options('plain', { output: { file: join(folder, 'no', 'child.log') } }),
  );
  await assert.rejects(supervised.start(), { code: 'ENOENT' });
  assert.equal(process.listenerCount('exit'), listeners);
});

test('stopped in the turn in which a pause ends, it starts nothing', async () => {
  const pause = Promise.withResolvers<void>();
  const pausing = Promise.withResolvers<void>();
  const supervised = superviseProcess(
    options('plain', {
      clock: {
        ...realClock,
        sleep: () => {
          pausing.resolve();
          return pause.promise;
        },
      },
    }),
  );
  await supervised.start();
  supervised.kill('SIGKILL');
  await pausing.promise;
  pause.resolve();
  await supervised.stop(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(supervised.pid, undefined);
});

test('without IPC the end of the log explains a failed start', async (t) => {
  const file = join(await temporaryFolder(t), 'child.log');
  const supervised = superviseProcess(
    options('', {
      args: ['-e', 'console.error("no such thing"); process.exit(3)'],
      ipc: false,
      probe: (signal) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
      output: { file },
    }),
  );
  await assert.rejects(supervised.start(), /ended with code 3:\nno such thing/);
  assert.match(await readFile(file, 'utf8'), /no such thing/);
});

test('a command that does not exist is an error, not a crash', async () => {
  const supervised = superviseProcess(options('', { command: '/no/such/file', ipc: false }));
  await assert.rejects(supervised.start(), /cannot start fixture: spawn \/no\/such\/file ENOENT/);
  await supervised.stop(10);
});

test('a child that is never ready is killed', async () => {
  const supervised = superviseProcess(options('slow-start', { readyTimeoutMs: 300 }));
  await assert.rejects(supervised.start(), /was not ready after 300 ms/);
  assert.equal(supervised.pid, undefined);
});

test('a probe decides about readiness when there is no IPC; SIGKILL follows the grace', async (t) => {
  const file = join(await temporaryFolder(t), 'port');
  const stubborn = `
    process.on('SIGTERM', () => {});
    const server = require('net').createServer().listen(0, '127.0.0.1', () =>
      require('fs').writeFileSync(${JSON.stringify(file)}, server.address().port + '\\n'));`;
  const answers = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
  const supervised = superviseProcess(
    options('', {
      args: ['-e', stubborn],
      ipc: false,
      probe: async (signal) => {
        for (;;) {
          const written = await readFile(file, 'utf8').catch(() => '');
          const port = Number(written);
          if (written.endsWith('\n') && (await answers(port))) return { port };
          await realClock.sleep(10, signal);
        }
      },
    }),
  );
  const { port } = await supervised.start();
  assert.ok(Number(port) > 0);
  await supervised.stop(50);
  assert.equal(supervised.pid, undefined);
});
