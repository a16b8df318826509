import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, PopmeshError } from '@popmesh/contracts';
import type { ComponentFacts } from '../check/component.ts';
import { mismatch, surround } from '../check/signatures.ts';
import type { DoorName } from '../worker/door.ts';
import { cpuMsOf, limitTime } from './child-time.ts';
import { CHILD_STANDS } from './generate-options.ts';
import { jcoFolders } from './jco-location.ts';

export interface TranspileLimits {
  /** Of the child's CPU time (child-time.ts). */
  readonly deadlineMs: number;
  readonly heapMb: number;
  readonly outputBytesMax: number;
  /** Another than the daemon's, where the daemon is root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

export interface Transpiled {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const STDERR_BYTES_MAX = 16 * 1024;
/** jco's own wasm needs room for the component and for its syntax trees. */
const WASM_PAGES_MAX = 16_384;
const HEADER_BYTES_MAX = 1024 * 1024;

/** Besides jco's own files: this folder, and the links from this package to jco. */
function readableFolders(): string[] {
  const runtime = fileURLToPath(new URL('../..', import.meta.url));
  return [
    `${dirname(CHILD)}/*`,
    `${runtime}package.json`,
    `${runtime}node_modules/@bytecodealliance/*`,
    ...jcoFolders().map((folder) => `${folder}/*`),
  ];
}

/**
 * Runs jco over `component` in a locked-down process of its own, and there the check of what it
 * imports and exports against what this node hosts. A refusal, a crash, a hang
 * and a flood of output all end as `invalid_component` for this one upload.
 */
export async function transpileInChild(
  component: Uint8Array,
  facts: ComponentFacts,
  limits: TranspileLimits,
  clock: Clock,
  signal: AbortSignal,
): Promise<Transpiled> {
  signal.throwIfAborted();
  const { before, after } = surround(facts, component.length);
  const child = start(facts.door, limits);
  // Heard from now on: one that did not start has no pipes, and says why only after this turn.
  const ended = endOf(child);
  let verdict: PopmeshError | undefined;
  const refuse = (error: PopmeshError): void => {
    verdict ??= error;
    child.kill('SIGKILL');
  };
  const collected: Collected = { parts: [], sizeBytes: 0, stderr: '' };
  const deadline = limitTime({
    limitMs: limits.deadlineMs,
    clock,
    cpuMs: async () => (child.pid === undefined ? undefined : await cpuMsOf(child.pid)),
    onOver: (isSpent) => refuse(tooLate(isSpent && hasStood(collected), limits.deadlineMs)),
  });
  const onAbort = (): void => refuse(new PopmeshError('cancelled', 'Preparing was cancelled'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    listen(child, collected, limits, refuse);
    const { stdin } = child;
    // The child may die before it has read everything; that shows in how it ends.
    stdin?.on('error', () => {});
    for (const part of [before, after]) {
      stdin?.write(lengthOf(part));
      stdin?.write(part);
    }
    stdin?.end(component);
    const { code, exitSignal } = await ended;
    if (verdict !== undefined) throw verdict;
    const cause = new Error(`exit ${code ?? exitSignal}: ${collected.stderr}`);
    // It has not seen a byte of the component: there was no memory, no process, no disk for it.
    if (!hasStood(collected)) throw notStarted(cause);
    if (code !== 0) {
      throw new PopmeshError('invalid_component', 'The transpiler failed on this component', {
        cause,
        details: { exit: code ?? exitSignal ?? 'unknown' },
      });
    }
    return parse(Buffer.concat(collected.parts).subarray(1), facts.door);
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}

function start(door: DoorName, limits: TranspileLimits): ChildProcess {
  try {
    return spawn(
      process.execPath,
      [
        '--permission',
        ...readableFolders().map((folder) => `--allow-fs-read=${folder}`),
        '--disallow-code-generation-from-strings',
        `--max-old-space-size=${limits.heapMb}`,
        `--wasm-max-mem-pages=${WASM_PAGES_MAX}`,
        // A process for one component is over before optimised code of jco pays: half the CPU.
        '--liftoff-only',
        '--no-warnings',
        CHILD,
        door,
      ],
      { env: {}, cwd: dirname(CHILD), stdio: ['pipe', 'pipe', 'pipe'], ...limits.user },
    );
  } catch (cause) {
    throw notStarted(cause);
  }
}

function lengthOf(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return length;
}

interface Collected {
  readonly parts: Buffer[];
  sizeBytes: number;
  stderr: string;
}

const hasStood = ({ parts }: Collected): boolean => parts[0]?.[0] === CHILD_STANDS;

/** Not the component's fault where it has not been seen, or the machine gave the child no time. */
function tooLate(isItsFault: boolean, max: number): PopmeshError {
  const details = { limit: 'prepareDeadlineMs', max };
  return isItsFault
    ? new PopmeshError('invalid_component', 'Preparing the component took too long', { details })
    : new PopmeshError('unavailable', 'The transpiler had too little time', { details });
}

const notStarted = (cause: unknown): PopmeshError =>
  new PopmeshError('unavailable', 'The transpiler could not be started', { cause });

interface End {
  readonly code: number | null;
  readonly exitSignal: NodeJS.Signals | null;
}

function endOf(child: ChildProcess): Promise<End> {
  const ended = new Promise<End>((resolve, reject) => {
    child.once('error', (cause) => reject(notStarted(cause)));
    child.once('close', (code, exitSignal) => resolve({ code, exitSignal }));
  });
  // Whoever gives up before looks at it no more.
  ended.catch(() => {});
  return ended;
}

function listen(
  child: ChildProcess,
  collected: Collected,
  limits: TranspileLimits,
  refuse: (error: PopmeshError) => void,
): void {
  child.stdout?.on('data', (part: Buffer) => {
    collected.sizeBytes += part.length;
    if (collected.sizeBytes <= limits.outputBytesMax) collected.parts.push(part);
    else {
      refuse(
        new PopmeshError('invalid_component', 'The transpiled component is too large', {
          details: { limit: 'prepareOutputBytesMax', max: limits.outputBytesMax },
        }),
      );
    }
  });
  child.stderr?.on('data', (part: Buffer) => {
    if (collected.stderr.length < STDERR_BYTES_MAX) collected.stderr += part.toString('latin1');
  });
}

interface Header {
  ok: boolean;
  /** Valid, and not of a world that this node has. */
  mismatch?: boolean;
  message?: string;
  files?: { name: string; sizeBytes: number }[];
  imports?: string[];
  exports?: string[];
}

/** Plain names only: they become file names in the store. */
const FILE_NAME = /^component(?:\.core\d{0,3}\.wasm|\.js)$/;

function parse(output: Uint8Array, door: DoorName): Transpiled {
  const bad = (): PopmeshError =>
    new PopmeshError('invalid_component', 'The transpiler gave no usable answer');
  if (output.length < 4) throw bad();
  const length = new DataView(output.buffer, output.byteOffset).getUint32(0, true);
  if (length > HEADER_BYTES_MAX || 4 + length > output.length) throw bad();
  const header = parseHeader(Buffer.from(output.subarray(4, 4 + length)).toString());
  if (header === undefined) throw bad();
  if (header.mismatch === true) throw mismatch(door, header.message ?? '');
  if (!header.ok) {
    throw new PopmeshError('invalid_component', `Not a valid component: ${header.message}`);
  }
  const files = new Map<string, Uint8Array>();
  let offset = 4 + length;
  for (const { name, sizeBytes } of header.files ?? []) {
    const fits = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0;
    if (!fits || offset + sizeBytes > output.length) throw bad();
    if (!FILE_NAME.test(name) || files.has(name)) throw bad();
    files.set(name, output.subarray(offset, offset + sizeBytes));
    offset += sizeBytes;
  }
  return { files, imports: header.imports ?? [], exports: header.exports ?? [] };
}

/** What a hostile component made of the child may write anything. */
function parseHeader(json: string): Header | undefined {
  try {
    return JSON.parse(json) as Header;
  } catch {
    return undefined;
  }
}
