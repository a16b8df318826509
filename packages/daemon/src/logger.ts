import { type LogFields, type Logger, type LogLevel, PopmeshError } from '@popmesh/contracts';
import { destination, type Logger as Pino, pino, stdTimeFunctions } from 'pino';

/**
 * JSON lines by pino. Written synchronously: a daemon logs little, and the line
 * that explains a crash must not be the one that was still in a buffer.
 */

export interface LoggerOptions {
  readonly name: string;
  readonly level?: LogLevel;
  readonly destination?: 'stdout' | 'stderr';
}

/** Never printed, wherever a caller puts them (two levels deep is as deep as our fields go). */
const SECRET_FIELDS = ['token', 'authorization', 'privateKey', 'secret', 'password'];
const CAUSE_DEPTH_MAX = 5;

/** The level counts for its children, too, and may change while they are in use. */
export interface RootLogger extends Logger {
  setLevel(level: LogLevel): void;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function createLogger(options: LoggerOptions): RootLogger {
  const least = { level: LEVELS.indexOf(options.level ?? 'info') };
  const logger = wrap(
    pino(
      {
        name: options.name,
        // Ours is asked first: pino copies its own into each child once and for all.
        level: 'debug',
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: describeError },
        redact: {
          paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
          censor: '[secret]',
        },
      },
      destination({ fd: options.destination === 'stderr' ? 2 : 1, sync: true }),
    ),
    least,
  );
  const setLevel = (level: LogLevel): void => {
    least.level = LEVELS.indexOf(level);
  };
  return { ...logger, setLevel };
}

function wrap(log: Pino, least: { readonly level: number }): Logger {
  const at = (level: LogLevel): Logger['info'] => {
    const own = LEVELS.indexOf(level);
    return (message, fields) => {
      if (own >= least.level) log[level](fields ?? {}, message);
    };
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields: LogFields) => wrap(log.child(fields), least),
  };
}

/** Code first, then the chain of causes; a stack only where nobody expected the error. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const expected = error instanceof PopmeshError;
  return {
    ...(expected ? error.toJSON() : { name: error.name, message: error.message }),
    ...(expected && error.code !== 'internal' ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth >= CAUSE_DEPTH_MAX
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
  };
}
