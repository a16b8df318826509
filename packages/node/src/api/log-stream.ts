import { type Clock, functionId, parseFunctionId, parseName } from '@popmesh/contracts';
import type { LogFilter, LogLine } from '../log-line.ts';

/** Log lines as NDJSON, until the reader goes away. */

/** An empty line: shorter than what proxies on the way allow a silent connection. */
const HEARTBEAT_MS = 15_000;

/** `function` is a name in `namespace`, or `namespace/name`. */
export function parseLogFilter(namespace: string | undefined, fn: string | undefined): LogFilter {
  if (fn !== undefined) {
    const whole = fn.includes('/') || namespace === undefined ? fn : `${namespace}/${fn}`;
    const id = parseFunctionId(whole);
    return { function: functionId(id.namespace, id.name) };
  }
  return namespace === undefined ? {} : { namespace: parseName(namespace, 'namespace') };
}

export function logStream(
  open: (signal: AbortSignal) => AsyncIterable<LogLine>,
  mayPass: (line: LogLine) => boolean,
  signal: AbortSignal,
  clock: Clock,
): Response {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const iterator = open(both)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      // Also makes the headers leave at once: a quiet function should not look like a hanging server.
      controller.enqueue(encoder.encode('\n'));
      const beat = async (): Promise<void> => {
        for (;;) {
          await clock.sleep(HEARTBEAT_MS, both);
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode('\n'));
        }
      };
      beat().catch(() => {});
    },
    // Pulled, so that the bounded feed behind it, and not this stream, is what fills up.
    pull: async (controller) => {
      for (;;) {
        const { done, value } = await iterator.next();
        if (done) {
          over.abort();
          controller.close();
          return;
        }
        if (!mayPass(value)) continue;
        controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
        return;
      }
    },
    cancel: async () => {
      over.abort();
      await iterator.return?.();
    },
  });
  return new Response(body, {
    headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' },
  });
}
