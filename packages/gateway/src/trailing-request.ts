import { type IncomingMessage, request } from 'node:http';
import type { Readable } from 'node:stream';
import type { Clock } from '@popmesh/contracts';
import type { Dispatcher } from 'undici';

/**
 * A try whose client announced trailers, or has sent nothing but its head and may wait for an answer
 * first. undici sends no trailers and no head without a body behind it, so node:http does it, on a
 * connection of its own that ends with it, and tells the same handler the same. Refused: node:http for all
 * requests, as two ways to a data plane are dear only to those that need the second.
 */

export interface TrailingRequest {
  readonly address: string;
  readonly path: string;
  readonly method: string;
  /** Flat pairs. */
  readonly headers: readonly string[];
  readonly body: Readable;
  /** Asked when the body is at its end. */
  readonly trailers: () => [string, string][];
  readonly connectTimeoutMs: number;
  /** Longest silence in the middle of a response body. */
  readonly bodyStallMs: number;
  readonly clock: Clock;
}

const RESPONSE_HEADER_BYTES_MAX = 64 * 1024;

export function dispatchWithTrailers(
  options: TrailingRequest,
  handler: Dispatcher.DispatchHandler,
): void {
  const { address, path, method, headers, body, trailers, clock } = options;
  const colon = address.lastIndexOf(':');
  const sent = request({
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(colon + 1)),
    path,
    method,
    headers: [...headers, 'transfer-encoding', 'chunked', 'connection', 'close'],
    agent: false,
    maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
  });
  let response: IncomingMessage | undefined;
  let reason: Error | null = null;
  const controller: Dispatcher.DispatchController = {
    get aborted() {
      return reason !== null;
    },
    get paused() {
      return response?.isPaused() ?? false;
    },
    get reason() {
      return reason;
    },
    abort: (error) => {
      reason ??= error;
      sent.destroy(error);
    },
    pause: () => void response?.pause(),
    resume: () => void response?.resume(),
  };
  let over = false;
  const fail = (error: Error): void => {
    late.cancel();
    if (over) return;
    over = true;
    handler.onResponseError?.(controller, error);
    sent.destroy();
  };
  const late = clock.setTimer(options.connectTimeoutMs, () =>
    fail(new Error(`${address} did not accept a connection in ${options.connectTimeoutMs} ms`)),
  );
  sent.on('error', fail);
  sent.on('close', () => fail(new Error(`${address} closed the connection`)));
  sent.on('socket', (socket) =>
    socket.once('connect', () => {
      late.cancel();
      if (over) return;
      handler.onRequestStart?.(controller, {});
      // Not before: what was never sent may go to any other node.
      body.on('end', () => {
        sent.addTrailers(trailers());
        sent.end();
      });
      sent.flushHeaders();
      body.pipe(sent, { end: false });
    }),
  );
  sent.on('response', (answer) => {
    response = answer;
    const { statusCode = 0, rawHeaders, statusMessage } = answer;
    handler.onResponseStart?.(controller, statusCode, recordOf(rawHeaders), statusMessage);
    answer.setTimeout(options.bodyStallMs, () => {
      if (!answer.isPaused()) fail(new Error(`${address} fell silent`));
    });
    answer.on('data', (chunk: Buffer) => handler.onResponseData?.(controller, chunk));
    answer.on('error', fail);
    answer.on('end', () => {
      if (over) return;
      over = true;
      handler.onResponseEnd?.(controller, recordOf(answer.rawTrailers));
      // The rest of an upload that was answered early is read by nobody.
      sent.destroy();
    });
  });
}

/** As undici gives them: names in lower case, an array where one comes again. */
function recordOf(raw: readonly string[]): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [(raw[i] as string).toLowerCase(), raw[i + 1] as string];
    const held = record[name];
    if (held === undefined) record[name] = value;
    else record[name] = Array.isArray(held) ? [...held, value] : [held, value];
  }
  return record;
}
