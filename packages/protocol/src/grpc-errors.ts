import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ERROR_CODES, type ErrorCode, PopmeshError } from '@popmesh/contracts';

/** The only place where our codes meet gRPC's; the full error rides in a trailer. */

const TRAILER = 'popmesh-error-bin';
const TRAILER_BYTES_MAX = 4096;

const BY_HTTP_STATUS: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  409: status.ABORTED,
  413: status.RESOURCE_EXHAUSTED,
  422: status.FAILED_PRECONDITION,
  499: status.CANCELLED,
  501: status.UNIMPLEMENTED,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
  507: status.RESOURCE_EXHAUSTED,
};

/** What grpc-js itself reports, without our trailer: a peer that is gone, slow, or not ours. */
const FROM_STATUS: Readonly<Partial<Record<status, ErrorCode>>> = {
  [status.UNAVAILABLE]: 'peer_unavailable',
  [status.DEADLINE_EXCEEDED]: 'deadline_exceeded',
  [status.CANCELLED]: 'cancelled',
  [status.UNIMPLEMENTED]: 'unimplemented',
  [status.RESOURCE_EXHAUSTED]: 'payload_too_large',
  [status.NOT_FOUND]: 'not_found',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'permission_denied',
};

export function toServiceError(caught: unknown): Partial<ServiceError> {
  const error = PopmeshError.from(caught);
  const metadata = new Metadata();
  const body = Buffer.from(JSON.stringify(error));
  if (body.length <= TRAILER_BYTES_MAX) metadata.set(TRAILER, body);
  return {
    code: BY_HTTP_STATUS[ERROR_CODES[error.code].httpStatus] ?? status.INTERNAL,
    details: error.message.slice(0, 500),
    metadata,
  };
}

export function fromServiceError(caught: unknown, peer: string): PopmeshError {
  if (!(caught instanceof Error) || !('code' in caught)) return PopmeshError.from(caught);
  const { code, details, metadata } = caught as ServiceError;
  const trailer = metadata?.get(TRAILER)[0];
  if (Buffer.isBuffer(trailer)) {
    try {
      return PopmeshError.fromJSON(JSON.parse(trailer.toString('utf8')));
    } catch {
      return new PopmeshError('peer_misbehaved', `${peer} sent an unreadable error`);
    }
  }
  return new PopmeshError(FROM_STATUS[code] ?? 'peer_misbehaved', `${peer}: ${plain(details)}`, {
    cause: caught,
  });
}

/** Of what grpc-js says, that which is about the connection; its times would make each one new. */
const plain = (details: string): string =>
  details
    .replace(/^No connection established\. Last error: (?:Error: )?/, '')
    .replace(/ ?\(\d{4}-[^)]*Z\)/, '')
    .replace(/\. Resolution note: $/, '');
