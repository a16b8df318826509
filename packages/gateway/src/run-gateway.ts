import { flushCompileCache } from 'node:module';
import { type Clock, PopmeshError } from '@popmesh/contracts';
import { createLogger, createMetrics, realClock, realRandom, runDaemon } from '@popmesh/daemon';
import { type GatewayConfig, loadGatewayConfig } from './config.ts';
import { startGateway } from './start-gateway.ts';

/** The gateway as a process: real clock, real randomness, signals. */

/** The parent is told that we are ready when functions are known, or when this has passed. */
const READY_WAIT_MS = 5_000;
const DRAIN_MARGIN_MS = 2_000;

export async function runGateway(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
  /** For tests that need a machine whose clock is wrong. */
  clock: Clock = realClock,
): Promise<never> {
  const config = load(file, env);
  const failed = config instanceof PopmeshError;
  const logger = createLogger({
    name: 'popmesh-gateway',
    level: failed ? 'error' : config.logLevel,
    destination: 'stderr',
  });
  return runDaemon({
    name: 'popmesh gateway',
    logger,
    drainTimeoutMs: failed ? 0 : config.drain.noticeMs + config.drain.timeoutMs + DRAIN_MARGIN_MS,
    start: async (signal) => {
      if (failed) throw config;
      const metrics = createMetrics();
      const deps = { clock, random: realRandom, logger, metrics, pid };
      const gateway = await startGateway(config, deps, signal);
      const waited = new AbortController();
      await Promise.race([
        gateway.whenReady,
        realClock.sleep(READY_WAIT_MS, AbortSignal.any([waited.signal, signal])).catch(() => {}),
      ]);
      waited.abort();
      // Now, since a SIGKILL would leave the next start without it.
      flushCompileCache();
      return {
        ready: { ...gateway.ready, state: gateway.state },
        notReady: () => gateway.notReady(),
        whenReady: gateway.whenReady,
        whenLost: gateway.whenLost,
        drain: () => gateway.drain(),
        stop: () => gateway.stop(),
        reload: async () => {
          const next = loadGatewayConfig(file, env);
          const reloaded = await gateway.reload(next);
          logger.setLevel(next.logLevel);
          return reloaded;
        },
      };
    },
  });
}

function load(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): GatewayConfig | PopmeshError {
  try {
    return loadGatewayConfig(file, env);
  } catch (caught) {
    return PopmeshError.from(caught);
  }
}
