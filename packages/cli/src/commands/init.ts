import { basename, resolve } from 'node:path';
import { initProject, LANGUAGES, type Language } from '@popmesh/builder';
import { PopmeshError } from '@popmesh/contracts';
import type { Command } from 'commander';
import { type Surroundings, terminalOf } from '../command-line.ts';

export function registerInit(program: Command, around: Surroundings): void {
  program
    .command('init')
    .description('write a new function that deploys as it is')
    .argument('<folder>', 'where to; may be new')
    .option('--lang <language>', LANGUAGES.join(', '), 'ts')
    .option('--name <name>', "the function's name; default: the folder's")
    .addHelpText(
      'after',
      `
Examples:
  popmesh init hello
  popmesh init services/shop --lang rust --name shop`,
    )
    .action(async (folder: string, options: { lang: string; name?: string }, command: Command) => {
      const terminal = terminalOf(command, around);
      const lang = LANGUAGES.find((language) => language === options.lang);
      if (lang === undefined) {
        throw new PopmeshError(
          'invalid_argument',
          `there is no template for ${JSON.stringify(options.lang)}`,
          {
            hint: `Use one of ${LANGUAGES.join(', ')}.`,
          },
        );
      }
      const target = resolve(around.cwd, folder);
      const name = options.name ?? nameOf(target);
      const files = await initProject(target, { name, lang: lang satisfies Language });
      if (terminal.json) return terminal.printJson({ folder: target, name, lang, files });
      for (const file of files) terminal.print(`  ${file}`);
      terminal.say(`\nNext: cd ${folder} && popmesh dev`);
    });
}

const nameOf = (folder: string): string =>
  basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
