import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DIGEST_FILE, digestOfImage, LOADER_FILE } from './code-image-files.ts';

/**
 * The executor's own code with its types taken out, in one file: made once per version of the
 * code, read by every executor process and worker. Without it each of them loads Node's
 * stripper, a WebAssembly program, and looks up 70 files through the permission model: a blank
 * process then took 470 ms of CPU and 134 MB where it now takes 220 and 99. Refused: Node's
 * compile cache, which the permission model allows only to those who may write to it.
 */

export interface CodeImage {
  /** All that executors need to read of it. */
  readonly directory: string;
  readonly flags: readonly string[];
}

const MAKER = fileURLToPath(new URL('./make-code-image.ts', import.meta.url));
const MAKING_MS_MAX = 30_000;
const STDERR_LENGTH_MAX = 4_000;

/**
 * In `root`: found there when nothing has changed since, else made. Nobody writes there any more
 * when this has settled.
 */
export async function codeImage(root: string, signal?: AbortSignal): Promise<CodeImage> {
  const contracts = fileURLToPath(import.meta.resolve('@popmesh/contracts'));
  const directory = join(root, await keyOf([MAKER, contracts]));
  if (!(await isWhole(directory))) {
    await rm(root, { recursive: true, force: true });
    signal?.throwIfAborted();
    await make(directory, signal);
  }
  return { directory, flags: [`--import=${pathToFileURL(join(directory, LOADER_FILE)).href}`] };
}

/** Names the state of the folders that our code lies in: every file's size and time of change. */
async function keyOf(entries: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(process.version);
  const folders = new Set(entries.map((entry) => entry.slice(0, entry.lastIndexOf('/src/') + 5)));
  for (const folder of folders) {
    const names = (await readdir(folder, { recursive: true })).filter((it) => it.endsWith('.ts'));
    const states = await Promise.all(
      names.sort().map(async (name) => {
        const { size, mtimeMs } = await stat(join(folder, name));
        return `${folder}${name} ${size} ${mtimeMs}\n`;
      }),
    );
    hash.update(states.join(''));
  }
  return hash.digest('hex').slice(0, 32);
}

async function isWhole(directory: string): Promise<boolean> {
  try {
    const digest = await readFile(join(directory, DIGEST_FILE), 'utf8');
    return digest === (await digestOfImage(directory));
  } catch {
    return false;
  }
}

/** In a process of its own, so that the daemon goes on and keeps no stripper in memory. */
async function make(directory: string, signal: AbortSignal | undefined): Promise<void> {
  const child = fork(MAKER, [directory], {
    execArgv: ['--no-warnings'],
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    timeout: MAKING_MS_MAX,
    killSignal: 'SIGKILL',
    ...(signal === undefined ? {} : { signal }),
  });
  let stderr = '';
  child.stderr?.on('data', (part: Buffer) => {
    if (stderr.length < STDERR_LENGTH_MAX) stderr += part.toString();
  });
  child.on('error', (error) => {
    stderr += error.message;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
}
