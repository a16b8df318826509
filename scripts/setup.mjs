/**
 * Set-up on a bare machine: plain JavaScript for Node 20, no dependencies.
 * Fetches the pinned pnpm, lets it install the workspace (which brings Node 26),
 * and hands over to that Node. Does nothing when the lockfile has not changed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Node 26 from the lockfile. */
export const node26 = join(root, 'node_modules', '.bin', 'node');

const tools = join(root, '.tools');
const PNPM_VERSION = '12.21.0';
const NPM_FLAGS = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
const pnpm = join(tools, 'node_modules', '.bin', 'pnpm');
const TURN_POLL_MS = 100;
/** A set-up from nothing takes half a minute, and a few on a slow line. */
const TURN_WAIT_MS = 15 * 60_000;

const digestOf = (...files) => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex');
};

const isStamped = (stamp, digest) => existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;

function run(command, args, cwd) {
  const result = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, CI: process.env.CI ?? '1' },
  });
  if (result.status === 0) return;
  const why = result.error ? result.error.message : `exit code ${result.status}`;
  console.error(`set-up: \`${command} ${args.join(' ')}\` failed in ${cwd} (${why}).`);
  console.error(
    'set-up: it needs the npm registry; see the output above, then run the command again.',
  );
  process.exit(1);
}

/**
 * An exact version instead of a lockfile of its own: npm cannot lock the platform
 * binaries of pnpm that the registry at hand does not offer. What pnpm then
 * installs is pinned by pnpm-lock.yaml, with integrity.
 */
function ensurePnpm() {
  const stamp = join(tools, '.stamp');
  if (isStamped(stamp, PNPM_VERSION)) return;
  console.error(`set-up: fetching pnpm ${PNPM_VERSION}…`);
  rmSync(tools, { recursive: true, force: true });
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'package.json'), '{"private":true}\n');
  run('npm', [...NPM_FLAGS, 'install', `pnpm@${PNPM_VERSION}`], tools);
  writeFileSync(stamp, PNPM_VERSION);
}

/** Alive, and not a stranger that got the same pid, as after a restart of a container. */
function isSetUp(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node');
  } catch {
    // No /proc here: that it is alive has to do.
    return true;
  }
}

function pidIn(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

/** The turn of one that was killed. If it is another's by now, that one gets it back. */
function takeAway(file, holder) {
  const aside = `${file}.${process.pid}.left`;
  try {
    renameSync(file, aside);
    if (pidIn(aside) !== holder) linkSync(aside, file);
  } catch {
    // Somebody else was first.
  }
  rmSync(aside, { force: true });
}

/** One at a time, by a file with the pid of whose turn it is; answers how to end the turn. */
export function takeTurn(file, waitMs = TURN_WAIT_MS) {
  const deadlineMs = performance.now() + waitMs;
  const own = `${file}.${process.pid}`;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(own, String(process.pid));
  try {
    for (let told = false; ; ) {
      try {
        // A link, so that the pid is in it from the first moment on.
        linkSync(own, file);
        return () => rmSync(file, { force: true });
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = pidIn(file);
      if (performance.now() > deadlineMs) {
        throw new Error(
          `The set-up of process ${holder} has not ended in ${waitMs / 1000} s: end it, or remove ${file}`,
        );
      }
      if (holder !== 0 && !isSetUp(holder)) takeAway(file, holder);
      else if (!told && holder !== 0) {
        console.error(`set-up: waiting for the set-up of process ${holder}…`);
        told = true;
      }
      Atomics.wait(pause, 0, 0, TURN_POLL_MS);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Installs what is missing. Seconds on a fresh machine, milliseconds afterwards. */
export function setUp() {
  const digest = digestOf(join(root, 'pnpm-lock.yaml'), join(root, 'pnpm-workspace.yaml'));
  const stamp = join(root, 'node_modules', '.popmesh-set-up');
  const isDone = () => isStamped(stamp, digest) && existsSync(node26);
  if (isDone()) return;
  // `npm start` and `npm test` in two terminals of a new clone would take each other's files.
  let endTurn;
  try {
    endTurn = takeTurn(join(root, '.popmesh', 'set-up.lock'));
  } catch (error) {
    console.error(`set-up: ${error.message}`);
    process.exit(1);
  }
  process.once('exit', endTurn);
  if (!isDone()) install(stamp, digest);
  process.off('exit', endTurn);
  endTurn();
}

function install(stamp, digest) {
  const startedAt = Date.now();
  ensurePnpm();
  console.error('set-up: installing packages (Node 26, jco, workerd… about 800 MB on disk)…');
  run(pnpm, ['install', '--frozen-lockfile', '--reporter=append-only'], root);
  writeFileSync(stamp, digest);
  console.error(`set-up: done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

const LAUNCHER_POLL_MS = 500;

function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  } catch {
    return undefined;
  }
}

/** npm starts us by way of a shell, which notices nothing when npm is killed. */
const launchers = () => `${process.ppid} ${parentOf(process.ppid)}`;

/**
 * Runs a script under Node 26 in the foreground and takes over its exit code.
 * Signals are passed on, though a terminal has sent them to the whole group already:
 * the command line takes copies that arrive together for one. The channel tells a
 * daemon or a mesh when we are killed outright, which cannot be passed on.
 */
export function handOver(script, args) {
  const child = spawn(node26, [join(root, script), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
  // Not for others than npm: a shell that ends leaves what it started in the background.
  if (process.env.npm_lifecycle_event === undefined) return;
  const before = launchers();
  setInterval(() => {
    if (launchers() !== before) child.kill('SIGTERM');
  }, LAUNCHER_POLL_MS).unref();
}
