/**
 * `node scripts/tidy.ts`: the house rules that generic linters do not know.
 * Reads every tracked file once; each rule is a pure function with tests of its own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL_RULES } from './tidy/rules.ts';
import type { SourceFile } from './tidy/source-file.ts';

const root = join(import.meta.dirname, '..');
const SOURCE = /\.(?:ts|mjs|js|md|json|toml|yaml|proto|wit)$/;
const SKIPPED = /(?:^|\/)(?:generated|node_modules)\/|pnpm-lock\.yaml$|package-lock\.json$/;

const tracked = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  cwd: root,
  encoding: 'utf8',
}).stdout.split('\0');

const files: SourceFile[] = tracked
  .filter((path) => SOURCE.test(path) && !SKIPPED.test(path) && existsSync(join(root, path)))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

const problems = ALL_RULES.flatMap((rule) => rule(files));
for (const { path, line, message } of problems) console.error(`${path}:${line}: ${message}`);
console.error(
  problems.length === 0 ? `tidy: ${files.length} files` : `tidy: ${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
