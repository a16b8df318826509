/** Runs each check, shows the output of those that fail, and says which did. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

const CHECKS: readonly { name: string; command: string; args: readonly string[] }[] = [
  {
    name: 'generated code is current',
    command: process.execPath,
    args: ['scripts/generate.ts', '--check'],
  },
  { name: 'proto lint', command: bin('buf'), args: ['lint', 'proto'] },
  { name: 'types', command: bin('tsc'), args: ['-p', '.'] },
  {
    name: 'types of the guest platform',
    command: bin('tsc'),
    args: ['-p', 'packages/builder/src/platform'],
  },
  { name: 'lint and format', command: bin('biome'), args: ['ci', '--colors=off', '.'] },
  { name: 'tidy', command: process.execPath, args: ['scripts/tidy.ts'] },
];

let failed = 0;
for (const { name, command, args } of CHECKS) {
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (status === 0) continue;
  failed++;
  console.log(`${stdout}${stderr}`);
}
console.log(failed === 0 ? 'all checks passed' : `${failed} of ${CHECKS.length} checks failed`);
process.exitCode = failed === 0 ? 0 : 1;
