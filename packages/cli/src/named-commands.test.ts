/** Every command that a hint, a message or a document tells people to type is a command. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from './program.ts';

const root = join(import.meta.dirname, '../../..');
const FILES = [
  '*.md',
  '{deploy,proto,scripts}/**/*.{md,toml,conf,mjs,ts}',
  'examples/*/*.{md,toml}',
  'packages/*/*.md',
  'packages/*/src/**/*.{ts,md}',
];
/** After a backquote, a line break in a text, a prompt, or at the beginning of a line of code. */
const NAMED =
  /(?:`|\\n *|\$ |^ *)(?:npm run )?popmesh (?:-- )?([a-z][a-z-]*)(?: ([a-z][a-z-]*))?/gm;

/** Sentences of which popmesh is the subject, at the beginning of a template. */
const VERBS: readonly string[] = ['does', 'is'];

const find = (commands: readonly Command[], name: string | undefined): Command | undefined =>
  commands.find((command) => command.name() === name || command.aliases().includes(name ?? ''));

/** In a document only what is code: in its prose popmesh does this and that. */
function codeOf(file: string, text: string): string {
  if (!file.endsWith('.md')) return text;
  const [fences, inline] = [/^```[^\n]*\n([\s\S]*?)^```/gm, /`[^`\n]+`/g];
  return [...text.matchAll(fences), ...text.matchAll(inline)]
    .map(([whole, inside]) => inside ?? whole)
    .join('\n');
}

test('commands that are named exist', () => {
  const nothing = { write: () => {} };
  const { commands } = createProgram({
    stdout: nothing,
    stderr: nothing,
    env: {},
    cwd: root,
    now: () => 0,
    ask: undefined,
    interrupted: new AbortController().signal,
  });
  const wrong: string[] = [];
  let seen = 0;
  for (const file of globSync(FILES, { cwd: root, exclude: ['**/node_modules/**'] })) {
    if (file.includes('node_modules')) continue;
    const code = codeOf(file, readFileSync(join(root, file), 'utf8'));
    for (const [text, name, second] of code.matchAll(NAMED)) {
      if (VERBS.includes(name ?? '')) continue;
      seen++;
      const command = name === 'help' ? undefined : find(commands, name);
      // One that takes an argument itself is called without a second command, too.
      const isGroup =
        command !== undefined &&
        command.commands.length > 0 &&
        command.registeredArguments.length === 0;
      const isRight =
        name === 'help' ||
        (command !== undefined &&
          (!isGroup || second === undefined || find(command.commands, second)));
      if (!isRight) wrong.push(`${file}: ${text.trim()}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen > 50, `only ${seen} were found: is the pattern right?`);
});
