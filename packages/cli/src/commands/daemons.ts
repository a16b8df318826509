import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Surroundings } from '../command-line.ts';

/** `popmesh node` and `popmesh gateway`: the daemons, in this very process, so that signals reach them. */

export const NODE_MAIN = fileURLToPath(new URL('./main.ts', import.meta.resolve('@popmesh/node')));
export const GATEWAY_MAIN = fileURLToPath(
  new URL('./main.ts', import.meta.resolve('@popmesh/gateway')),
);

export function registerDaemons(program: Command, around: Surroundings): void {
  const daemons = [
    ['node', 'run a node daemon in the foreground', NODE_MAIN],
    ['gateway', 'run a gateway in the foreground', GATEWAY_MAIN],
  ] as const;
  for (const [name, description, main] of daemons) {
    program
      .command(name)
      .description(description)
      .requiredOption('-c, --config <file>', `${name}.toml`)
      .addHelpText(
        'after',
        `
Examples:
  popmesh ${name} --config /etc/popmesh/${name}.toml

The first SIGTERM drains and ends with 0, the second ends at once with 1; a failed start ends with 2.`,
      )
      .action(async ({ config }: { config: string }) => {
        process.argv = [process.execPath, main, '--config', resolve(around.cwd, config)];
        await import(main);
      });
  }
}
