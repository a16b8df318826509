import { type Command, InvalidArgumentError } from 'commander';
import { isExposed, resolveContext } from './control/context.ts';
import { ControlApi } from './control/control-api.ts';
import { trustCa } from './control/private-ca.ts';
import { type Sink, Terminal } from './terminal/terminal.ts';

/** What a command stands in, given from outside so that tests need no process of their own. */

export interface Surroundings {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly now: () => number;
  /** Asks a person; undefined where nobody can answer. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** Aborted by the first Ctrl-C. */
  readonly interrupted: AbortSignal;
}

export interface GlobalOptions {
  readonly json?: boolean;
  readonly api?: string;
  readonly token?: string;
  readonly ca?: string;
}

/** Raised by a command to end with another code than 0 or 1. */
export class ExitWith extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

export const globalsOf = (command: Command): GlobalOptions => command.optsWithGlobals();

export const terminalOf = (command: Command, around: Surroundings): Terminal =>
  new Terminal({ ...around, json: globalsOf(command).json === true });

/** Throws `invalid_config` when no mesh is named. */
export function apiOf(command: Command, around: Surroundings, terminal: Terminal): ControlApi {
  const { api, token, ca } = globalsOf(command);
  const context = resolveContext({ flags: { api, token, ca }, env: around.env, cwd: around.cwd });
  if (context.ca !== undefined) trustCa(context.ca);
  for (const address of context.apis.filter(isExposed)) {
    terminal.warn(`${address} is not encrypted: the token and the code travel in clear`);
  }
  return new ControlApi(context);
}

/** Reads an argument that must be a whole number; commander names it, and it ends as a wrong command line. */
export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Use a whole number.');
}
