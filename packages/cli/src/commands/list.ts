import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf } from '../command-line.ts';
import { agoText, bytesText } from '../terminal/words.ts';
import { warnOfRoutesOff } from './domains.ts';

export function registerList(program: Command, around: Surroundings): void {
  program
    .command('list')
    .alias('ls')
    .description('functions of the mesh')
    .option('-n, --namespace <namespace>', 'of this namespace only')
    .addHelpText('after', '\nExamples:\n  popmesh list\n  popmesh list --namespace acme --json')
    .action(async (options: { namespace?: string }, command: Command) => {
      const terminal = terminalOf(command, around);
      const functions = await apiOf(command, around, terminal).list(options.namespace);
      if (terminal.json) return terminal.printJson({ functions });
      if (functions.length === 0)
        return terminal.say('no functions yet; `popmesh deploy <folder>` makes one');
      terminal.table(
        ['FUNCTION', 'VERSION', 'LABEL', 'ENGINE', 'SIZE', 'UPDATED', 'READY ON', 'ROUTES OFF'],
        functions.map((fn) => [
          fn.function,
          String(fn.version),
          fn.label,
          fn.engine,
          bytesText(fn.sizeBytes),
          agoText(fn.updatedAtMs, around.now()),
          fn.readyOn.join(' '),
          (fn.routesOff ?? []).map(({ host, path }) => host + path).join(' '),
        ]),
      );
      for (const fn of functions) warnOfRoutesOff(terminal, fn.function, fn.routesOff);
    });
}
