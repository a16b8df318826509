import { basename, dirname, join } from 'node:path';
import type { Clock } from '@popmesh/contracts';

/**
 * A control group (cgroup v2) for each executor process, where the kernel lets us: it bounds memory
 * of whatever kind and threads, and shares the cores out by namespace, also against what escaped
 * every limit inside the process. It is the last wall and not the first: nothing waits for it, and
 * where it cannot be had the reason is told and the node runs as without it.
 *
 * Groups stand in the group that the daemon was started in. The kernel wants no process beside
 * groups that have controllers, so the daemon moves into a group of its own, if it is alone there.
 * Refused: cgroup v1, whose hierarchies are on their way out of every system; asking systemd for
 * scopes, which not every machine has.
 */

export interface GroupFiles {
  /** Undefined for one that is not there. */
  read(path: string): Promise<string | undefined>;
  write(path: string, text: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  /** Names of the groups in one. */
  list(path: string): Promise<readonly string[]>;
}

export interface GroupLimits {
  readonly memoryBytesMax: number;
  readonly threadsMax: number;
}

export interface ControlGroupsOptions {
  readonly files: GroupFiles;
  readonly pid: number;
  /** Of all groups that are made, and of no other daemon's on this machine. */
  readonly prefix: string;
  readonly clock: Clock;
  /** What a group must have; without any, only who is in it is known. */
  readonly needed?: readonly string[];
}

const NEEDED = ['memory', 'pids'];
const WANTED = ['cpu'];
const DAEMON_GROUP = 'popmesh-daemon';
/** Of 100 that every executor has: many busy ones must not starve it. */
const DAEMON_WEIGHT = 1_000;
const EMPTY_MS_MAX = 2_000;
const EMPTY_LOOK_MS = 10;

/** The group of one process, which is in it already. */
export interface ExecutorGroup {
  readonly path: string;
  /** When the process has ended. */
  remove(): Promise<void>;
}

export class ControlGroups {
  readonly #options: ControlGroupsOptions;
  #base: string | undefined;
  #limits: GroupLimits = { memoryBytesMax: 0, threadsMax: 0 };
  #controllers: readonly string[] = [];
  #reason = 'they were not asked for yet';
  #made = 0;

  constructor(options: ControlGroupsOptions) {
    this.#options = options;
  }

  /** For people. */
  get description(): string {
    if (this.#base === undefined) return `none: ${this.#reason}`;
    return `one for each executor: ${this.#controllers.join(', ') || 'no controllers'}`;
  }

  /** Finds where groups can be made, and ends what a daemon before this one left there. Never fails. */
  async open(limits: GroupLimits): Promise<void> {
    this.#limits = limits;
    try {
      const found = await this.#find();
      if ('reason' in found) this.#reason = found.reason;
      else {
        await this.#clean(found.base);
        this.#controllers = found.controllers;
        this.#base = found.base;
      }
    } catch (error) {
      this.#reason = messageOf(error);
    }
  }

  /** Puts a process into a group of its own; undefined where that cannot be. */
  async hold(pid: number): Promise<ExecutorGroup | undefined> {
    const base = this.#base;
    if (base === undefined) return undefined;
    const { files, prefix } = this.#options;
    const { memoryBytesMax, threadsMax } = this.#limits;
    const path = join(base, `${prefix}${this.#made++}`);
    try {
      await files.mkdir(path);
      if (this.#controllers.includes('memory')) {
        await files.write(join(path, 'memory.max'), String(memoryBytesMax));
      }
      if (this.#controllers.includes('pids')) {
        await files.write(join(path, 'pids.max'), String(threadsMax));
      }
      await files.write(join(path, 'cgroup.procs'), String(pid));
    } catch (error) {
      await files.rmdir(path).catch(() => {});
      // Gone before it was held; or groups cannot be had here after all.
      if (codeOf(error) !== 'ESRCH') {
        this.#base = undefined;
        this.#reason = messageOf(error);
      }
      return undefined;
    }
    return { path, remove: () => this.#remove(path) };
  }

  async #find(): Promise<
    { readonly reason: string } | { readonly base: string; readonly controllers: readonly string[] }
  > {
    const { files, needed = NEEDED } = this.#options;
    const own = ownGroup(
      (await files.read('/proc/self/mountinfo')) ?? '',
      (await files.read('/proc/self/cgroup')) ?? '',
    );
    if (own === undefined) return { reason: 'this machine has no cgroup v2' };
    const base = basename(own) === DAEMON_GROUP ? dirname(own) : own;
    const offered = words(await files.read(join(base, 'cgroup.controllers')));
    const missing = needed.filter((name) => !offered.includes(name));
    if (missing.length > 0) {
      return { reason: `${base} has no controller ${missing.join(', ')} (systemd: Delegate=yes)` };
    }
    const controllers = [...needed, ...WANTED.filter((name) => offered.includes(name))];
    try {
      await this.#enable(base, controllers);
    } catch (error) {
      if (codeOf(error) !== 'EBUSY') return { reason: `${base}: ${messageOf(error)}` };
      return { reason: `${base} has other processes beside the daemon` };
    }
    return { base, controllers };
  }

  async #enable(base: string, controllers: readonly string[]): Promise<void> {
    const { files, pid } = this.#options;
    const enabled = words(await files.read(join(base, 'cgroup.subtree_control')));
    const missing = controllers.filter((name) => !enabled.includes(name));
    const text = missing.map((name) => `+${name}`).join(' ');
    const enable = (): Promise<void> => files.write(join(base, 'cgroup.subtree_control'), text);
    if (missing.length === 0) return;
    try {
      return await enable();
    } catch (error) {
      if (codeOf(error) !== 'EBUSY') throw error;
    }
    const daemon = join(base, DAEMON_GROUP);
    await files.mkdir(daemon).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    await files.write(join(daemon, 'cgroup.procs'), String(pid));
    try {
      await enable();
    } catch (error) {
      await files.write(join(base, 'cgroup.procs'), String(pid)).catch(() => {});
      await files.rmdir(daemon).catch(() => {});
      throw error;
    }
    await files.write(join(daemon, 'cpu.weight'), String(DAEMON_WEIGHT)).catch(() => {});
  }

  async #clean(base: string): Promise<void> {
    const { files, prefix } = this.#options;
    const left = (await files.list(base)).filter((name) => name.startsWith(prefix));
    for (const name of left) {
      await files.write(join(base, name, 'cgroup.kill'), '1').catch(() => {});
      await this.#remove(join(base, name));
    }
  }

  /** It is busy until the kernel is done with the process. */
  async #remove(path: string): Promise<void> {
    const { files, clock } = this.#options;
    const untilMs = clock.monotonic() + EMPTY_MS_MAX;
    for (;;) {
      try {
        return await files.rmdir(path);
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || clock.monotonic() >= untilMs) return;
        await clock.sleep(EMPTY_LOOK_MS);
      }
    }
  }
}

/** Where the group that we were started in is seen. */
function ownGroup(mounts: string, own: string): string | undefined {
  const mount = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[fields.indexOf('-') + 1] === 'cgroup2');
  const path = /^0::(\/.*)$/m.exec(own)?.[1];
  if (mount === undefined || path === undefined) return undefined;
  const [, , , root = '/', point = ''] = mount;
  // Outside what is mounted there is nothing that we could write.
  if (path.startsWith('/..')) return undefined;
  const inside = root !== '/' && path.startsWith(root) ? path.slice(root.length) : path;
  return join(point, inside).replace(/\/$/, '');
}

const words = (text: string | undefined): string[] => (text ?? '').trim().split(/\s+/);

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
