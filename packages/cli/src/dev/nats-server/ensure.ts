import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { downloadNatsServer } from './download.ts';
import { findNatsServer, type NatsServer, versionOf } from './find.ts';
import { NATS_RELEASE, type Release } from './release.ts';

/**
 * A nats-server by the first way that works: what is here, the pinned release,
 * the pinned version by `go install`, the system's package. Each try is said,
 * so that a person sees why it takes its time and what to do when all fail.
 */

const GO_INSTALL_TIMEOUT_MS = 300_000;
const PACKAGE_TIMEOUT_MS = 180_000;
const OUTPUT_SHOWN_MAX = 300;
/** Two of us at once, or the system's own upgrade: the later one waits. */
const APT_WAIT = ['-o', 'DPkg::Lock::Timeout=120'];

type Environment = Readonly<Record<string, string | undefined>>;

export interface EnsureOptions {
  /** Where what is fetched stays, for the next run. */
  readonly directory: string;
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Default: our own. */
  readonly env?: Environment;
  readonly release?: Release;
}

interface Way {
  readonly directory: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** Throws `unavailable` with every way and why it failed. */
export async function ensureNatsServer(options: EnsureOptions): Promise<NatsServer> {
  const { directory, onProgress, env = process.env, release = NATS_RELEASE } = options;
  const signal = options.signal ?? new AbortController().signal;
  const way: Way = { directory, env, signal };
  await mkdir(directory, { recursive: true });
  const failures: string[] = [];
  try {
    return findNatsServer(env, directory);
  } catch (caught) {
    const error = PopmeshError.from(caught);
    if (error.code !== 'not_found') throw error;
    failures.push('not in PATH, /usr/sbin or the cache');
  }
  const ways: readonly (readonly [string, () => Promise<string>])[] = [
    [
      `download of release ${release.version}`,
      () => downloadNatsServer(release, directory, signal),
    ],
    [`go install at v${release.version}`, () => goInstall(release.version, way)],
    ['system package', () => systemPackage(way)],
  ];
  for (const [name, run] of ways) {
    signal.throwIfAborted();
    onProgress(`nats-server: ${name}…`);
    try {
      const path = await run();
      const version = versionOf(path);
      if (version !== undefined) return { path, version, source: name };
      failures.push(`${name}: ${path} does not run here`);
    } catch (caught) {
      signal.throwIfAborted();
      failures.push(`${name}: ${PopmeshError.from(caught).message}`);
    }
    onProgress(`nats-server: ${failures.at(-1)}`);
  }
  throw new PopmeshError(
    'unavailable',
    `no nats-server could be had:\n  ${failures.join('\n  ')}`,
    {
      hint: 'Install it yourself (apt-get install nats-server, brew install nats-server) or set NATS_SERVER_BIN.',
    },
  );
}

async function goInstall(version: string, { directory, env, signal }: Way): Promise<string> {
  await run('go', ['install', `github.com/nats-io/nats-server/v2@v${version}`], {
    env: { ...env, GOBIN: directory, GOFLAGS: '-buildvcs=false' },
    signal,
    timeoutMs: GO_INSTALL_TIMEOUT_MS,
  });
  return join(directory, 'nats-server');
}

/** As root the package is installed; otherwise it is unpacked into our folder and nothing else changes. */
async function systemPackage({ directory, env, signal }: Way): Promise<string> {
  const limits = {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    signal,
    timeoutMs: PACKAGE_TIMEOUT_MS,
  };
  if (process.getuid?.() === 0) {
    const install = [...APT_WAIT, 'install', '-y', '--no-install-recommends', 'nats-server'];
    try {
      await run('apt-get', install, limits);
    } catch {
      await run('apt-get', [...APT_WAIT, 'update'], limits);
      await run('apt-get', install, limits);
    }
    return findNatsServer({ ...env, NATS_SERVER_BIN: '' }).path;
  }
  const scratch = await mkdtemp(join(tmpdir(), 'popmesh-nats-'));
  try {
    await run('apt-get', ['download', 'nats-server'], { ...limits, cwd: scratch });
    const file = (await readdir(scratch)).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new PopmeshError('unavailable', 'apt-get brought no package');
    await run('dpkg-deb', ['-x', file, 'unpacked'], { ...limits, cwd: scratch });
    const path = join(directory, 'nats-server');
    for (const place of ['usr/sbin', 'usr/bin']) {
      // Beside it and renamed: another process may be looking for one in this very moment.
      const temporary = `${path}.${randomUUID()}.tmp`;
      const copied = await cp(join(scratch, 'unpacked', place, 'nats-server'), temporary).then(
        () => rename(temporary, path).then(() => true),
        () => false,
      );
      if (copied) return path;
    }
    throw new PopmeshError('unavailable', 'the package holds no nats-server');
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface RunOptions {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly cwd?: string;
}

/** Throws `unavailable` with the end of what was printed. */
function run(command: string, args: readonly string[], options: RunOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let tail = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        tail = (tail + chunk.toString('utf8')).slice(-OUTPUT_SHOWN_MAX);
      });
    }
    const fail = (reason: string) =>
      reject(new PopmeshError('unavailable', `${command}: ${reason}`));
    child.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'ENOENT'
          ? 'not here'
          : error.name === 'AbortError'
            ? 'took too long'
            : error.message,
      ),
    );
    child.once('close', (status, killedBy) =>
      status === 0
        ? resolve()
        : fail(`ended with ${killedBy ?? status}: ${tail.trim().split('\n').slice(-2).join(' ')}`),
    );
  });
}
