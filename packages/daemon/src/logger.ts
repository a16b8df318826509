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

export function createLogger(options: LoggerOptions): Logger {
  return wrap(
    pino(
      {
        name: options.name,
        level: options.level ?? 'info',
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
  );
}

const wrap = (log: Pino): Logger => ({
  debug: (message, fields) => log.debug(fields ?? {}, message),
  info: (message, fields) => log.info(fields ?? {}, message),
  warn: (message, fields) => log.warn(fields ?? {}, message),
  error: (message, fields) => log.error(fields ?? {}, message),
  child: (fields: LogFields) => wrap(log.child(fields)),
});

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
