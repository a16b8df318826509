import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf } from '../command-line.ts';
import type { DeployedFunction } from '../control/answers.ts';
import { neutraliseLine } from '../terminal/neutralise.ts';
import { agoText, bytesText } from '../terminal/words.ts';
import { warnOfRoutesOff } from './domains.ts';

/** A notice is shown here for a day; `popmesh versions` shows all that are kept. */
const TOLD_MS = 24 * 3_600_000;

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
          fn.version === 0 ? 'none' : String(fn.version),
          fn.label,
          fn.engine,
          bytesText(fn.sizeBytes),
          agoText(fn.updatedAtMs, around.now()),
          placesOf(fn),
          (fn.routesOff ?? []).map(({ host, path }) => host + path).join(' '),
        ]),
      );
      for (const fn of functions) {
        warnOfRoutesOff(terminal, fn.function, fn.routesOff);
        for (const { node, message } of fn.failedOn ?? []) {
          terminal.warn(
            `${fn.function}: ${node} could not make it ready: ${neutraliseLine(message)}`,
          );
        }
        const told = fn.notices?.at(-1);
        if (told !== undefined && around.now() - told.timeMs < TOLD_MS) {
          terminal.warn(`${fn.function}: ${neutraliseLine(told.message)}`);
        }
      }
    });
}

/** Who serves it, who serves an older version in its place, and who serves nothing of it. */
function placesOf({ readyOn, olderOn = [], failedOn = [] }: DeployedFunction): string {
  const lost = failedOn.filter(({ node }) => !olderOn.some((older) => older.node === node));
  return [
    ...readyOn,
    ...olderOn.map(({ node, version }) => `${node}(version ${version})`),
    ...lost.map(({ node }) => `${node}(failed)`),
  ].join(' ');
}
