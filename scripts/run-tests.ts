/**
 * Runs the tests with Node's own runner: the same Node, the same TypeScript
 * stripping and one process per file, as in production. Refused: vitest, whose
 * transforms and worker pools stand between a test and the processes it starts.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNatsServer } from '../packages/cli/src/index.ts';
import { codeImage } from '../packages/runtime/src/supervise/code-image.ts';
import { CODE_VARIABLE } from './test-code.ts';
import { testEnvironment } from './test-environment.ts';
import { LENGTH_VARIABLE } from './test-length.ts';

const root = join(import.meta.dirname, '..');
const PATTERNS = ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/**/*.test.ts'];
/** Most rooms wait now and then; of whole meshes, each of eight processes, two fill a small machine. */
const CONCURRENCY = { rooms: 3, meshes: 2 };
/** A test that hangs ends here, with its name; what is only slow, on a small and busy machine, does not. */
const TIMEOUT_MS = 600_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let interrupted = false;

const long = process.argv[2] === '--long';
const wanted = process.argv.slice(long ? 3 : 2);
const files = globSync(PATTERNS, { cwd: root })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ')}`);
  process.exit(2);
}

if (long && wanted.length === 0) {
  console.error('npm run long -- <part of a path>: which test files, with all of their cases');
  process.exit(2);
}

const natsServer = await ensureNatsServer({
  directory: join(root, '.popmesh', 'bin'),
  onProgress: (line: string) => console.error(`set-up: ${line}`),
});

const code = join(root, '.popmesh', 'test-code');
await codeImage(code);

function run(some: readonly string[], concurrency: number): Promise<number> {
  if (interrupted) return Promise.resolve(1);
  if (some.length === 0) return Promise.resolve(0);
  const child = spawn(
    process.execPath,
    [
      '--test',
      `--import=${join(root, 'scripts/property-seed.ts')}`,
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${TIMEOUT_MS}`,
      ...(process.stdout.isTTY
        ? []
        : ['--test-reporter=spec', '--test-reporter-destination=stdout']),
      ...some,
    ],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...testEnvironment(process.env),
        NATS_SERVER_BIN: natsServer.path,
        // Hundreds of processes load the same modules; kept between runs, as everything in .popmesh.
        NODE_COMPILE_CACHE: join(root, '.popmesh', 'compile-cache'),
        [CODE_VARIABLE]: code,
        // Two projects with the same dependencies, which take a core for half a minute each.
        CARGO_TARGET_DIR: join(root, '.popmesh', 'cargo'),
        CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
        [LENGTH_VARIABLE]: long ? 'long' : 'short',
      },
    },
  );
  // Else a CI that ends us would leave the tests running, and their meshes.
  const passOn = (signal: NodeJS.Signals): void => {
    interrupted = true;
    child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, passOn);
  return new Promise((resolve) =>
    child.on('exit', (code) => {
      for (const signal of SIGNALS) process.off(signal, passOn);
      resolve(code ?? 1);
    }),
  );
}

const isMesh = (file: string): boolean => file.startsWith('test/');
const codes = [
  await run(
    files.filter((file) => !isMesh(file)),
    CONCURRENCY.rooms,
  ),
  await run(files.filter(isMesh), CONCURRENCY.meshes),
];
process.exitCode = Math.max(...codes);
