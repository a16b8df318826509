import { flushCompileCache } from 'node:module';
import { type Clock, PopmeshError } from '@popmesh/contracts';
import { createLogger, createMetrics, realClock, realRandom, runDaemon } from '@popmesh/daemon';
import { loadNodeConfig, type NodeConfig } from './config.ts';
import { startNode } from './start-node.ts';

/** The node as a process: real clock, real randomness, signals. */

/** The parent is told that we are ready when we are, or when this has passed. */
const READY_WAIT_MS = 5000;
/** Beside the budgets of the steps, which add up to less. */
const DRAIN_MARGIN_MS = 2000;

type Environment = Readonly<Record<string, string | undefined>>;

/** `clock` is for tests that need a machine whose clock is wrong. */
export async function runNode(
  file: string,
  env: Environment,
  clock: Clock = realClock,
): Promise<never> {
  const config = load(file, env);
  const logger = createLogger({
    name: 'popmesh-node',
    level: config instanceof PopmeshError ? 'error' : config.logLevel,
    destination: 'stderr',
  });
  const drainTimeoutMs =
    config instanceof PopmeshError
      ? 0
      : config.drain.noticeMs + config.drain.timeoutMs + DRAIN_MARGIN_MS;
  return runDaemon({
    name: 'popmesh node',
    logger,
    drainTimeoutMs,
    stopTimeoutMs: 30_000,
    start: async (signal) => {
      if (config instanceof PopmeshError) throw config;
      const node = await startNode(
        config,
        {
          clock,
          random: realRandom,
          logger,
          metrics: createMetrics(),
          pid: process.pid,
        },
        signal,
      );
      const waited = new AbortController();
      await Promise.race([
        node.whenReady,
        realClock.sleep(READY_WAIT_MS, AbortSignal.any([waited.signal, signal])).catch(() => {}),
      ]);
      waited.abort();
      // Now, since a crash or a SIGKILL would leave the next start without it.
      flushCompileCache();
      return {
        ready: { ...node.ready, state: node.state },
        notReady: () => node.notReady(),
        whenReady: node.whenReady,
        whenLost: node.whenLost,
        drain: () => node.drain(),
        stop: () => node.stop(),
        reload: async () => {
          const next = loadNodeConfig(file, env);
          const reloaded = await node.reload(next);
          logger.setLevel(next.logLevel);
          return reloaded;
        },
      };
    },
  });
}

function load(file: string, env: Environment): NodeConfig | PopmeshError {
  try {
    return loadNodeConfig(file, env);
  } catch (caught) {
    return PopmeshError.from(caught);
  }
}
