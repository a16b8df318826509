/** The process `popmesh`: everything outside of it is given to `runCli` from here. */
import { createInterface } from 'node:readline/promises';
import { runCli } from './program.ts';

const interrupted = new AbortController();
process.once('SIGINT', () => {
  interrupted.abort(new Error('interrupted'));
  // A second one ends the process at once, whatever the command is doing; `dev` has its own.
  if (process.listenerCount('SIGINT') === 0) process.once('SIGINT', () => process.exit(130));
});
// The reader of a pipe may go away first (`popmesh logs | head`): that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  now: Date.now,
  ask: process.stdin.isTTY === true && process.stderr.isTTY === true ? ask : undefined,
  interrupted: interrupted.signal,
});

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question, { signal: interrupted.signal });
  } finally {
    lines.close();
  }
}
