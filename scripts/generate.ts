/**
 * Generates packages/protocol/src/generated from proto/, and adds the JavaScript engine to the
 * list of engines (engines.ts). With `--check` it generates elsewhere and compares, so that a
 * stale file fails the check without being repaired behind one's back; whether the list has the
 * engine takes a build, and is a test (engines.test.ts).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { addEngine } from './engines.ts';

const root = join(import.meta.dirname, '..');
const committed = join(root, 'packages/protocol/src/generated');

function generate(into: string): void {
  const result = spawnSync(join(root, 'node_modules/.bin/buf'), ['generate', '--output', into], {
    cwd: join(root, 'proto'),
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}`,
    },
  });
  if (result.status !== 0) process.exit(1);
}

function filesUnder(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path), readFileSync(path, 'utf8')]),
  );
}

const scratch = mkdtempSync(join(tmpdir(), 'popmesh-generate-'));
try {
  // buf.gen.yaml names a path relative to the output folder that we give it.
  generate(join(scratch, 'proto'));
  const fresh = join(scratch, 'packages/protocol/src/generated');
  if (process.argv.includes('--check')) {
    const [have, want] = [filesUnder(committed), filesUnder(fresh)];
    const stale = [...want].filter(([path, text]) => have.get(path) !== text).map(([path]) => path);
    const extra = [...have.keys()].filter((path) => !want.has(path));
    if (stale.length + extra.length > 0) {
      console.error(`generated code is not current: ${[...stale, ...extra].join(', ')}`);
      console.error('Run `npm run generate` and commit the result.');
      process.exitCode = 1;
    }
  } else {
    rmSync(committed, { recursive: true, force: true });
    cpSync(fresh, committed, { recursive: true });
    await addEngine();
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
