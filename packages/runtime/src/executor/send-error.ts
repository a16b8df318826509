import type { ServerResponse } from 'node:http';
import type { PopmeshError } from '@popmesh/contracts';

/** Every error of the platform looks the same on the data plane. */
export function sendError(
  response: ServerResponse,
  error: PopmeshError,
  requestId: string,
  more: readonly string[] = [],
): void {
  const body = JSON.stringify({ error: { ...error.toJSON(), requestId } });
  const headers = [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
    'popmesh-error',
    error.code,
    ...more,
  ];
  if (error.code === 'overloaded' || error.code === 'draining') {
    headers.push('popmesh-overload', '1', 'retry-after', '1');
  }
  response.writeHead(error.facts.httpStatus, headers);
  response.end(body);
}
