import type { ServerResponse } from 'node:http';
import type { PopmeshError } from '@popmesh/contracts';

/** The one shape of an answer that comes from the platform and not from a function. */

const RETRY_AFTER_S = '1';

export function sendError(
  res: ServerResponse,
  error: PopmeshError,
  requestId: string,
  options: { readonly close?: boolean; readonly head?: boolean; readonly status?: number } = {},
): void {
  if (res.headersSent || res.destroyed) {
    // Too late to say anything: a cut is the only honest end of a started answer.
    res.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify({ error: { ...error.toJSON(), requestId } }));
  const status = options.status ?? error.facts.httpStatus;
  const headers = [
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'popmesh-error',
    error.code,
    'popmesh-request-id',
    requestId,
  ];
  if (status === 503 || status === 429) headers.push('retry-after', RETRY_AFTER_S);
  if (options.close === true) headers.push('connection', 'close');
  res.writeHead(status, headers);
  res.end(options.head === true ? undefined : body);
}
