import type { PopmeshError } from '@popmesh/contracts';
import type { Exchange } from './http1/exchange.ts';
import { toHead } from './response-head.ts';

/** Every error of the platform looks the same on the data plane. */
export function sendError(
  exchange: Exchange,
  error: PopmeshError,
  requestId: string,
  more: readonly string[] = [],
): void {
  const body = Buffer.from(JSON.stringify({ error: { ...error.toJSON(), requestId } }));
  const headers = ['content-type', 'application/json', 'popmesh-error', error.code, ...more];
  if (error.code === 'overloaded' || error.code === 'draining') {
    headers.push('popmesh-overload', '1', 'retry-after', '1');
  }
  exchange.respond(error.facts.httpStatus, toHead(headers), '', body);
}
