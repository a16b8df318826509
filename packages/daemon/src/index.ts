export { Closing } from './closing.ts';
export { holdFolder } from './hold-folder.ts';
export { announceProblem, isLoopback, isWildcard } from './listen-address.ts';
export { type LoadConfigOptions, loadConfig } from './load-config.ts';
export { createLogger, type LoggerOptions, type RootLogger } from './logger.ts';
export { createMetrics, type ExposedMetrics, METRIC_LABEL_SETS_MAX } from './metrics.ts';
export { realClock } from './real-clock.ts';
export { realRandom } from './real-random.ts';
export { changedKeys, type Reloaded, reloadedOf } from './reload.ts';
export { type DaemonOptions, type RunningDaemon, runDaemon } from './run-daemon.ts';
export {
  type ReadyInfo,
  type SupervisedProcess,
  type SuperviseOptions,
  superviseProcess,
} from './supervise-process.ts';
