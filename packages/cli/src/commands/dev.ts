import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { ExitWith, type Surroundings, terminalOf } from '../command-line.ts';
import { runDev } from '../dev/dev.ts';
import type { LocalMesh } from '../dev/local-mesh.ts';

interface Options {
  readonly state: string;
  readonly host: string;
  readonly port: number;
  readonly fresh?: boolean;
  readonly deploy?: string[];
}

/** One Ctrl-C arrives up to three times: from the terminal, from npm, and from the starting script. */
const SAME_CTRL_C_MS = 500;

export function registerDev(program: Command, around: Surroundings): void {
  program
    .command('dev')
    .description('a mesh of three places on this computer: the real daemons, NATS and a gateway')
    .option('--port <port>', 'of the gateway', parsePort, 8080)
    .option('--host <address>', 'of the gateway', '127.0.0.1')
    .option('--state <folder>', 'what is kept between runs', '.popmesh')
    .option(
      '--deploy <folders...>',
      "functions to serve; default: this folder's, else the examples",
    )
    .option('--fresh', 'forget the state of earlier runs first')
    .addHelpText(
      'after',
      `
Examples:
  popmesh dev
  popmesh dev --port 9000 --deploy ./shop ./search
  cd my-function && popmesh dev     # deploys it, and again at each save

With --json one line is printed when everything is ready. The first Ctrl-C ends
everything in order, the second at once.`,
    )
    .action(async (options: Options, command: Command) => {
      const terminal = terminalOf(command, around);
      const ending = new AbortController();
      let mesh: LocalMesh | undefined;
      let endingSinceMs = Number.NEGATIVE_INFINITY;
      const end = (): void => {
        const nowMs = performance.now();
        if (nowMs - endingSinceMs < SAME_CTRL_C_MS) return;
        endingSinceMs = nowMs;
        if (ending.signal.aborted) {
          mesh?.kill();
          process.exit(1);
        }
        ending.abort(new Error('interrupted'));
      };
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
      // The script that started us was killed outright: nobody else would end the mesh.
      if (process.connected) process.once('disconnect', end);
      if (around.interrupted.aborted) end();
      try {
        await runDev(
          {
            cwd: around.cwd,
            state: resolve(around.cwd, options.state),
            host: options.host,
            port: options.port,
            fresh: options.fresh === true,
            deploy: options.deploy,
            command: around.env.npm_command === undefined ? 'popmesh' : 'npm run popmesh --',
            env: around.env,
          },
          terminal,
          ending.signal,
          (started) => {
            mesh = started;
          },
        );
      } finally {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, end);
        process.off('disconnect', end);
      }
      // Ended by Ctrl-C as it should be: that is no failure, whatever `interrupted` says.
      throw new ExitWith(0);
    });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('Use 1 to 65535.');
}
