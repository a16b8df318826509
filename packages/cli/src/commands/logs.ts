import { setTimeout as sleep } from 'node:timers/promises';
import { isName, PopmeshError, parseFunctionId } from '@popmesh/contracts';
import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf } from '../command-line.ts';
import type { LogLine } from '../control/answers.ts';
import { neutralise, neutraliseLine } from '../terminal/neutralise.ts';
import type { Terminal } from '../terminal/terminal.ts';

const RECONNECT_MS = 1000;

export function registerLogs(program: Command, around: Surroundings): void {
  program
    .command('logs')
    .description('what functions log, from all nodes, as it happens; Ctrl-C ends it')
    .argument('[function]', 'name, namespace/name, or namespace/ for all of one namespace')
    .option('--no-follow', 'end when the mesh ends the stream, instead of connecting again')
    .addHelpText(
      'after',
      '\nExamples:\n  popmesh logs hello\n  popmesh logs acme/ --json | jq .message',
    )
    .action(async (fn: string | undefined, options: { follow: boolean }, command: Command) => {
      const terminal = terminalOf(command, around);
      const api = apiOf(command, around, terminal);
      const filter = logFilter(fn);
      for (;;) {
        try {
          for await (const line of api.logs(filter, around.interrupted)) showLine(line, terminal);
        } catch (caught) {
          if (around.interrupted.aborted) return;
          const error = PopmeshError.from(caught, 'unavailable');
          if (!options.follow || !error.facts.retryable) throw error;
          terminal.say(terminal.style('dim', `${error.message}; trying again`, 'stderr'));
        }
        if (!options.follow || around.interrupted.aborted) return;
        await sleep(RECONNECT_MS, undefined, { signal: around.interrupted }).catch(() => {});
      }
    });
}

export function logFilter(fn: string | undefined): { namespace?: string; function?: string } {
  if (fn === undefined) return {};
  const all = /^([^/]+)\/$/.exec(fn)?.[1];
  if (all !== undefined && isName(all)) return { namespace: all };
  const { namespace, name } = parseFunctionId(fn);
  return { namespace, function: name };
}

const LEVEL_STYLES = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const;

function showLine(line: LogLine, terminal: Terminal): void {
  // JSON leaves C1 and bidi controls as they are, and a terminal acts on them.
  if (terminal.json) {
    terminal.printJson({ ...line, message: neutralise(line.message) });
    return;
  }
  const time = new Date(line.timeMs).toISOString().slice(11, 23);
  const style = LEVEL_STYLES[line.level as keyof typeof LEVEL_STYLES] ?? 'dim';
  const level = terminal.style(style, neutraliseLine(line.level).padEnd(5));
  const where = terminal.style(
    'dim',
    neutraliseLine(`${line.pop} ${line.function}@${line.version}`),
  );
  // Indented, so that a function cannot make up a line that seems to be another function's.
  const message = neutralise(line.message).replaceAll('\n', '\n    ');
  terminal.print(`${time} ${level} ${where} ${message}`);
}
