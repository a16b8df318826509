import { PopmeshError } from '@popmesh/contracts';
import type { GuestRequest } from '../worker/door.ts';
import { withoutContent, withoutCredentials } from './headers.ts';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export const isRedirect = (status: number): boolean => REDIRECTS.has(status);

/** The request that a redirect asks for, after the fetch standard. Pure. */
export function redirected(request: GuestRequest, status: number, location: string): GuestRequest {
  const target = URL.parse(location, request.url);
  if (target === null) {
    throw new PopmeshError('peer_misbehaved', 'redirected to something that is not a URL');
  }
  const { method } = request;
  const becomesGet =
    (status === 303 && method !== 'GET' && method !== 'HEAD') ||
    ((status === 301 || status === 302) && method === 'POST');
  if (!becomesGet && request.body.kind === 'pipe') {
    throw new PopmeshError('peer_misbehaved', 'redirected a streamed body, which cannot be resent');
  }
  const sameOrigin = target.origin === new URL(request.url).origin;
  let { headers } = request;
  if (becomesGet) headers = withoutContent(headers);
  if (!sameOrigin) headers = withoutCredentials(headers);
  return {
    method: becomesGet ? 'GET' : method,
    url: target.href,
    headers,
    body: becomesGet ? { kind: 'none' } : request.body,
  };
}
