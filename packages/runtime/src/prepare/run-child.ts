import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, PopmeshError } from '@popmesh/contracts';
import type { DoorName } from '../worker/door.ts';
import { jcoFolders } from './jco-location.ts';

export interface TranspileLimits {
  readonly deadlineMs: number;
  readonly heapMb: number;
  readonly outputBytesMax: number;
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
 * Runs jco over `component` in a locked-down process of its own. A refusal, a crash, a hang
 * and a flood of output all end as `invalid_component` for this one upload.
 */
export async function transpileInChild(
  component: Uint8Array,
  door: DoorName,
  limits: TranspileLimits,
  clock: Clock,
  signal: AbortSignal,
): Promise<Transpiled> {
  signal.throwIfAborted();
  const child = spawn(
    process.execPath,
    [
      '--permission',
      ...readableFolders().map((folder) => `--allow-fs-read=${folder}`),
      '--disallow-code-generation-from-strings',
      `--max-old-space-size=${limits.heapMb}`,
      `--wasm-max-mem-pages=${WASM_PAGES_MAX}`,
      '--no-warnings',
      CHILD,
      door,
    ],
    { env: {}, cwd: dirname(CHILD), stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let verdict: PopmeshError | undefined;
  const refuse = (error: PopmeshError): void => {
    verdict ??= error;
    child.kill('SIGKILL');
  };
  const deadline = clock.setTimer(limits.deadlineMs, () =>
    refuse(
      new PopmeshError('invalid_component', 'Preparing the component took too long', {
        details: { limit: 'prepareDeadlineMs', max: limits.deadlineMs },
      }),
    ),
  );
  const onAbort = (): void => refuse(new PopmeshError('cancelled', 'Preparing was cancelled'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    // The child may die before it has read everything; that shows in how it ends.
    child.stdin.on('error', () => {});
    child.stdin.end(component);
    const { output, stderr, code, exitSignal } = await collect(child, limits, refuse);
    if (verdict !== undefined) throw verdict;
    if (code !== 0) {
      throw new PopmeshError('invalid_component', 'The transpiler failed on this component', {
        cause: new Error(`exit ${code ?? exitSignal}: ${stderr}`),
        details: { exit: code ?? exitSignal ?? 'unknown' },
      });
    }
    return parse(output);
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}

interface Ended {
  readonly output: Uint8Array;
  readonly stderr: string;
  readonly code: number | null;
  readonly exitSignal: NodeJS.Signals | null;
}

function collect(
  child: ChildProcess,
  limits: TranspileLimits,
  refuse: (error: PopmeshError) => void,
): Promise<Ended> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  let stderr = '';
  child.stdout?.on('data', (part: Buffer) => {
    sizeBytes += part.length;
    if (sizeBytes <= limits.outputBytesMax) parts.push(part);
    else {
      refuse(
        new PopmeshError('invalid_component', 'The transpiled component is too large', {
          details: { limit: 'prepareOutputBytesMax', max: limits.outputBytesMax },
        }),
      );
    }
  });
  child.stderr?.on('data', (part: Buffer) => {
    if (stderr.length < STDERR_BYTES_MAX) stderr += part.toString('latin1');
  });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new PopmeshError('unavailable', 'The transpiler could not be started', { cause })),
    );
    child.once('close', (code, exitSignal) =>
      resolve({ output: Buffer.concat(parts), stderr, code, exitSignal }),
    );
  });
}

interface Header {
  ok: boolean;
  message?: string;
  files?: { name: string; sizeBytes: number }[];
  imports?: string[];
  exports?: string[];
}

/** Plain names only: they become file names in the store. */
const FILE_NAME = /^component(?:\.core\d{0,3}\.wasm|\.js)$/;

function parse(output: Uint8Array): Transpiled {
  const bad = (): PopmeshError =>
    new PopmeshError('invalid_component', 'The transpiler gave no usable answer');
  if (output.length < 4) throw bad();
  const length = new DataView(output.buffer, output.byteOffset).getUint32(0, true);
  if (length > HEADER_BYTES_MAX || 4 + length > output.length) throw bad();
  const header = JSON.parse(Buffer.from(output.subarray(4, 4 + length)).toString()) as Header;
  if (!header.ok) {
    throw new PopmeshError('invalid_component', `Not a valid component: ${header.message}`);
  }
  const files = new Map<string, Uint8Array>();
  let offset = 4 + length;
  for (const { name, sizeBytes } of header.files ?? []) {
    if (!FILE_NAME.test(name) || files.has(name) || offset + sizeBytes > output.length) throw bad();
    files.set(name, output.subarray(offset, offset + sizeBytes));
    offset += sizeBytes;
  }
  return { files, imports: header.imports ?? [], exports: header.exports ?? [] };
}
