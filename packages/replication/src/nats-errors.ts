import { type ErrorCode as PopmeshCode, PopmeshError } from '@popmesh/contracts';
import { ErrorCode, NatsError } from 'nats';

/** The one place where errors of NATS become ours, by number and never by text. */

const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;
const NO_MESSAGE_FOUND = 10037;
const WRONG_LAST_SEQUENCE = 10071;
const STORE_REFUSED = 10077;

const apiCode = (caught: unknown): number | undefined =>
  caught instanceof NatsError ? caught.api_error?.err_code : undefined;
const natsCode = (caught: unknown): string | undefined =>
  caught instanceof NatsError ? caught.code : undefined;

export const isStreamMissing = (caught: unknown): boolean => apiCode(caught) === STREAM_NOT_FOUND;
/** Someone created it first, with settings of their own: it is there, which is what matters. */
export const isStreamTaken = (caught: unknown): boolean => apiCode(caught) === STREAM_NAME_IN_USE;
export const isWrongSequence = (caught: unknown): boolean =>
  apiCode(caught) === WRONG_LAST_SEQUENCE;
/** The store did not take it: it has one of this subject, or it is full. One number for all of that. */
export const isRefusedByStore = (caught: unknown): boolean => apiCode(caught) === STORE_REFUSED;

/** The stream answers, and has no such message. */
export const isMessageMissing = (caught: unknown): boolean =>
  apiCode(caught) === NO_MESSAGE_FOUND ||
  (natsCode(caught) === '404' && apiCode(caught) === undefined);

/** Nobody listens at the subject: no such stream, no leader now, or no JetStream at all. */
export const isNobodyThere = (caught: unknown): boolean =>
  isStreamMissing(caught) || (natsCode(caught) === '503' && apiCode(caught) === undefined);

const CODES: Readonly<Record<string, PopmeshCode>> = {
  [ErrorCode.Timeout]: 'deadline_exceeded',
  [ErrorCode.MaxPayloadExceeded]: 'payload_too_large',
  [ErrorCode.AuthorizationViolation]: 'unauthenticated',
  [ErrorCode.AuthenticationExpired]: 'unauthenticated',
  [ErrorCode.AuthenticationTimeout]: 'unauthenticated',
  [ErrorCode.PermissionsViolation]: 'permission_denied',
};

export function fromNatsError(caught: unknown, what: string): PopmeshError {
  if (caught instanceof PopmeshError) return caught;
  const code = CODES[natsCode(caught) ?? ''] ?? 'unavailable';
  const reason =
    caught instanceof NatsError
      ? (caught.api_error?.description ?? caught.code)
      : caught instanceof Error
        ? caught.message
        : String(caught);
  return new PopmeshError(code, `NATS: ${what}: ${inOurWords(reason)}`, { cause: caught });
}

/** What the client and Node say is for their authors: an operator has other keys to turn. */
function inOurWords(reason: string): string {
  if (reason === ErrorCode.ServerOptionNotAvailable)
    return 'the server has no TLS, which tls:// and [nats.tls] ask for';
  return reason.replace(/; if the root CA.*$/s, ', by the CA of nats.tls.ca_file');
}
