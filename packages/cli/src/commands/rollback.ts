import { parseFunctionId } from '@popmesh/contracts';
import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf, wholeNumber } from '../command-line.ts';
import { warnOfRoutesOff } from './domains.ts';
import { addWaitOptions, type WaitOptions, waitShown } from './rollout.ts';

export function registerRollback(program: Command, around: Surroundings): void {
  addWaitOptions(
    program
      .command('rollback')
      .description('make an earlier version the live one')
      .argument('<function>', 'name or namespace/name')
      .argument('[version]', 'number; default: the one before the live one', wholeNumber),
  )
    .addHelpText('after', '\nExamples:\n  popmesh rollback hello\n  popmesh rollback acme/shop 3')
    .action(
      async (fn: string, version: number | undefined, options: WaitOptions, command: Command) => {
        const terminal = terminalOf(command, around);
        const api = apiOf(command, around, terminal);
        const { namespace, name } = parseFunctionId(fn);
        const done = await api.rollback(namespace, name, version);
        terminal.say(`${done.function}: version ${done.version} is live`);
        warnOfRoutesOff(terminal, done.function, done.routesOff);
        const rollout = await waitShown({
          api,
          deployed: done,
          options,
          terminal,
          signal: around.interrupted,
        });
        if (terminal.json) terminal.printJson({ ...done, ...(rollout ? { rollout } : {}) });
        else terminal.print(`${done.function} ${done.version}`);
      },
    );
}
