import { RingBroken, type RingReader } from './byte-ring.ts';
import type { Outbox } from './outbox.ts';

/**
 * The records that go through a ring: a whole request, a whole response, a log line. Words
 * first, then the strings and bytes behind one another. Requests are Latin-1, as HTTP heads are;
 * what a guest says is UTF-8. Each `write` says whether the ring took it.
 */

export const RECORD = { request: 1, response: 2, log: 3 } as const;

export const recordKind = (reader: RingReader): number => reader.words[reader.at >> 2] as number;

export interface RequestRecord {
  readonly id: number;
  readonly sequence: number;
  readonly requestId: string;
  readonly method: string;
  readonly url: string;
  readonly headerLines: string;
  readonly body: Uint8Array | undefined;
}

const REQUEST_WORDS = 8;

export function writeRequest(
  outbox: Outbox,
  id: number,
  sequence: number,
  requestId: string,
  method: string,
  url: string,
  headerLines: string,
  body: Uint8Array | undefined,
): boolean {
  const bodyBytes = body === undefined ? -1 : body.length;
  const textBytes = requestId.length + method.length + url.length + headerLines.length;
  const size = REQUEST_WORDS * 4 + textBytes + Math.max(0, bodyBytes);
  const at = outbox.reserve(size);
  if (at < 0) return false;
  const { words, bytes } = outbox.writer;
  const word = at >> 2;
  words[word] = RECORD.request;
  words[word + 1] = id;
  words[word + 2] = sequence;
  words[word + 3] = requestId.length;
  words[word + 4] = method.length;
  words[word + 5] = url.length;
  words[word + 6] = headerLines.length;
  words[word + 7] = bodyBytes;
  let end = at + REQUEST_WORDS * 4;
  end += bytes.latin1Write(requestId, end);
  end += bytes.latin1Write(method, end);
  end += bytes.latin1Write(url, end);
  end += bytes.latin1Write(headerLines, end);
  if (body !== undefined) bytes.set(body, end);
  outbox.commit(size);
  return true;
}

export function readRequest(reader: RingReader): RequestRecord {
  const { words, bytes } = reader;
  const word = reader.at >> 2;
  const idEnd = words[word + 3] as number;
  const methodEnd = idEnd + (words[word + 4] as number);
  const urlEnd = methodEnd + (words[word + 5] as number);
  const linesEnd = urlEnd + (words[word + 6] as number);
  const bodyBytes = words[word + 7] as number;
  const start = reader.at + REQUEST_WORDS * 4;
  const end = linesEnd + Math.max(0, bodyBytes);
  const ordered = 0 <= idEnd && idEnd <= methodEnd && methodEnd <= urlEnd && urlEnd <= linesEnd;
  if (!ordered || REQUEST_WORDS * 4 + end > reader.length) throw torn();
  // One string for all: its parts are views of it.
  const text = bytes.latin1Slice(start, start + linesEnd);
  return {
    id: words[word + 1] as number,
    sequence: words[word + 2] as number,
    requestId: text.slice(0, idEnd),
    method: text.slice(idEnd, methodEnd),
    url: text.slice(methodEnd, urlEnd),
    headerLines: text.slice(urlEnd, linesEnd),
    body: bodyBytes < 0 ? undefined : copy(bytes, start + linesEnd, bodyBytes),
  };
}

const RESPONSE_WORDS = 5;
/** Room for each UTF-16 unit as UTF-8. */
const UTF8_BYTES_MAX = 3;

export function writeResponse(
  outbox: Outbox,
  id: number,
  status: number,
  headerLines: string,
  body: string | Uint8Array | undefined,
): boolean {
  const bodyBytesMax =
    body === undefined ? 0 : typeof body === 'string' ? utf8Room(body) : body.length;
  const at = outbox.reserve(RESPONSE_WORDS * 4 + utf8Room(headerLines) + bodyBytesMax);
  if (at < 0) return false;
  const { words, bytes } = outbox.writer;
  const start = at + RESPONSE_WORDS * 4;
  const linesBytes = bytes.utf8Write(headerLines, start);
  let bodyBytes = 0;
  if (typeof body === 'string') bodyBytes = bytes.utf8Write(body, start + linesBytes);
  else if (body !== undefined) {
    bytes.set(body, start + linesBytes);
    bodyBytes = body.length;
  }
  const word = at >> 2;
  words[word] = RECORD.response;
  words[word + 1] = id;
  words[word + 2] = status;
  words[word + 3] = linesBytes;
  words[word + 4] = bodyBytes;
  outbox.commit(RESPONSE_WORDS * 4 + linesBytes + bodyBytes);
  return true;
}

/** Short strings are not measured: their room is at most so much. */
const MEASURED_LENGTH_MIN = 4_096;
const utf8Room = (text: string): number =>
  text.length < MEASURED_LENGTH_MIN ? text.length * UTF8_BYTES_MAX : Buffer.byteLength(text);

export const responseId = (reader: RingReader): number =>
  reader.words[(reader.at >> 2) + 1] as number;
export const responseStatus = (reader: RingReader): number =>
  reader.words[(reader.at >> 2) + 2] as number;

export function responseLines(reader: RingReader): string {
  const { words, bytes } = reader;
  const linesBytes = words[(reader.at >> 2) + 3] as number;
  if (linesBytes < 0 || RESPONSE_WORDS * 4 + linesBytes > reader.length) throw torn();
  const start = reader.at + RESPONSE_WORDS * 4;
  return bytes.utf8Slice(start, start + linesBytes);
}

/** One character per byte: the form in which small bodies are cheapest to pass on. */
export function responseBody(reader: RingReader): string {
  const { words, bytes } = reader;
  const word = reader.at >> 2;
  const linesBytes = words[word + 3] as number;
  const bodyBytes = words[word + 4] as number;
  if (linesBytes < 0 || bodyBytes < 0) throw torn();
  if (RESPONSE_WORDS * 4 + linesBytes + bodyBytes > reader.length) throw torn();
  const start = reader.at + RESPONSE_WORDS * 4 + linesBytes;
  return bodyBytes === 0 ? '' : bytes.latin1Slice(start, start + bodyBytes);
}

export interface LogRecord {
  readonly level: number;
  readonly message: string;
  readonly requestId: string;
}

const LOG_WORDS = 4;

export function writeLog(
  outbox: Outbox,
  level: number,
  message: string,
  requestId: string,
): boolean {
  const at = outbox.reserve(LOG_WORDS * 4 + utf8Room(message) + utf8Room(requestId));
  if (at < 0) return false;
  const { words, bytes } = outbox.writer;
  const start = at + LOG_WORDS * 4;
  const messageBytes = bytes.utf8Write(message, start);
  const idBytes = bytes.utf8Write(requestId, start + messageBytes);
  const word = at >> 2;
  words[word] = RECORD.log;
  words[word + 1] = level;
  words[word + 2] = messageBytes;
  words[word + 3] = idBytes;
  outbox.commit(LOG_WORDS * 4 + messageBytes + idBytes);
  return true;
}

export function readLog(reader: RingReader): LogRecord {
  const { words, bytes } = reader;
  const word = reader.at >> 2;
  const messageBytes = words[word + 2] as number;
  const idBytes = words[word + 3] as number;
  if (messageBytes < 0 || idBytes < 0) throw torn();
  if (LOG_WORDS * 4 + messageBytes + idBytes > reader.length) throw torn();
  const start = reader.at + LOG_WORDS * 4;
  return {
    level: words[word + 1] as number,
    message: bytes.utf8Slice(start, start + messageBytes),
    requestId: bytes.utf8Slice(start + messageBytes, start + messageBytes + idBytes),
  };
}

function copy(from: Buffer, at: number, length: number): Uint8Array {
  const to = new Uint8Array(length);
  to.set(from.subarray(at, at + length));
  return to;
}

const torn = (): Error => new RingBroken('a record between threads contradicts itself');
