import type { FunctionId, LogLevel } from '@popmesh/contracts';
import type { LogEntry, LogEntrySchema, MessageInitShape } from '@popmesh/protocol';

/** One line of a function's log, and its two forms: on the wire between nodes, and in the API. */
export interface LogLine {
  readonly timeMs: number;
  readonly node: string;
  readonly pop: string;
  readonly function: FunctionId;
  readonly version: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly requestId: string;
}

export interface LogFilter {
  /** Undefined means all. */
  readonly namespace?: string;
  readonly function?: FunctionId;
}

export const LOG_LINE_BYTES_MAX = 16 * 1024;
/** What a line costs beside its message. */
const LINE_OVERHEAD_BYTES = 256;
const CUT = '… (cut)';

export const lineBytes = (line: LogLine): number => line.message.length + LINE_OVERHEAD_BYTES;

/** At most `LOG_LINE_BYTES_MAX` of UTF-8, never half a character. */
export function boundedMessage(message: string): string {
  // UTF-8 needs at most three bytes for each UTF-16 unit, so most lines are not measured.
  if (message.length * 3 <= LOG_LINE_BYTES_MAX) return message;
  if (Buffer.byteLength(message) <= LOG_LINE_BYTES_MAX) return message;
  const room = LOG_LINE_BYTES_MAX - Buffer.byteLength(CUT);
  const bytes = Buffer.from(message.slice(0, room)).subarray(0, room);
  let end = bytes.length;
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--;
  const lead = bytes[end - 1] ?? 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  const whole = end - 1 + length <= bytes.length ? end - 1 + length : end - 1;
  return bytes.subarray(0, whole).toString('utf8') + CUT;
}

export function matches(filter: LogFilter, line: LogLine): boolean {
  if (filter.function !== undefined) return line.function === filter.function;
  return filter.namespace === undefined || line.function.startsWith(`${filter.namespace}/`);
}

export function toEntry(line: LogLine): MessageInitShape<typeof LogEntrySchema> {
  const [namespace = '', name = ''] = line.function.split('/');
  return {
    timeMs: BigInt(Math.max(0, Math.floor(line.timeMs))),
    node: line.node,
    pop: line.pop,
    namespace,
    name,
    version: line.version,
    level: line.level,
    message: line.message,
    requestId: line.requestId,
  };
}

const isLevel = (level: string): level is LogLevel =>
  level === 'debug' || level === 'info' || level === 'warn' || level === 'error';

/** `node` is whom we asked: a peer cannot speak in the name of another. */
export function fromEntry(entry: LogEntry, node: string): LogLine {
  return {
    timeMs: Number(entry.timeMs),
    node,
    pop: entry.pop,
    function: `${entry.namespace}/${entry.name}`,
    version: entry.version,
    level: isLevel(entry.level) ? entry.level : 'info',
    message: boundedMessage(entry.message),
    requestId: entry.requestId.slice(0, 128),
  };
}
