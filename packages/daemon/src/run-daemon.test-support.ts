/** A daemon for the tests: `run-daemon.test-support.ts <behaviour>`; see run-daemon.test.ts. */
import { createServer } from 'node:http';
import { PopmeshError } from '@popmesh/contracts';
import { createLogger } from './logger.ts';
import { runDaemon } from './run-daemon.ts';

const behaviour = process.argv[2] ?? 'plain';

await runDaemon({
  name: 'fixture',
  logger: createLogger({ name: 'fixture', destination: 'stderr' }),
  drainTimeoutMs: behaviour === 'hangs-in-drain' ? 50 : 5000,
  start: async (signal) => {
    if (behaviour === 'fails') {
      throw new PopmeshError('address_in_use', 'port 1 is taken', { hint: 'Choose another.' });
    }
    if (behaviour === 'slow-start') {
      process.send?.({ type: 'starting' });
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      );
    }
    if (behaviour === 'ends-soon') setTimeout(() => process.exit(7), 30);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    let reloads = 0;
    const reload = async () => {
      process.send?.({ type: 'reloaded' });
      reloads++;
      if (reloads > 1) throw new PopmeshError('invalid_config', 'line 3: id: must be a DNS label');
      return { changed: ['log_level'], needRestart: ['id'] };
    };
    return {
      ...(behaviour === 'reloads' ? { reload } : {}),
      ready: { pid: process.pid, behaviour },
      drain: async () => {
        process.stdout.write('drained\n');
        if (behaviour === 'hangs-in-drain' || behaviour === 'needs-two-signals') {
          await new Promise(() => {});
        }
      },
      stop: async () => {
        process.stdout.write('stopped\n');
        if (behaviour !== 'leaks') server.close();
      },
    };
  },
});
