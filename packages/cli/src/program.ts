import { PopmeshError } from '@popmesh/contracts';
import { Command, CommanderError } from 'commander';
import { ExitWith, type Surroundings } from './command-line.ts';
import { registerAudit } from './commands/audit.ts';
import { registerBuild } from './commands/build.ts';
import { registerDaemons } from './commands/daemons.ts';
import { registerDelete } from './commands/delete.ts';
import { registerDeploy } from './commands/deploy.ts';
import { registerDev } from './commands/dev.ts';
import { registerDomains } from './commands/domains.ts';
import { registerInit } from './commands/init.ts';
import { registerList } from './commands/list.ts';
import { registerLogs } from './commands/logs.ts';
import { registerMesh } from './commands/mesh.ts';
import { registerQuota } from './commands/quota.ts';
import { registerRollback } from './commands/rollback.ts';
import { registerStatus } from './commands/status.ts';
import { registerVersion } from './commands/version.ts';
import { registerVersions } from './commands/versions.ts';
import { EXIT } from './exit-codes.ts';
import { neutralise } from './terminal/neutralise.ts';
import { Terminal } from './terminal/terminal.ts';

/** The tree of commands, and the one place that turns errors into exit codes. */

const EPILOGUE = `
Exit codes:
  0    done
  1    refused, failed, or not reachable
  2    the command line is wrong
  3    deployed, but not ready everywhere within --timeout, or meant for no node
  4    status: a member is dead, a node is not ready, or JetStream is unwell
  130  ended by Ctrl-C

Which mesh: --api, --token and --ca, else POPMESH_API, POPMESH_TOKEN and POPMESH_CA,
else .popmesh/context.json in this folder or above (written by \`popmesh dev\`), else
popmesh/context.json in the user's configuration folder.`;

/** `quiet`: what is wrong with the command line is not said, but thrown like every error. */
export function createProgram(around: Surroundings, quiet = false): Command {
  const program = new Command('popmesh')
    .description(
      'Edge functions on your own machines: deploy once, answered from the nearest healthy node.',
    )
    .option('--json', 'print the result as JSON, one line, and nothing else')
    .option('--api <url>', 'control API of any node; several with commas are tried in order')
    .option(
      '--token <token>',
      'API token; better in POPMESH_TOKEN, where other users cannot see it',
    )
    .option(
      '--ca <file>',
      'PEM file of the CA of the mesh, for https:// with certificates of its own',
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void around.stdout.write(text),
      writeErr: (text) => void (quiet || around.stderr.write(text)),
    })
    .showHelpAfterError('(popmesh --help shows all commands)')
    .addHelpText('after', EPILOGUE)
    .exitOverride();
  const register = [
    registerInit,
    registerBuild,
    registerDev,
    registerDeploy,
    registerList,
    registerStatus,
    registerVersions,
    registerRollback,
    registerDelete,
    registerLogs,
    registerDomains,
    registerQuota,
    registerDaemons,
    registerMesh,
    registerAudit,
    registerVersion,
  ];
  for (const add of register) add(program, around);
  return program;
}

/** Answers the exit code; never throws. */
export async function runCli(args: readonly string[], around: Surroundings): Promise<number> {
  const json = args.includes('--json');
  try {
    await createProgram(around, json).parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (caught) {
    if (caught instanceof ExitWith) return caught.status;
    if (caught instanceof CommanderError) {
      // Help that was asked for is no mistake, and the rest commander has said already.
      if (caught.exitCode === 0) return EXIT.ok;
      if (json) showError(usageError(caught), new Terminal({ ...around, json }));
      return EXIT.usage;
    }
    if (around.interrupted.aborted) return EXIT.interrupted;
    showError(PopmeshError.from(caught), new Terminal({ ...around, json }));
    return EXIT.failure;
  }
}

function usageError({ code, message }: CommanderError): PopmeshError {
  const isBare = code === 'commander.help';
  return new PopmeshError(
    'invalid_argument',
    isBare ? 'a command is missing' : message.replace(/^error: /, ''),
    { hint: 'popmesh --help shows all commands.' },
  );
}

function showError(error: PopmeshError, terminal: Terminal): void {
  if (terminal.json) {
    terminal.printJson({ error: error.toJSON() });
    return;
  }
  terminal.say(
    `${terminal.style('red', `error (${error.code}):`, 'stderr')} ${neutralise(error.message)}`,
  );
  if (error.hint !== undefined) {
    terminal.say(`${terminal.style('dim', 'hint:', 'stderr')} ${neutralise(error.hint)}`);
  }
  const { cause } = error;
  if (error.code === 'internal' && cause instanceof Error)
    terminal.say(neutralise(cause.stack ?? ''));
}
