import { parseFunctionId } from '@popmesh/contracts';
import type { Command } from 'commander';
import { apiOf, ExitWith, type Surroundings, terminalOf } from '../command-line.ts';
import { EXIT } from '../exit-codes.ts';

export function registerDelete(program: Command, around: Surroundings): void {
  program
    .command('delete')
    .alias('rm')
    .description('take a function off the mesh, with all its versions')
    .argument('<function>', 'name or namespace/name')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExamples:\n  popmesh delete hello\n  popmesh delete acme/shop --yes')
    .action(async (fn: string, options: { yes?: boolean }, command: Command) => {
      const terminal = terminalOf(command, around);
      const { namespace, name } = parseFunctionId(fn);
      const api = apiOf(command, around, terminal);
      if (options.yes !== true) {
        if (around.ask === undefined || terminal.json) {
          terminal.warn('nobody to ask: give --yes to delete');
          throw new ExitWith(EXIT.usage);
        }
        const answer = await around.ask(`Delete ${namespace}/${name} everywhere? [y/N] `);
        if (!/^y(es)?$/i.test(answer.trim())) {
          terminal.say('nothing was deleted');
          throw new ExitWith(EXIT.failure);
        }
      }
      const done = await api.remove(namespace, name);
      if (terminal.json) terminal.printJson(done);
      else {
        terminal.print(`deleted ${done.function}`);
        for (const host of done.hostsReleased ?? []) terminal.say(`released the host ${host}`);
      }
    });
}
