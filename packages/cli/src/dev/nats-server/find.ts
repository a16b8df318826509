import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';

/** A nats-server that is here already: NATS_SERVER_BIN, PATH, the system's folders, our own cache. */

export interface NatsServer {
  readonly path: string;
  /** `2.9.10`. */
  readonly version: string;
  readonly source: string;
}

/** Daemons' folders, which are often not on a person's PATH. */
const SYSTEM_FOLDERS = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/opt/homebrew/bin',
];
const NAME = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';
const VERSION_TIMEOUT_MS = 30_000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Throws `not_found`, and `invalid_config` when NATS_SERVER_BIN names something
 * that is no nats-server: then nothing else is tried, because it was asked for.
 */
export function findNatsServer(env: Environment = process.env, cacheFolder?: string): NatsServer {
  const named = env.NATS_SERVER_BIN;
  if (named !== undefined && named !== '') {
    const version = isExecutable(named) ? versionOf(named) : undefined;
    if (version !== undefined) return { path: named, version, source: 'NATS_SERVER_BIN' };
    throw new PopmeshError('invalid_config', `NATS_SERVER_BIN=${named} is not a nats-server`, {
      hint: 'Name the program itself, or unset it to have one found.',
    });
  }
  const folders = [
    ...(env.PATH ?? '').split(delimiter).map((folder) => [folder, 'PATH'] as const),
    ...SYSTEM_FOLDERS.map((folder) => [folder, folder] as const),
    ...(cacheFolder === undefined ? [] : [[cacheFolder, cacheFolder] as const]),
  ];
  for (const [folder, source] of folders) {
    if (folder === '') continue;
    const path = join(folder, NAME);
    const version = isExecutable(path) ? versionOf(path) : undefined;
    if (version !== undefined) return { path, version, source };
  }
  throw new PopmeshError('not_found', 'no nats-server was found', {
    hint: 'Install it (apt-get install nats-server), or name it in NATS_SERVER_BIN.',
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What it says of itself; undefined when it does not run here (another architecture, a torn file). */
export function versionOf(path: string): string | undefined {
  const { stdout } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    timeout: VERSION_TIMEOUT_MS,
    env: {},
  });
  return /v?(\d+\.\d+\.\d+[\w.-]*)/.exec(stdout ?? '')?.[1];
}

/** `sync_interval: always` is known from 2.10 on; older ones refuse the whole file for it. */
export function knowsSyncInterval(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}
