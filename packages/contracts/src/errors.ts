/**
 * One error class with a closed table of codes, instead of a class per message:
 * the code travels (gRPC, HTTP, logs, `--json`), the message is for a person.
 */

/** Whose fault: the caller's request, the tenant's function, a peer on the mesh, or popmesh itself. */
export type Fault = 'caller' | 'function' | 'peer' | 'platform';

export interface CodeFacts {
  readonly fault: Fault;
  /** Whether the same call, made again elsewhere or later, may succeed. */
  readonly retryable: boolean;
  readonly httpStatus: number;
}

const row = (fault: Fault, retryable: boolean, httpStatus: number): CodeFacts => ({
  fault,
  retryable,
  httpStatus,
});

export const ERROR_CODES = {
  // The caller's request.
  invalid_argument: row('caller', false, 400),
  invalid_config: row('caller', false, 400),
  invalid_component: row('caller', false, 422),
  import_not_allowed: row('caller', false, 422),
  build_failed: row('caller', false, 422),
  unauthenticated: row('caller', false, 401),
  permission_denied: row('caller', false, 403),
  not_found: row('caller', false, 404),
  function_not_found: row('caller', false, 404),
  conflict: row('caller', false, 409),
  host_taken: row('caller', false, 409),
  quota_exceeded: row('caller', false, 403),
  above_ceiling: row('caller', false, 422),
  client_limit_exceeded: row('caller', true, 429),
  request_too_slow: row('caller', true, 408),
  payload_too_large: row('caller', false, 413),
  address_in_use: row('caller', false, 500),
  id_in_use: row('caller', false, 500),
  folder_in_use: row('caller', false, 500),
  // The tenant's function.
  cpu_limit_exceeded: row('function', false, 503),
  memory_limit_exceeded: row('function', false, 503),
  timeout_exceeded: row('function', false, 504),
  response_too_large: row('function', false, 502),
  log_limit_exceeded: row('function', false, 500),
  outbound_denied: row('function', false, 502),
  outbound_limit_exceeded: row('function', false, 502),
  function_trapped: row('function', false, 500),
  function_threw: row('function', false, 500),
  invalid_response: row('function', false, 502),
  // A peer, or the network between.
  peer_unavailable: row('peer', true, 502),
  peer_misbehaved: row('peer', true, 502),
  digest_mismatch: row('peer', true, 502),
  bad_signature: row('peer', false, 403),
  no_healthy_node: row('peer', true, 503),
  // popmesh itself.
  overloaded: row('platform', true, 503),
  draining: row('platform', true, 503),
  clock_skewed: row('platform', true, 503),
  deadline_exceeded: row('platform', true, 504),
  cancelled: row('platform', false, 499),
  storage_failed: row('platform', true, 507),
  executor_failed: row('platform', true, 502),
  unavailable: row('platform', true, 503),
  unimplemented: row('platform', false, 501),
  internal: row('platform', false, 500),
} as const satisfies Record<string, CodeFacts>;

export type ErrorCode = keyof typeof ERROR_CODES;

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);

export interface PopmeshErrorOptions {
  /** What a person should do next, one sentence. */
  readonly hint?: string;
  /** Small, safe to show: names of limits, paths of config keys, ids. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
  /** Logged, never sent. */
  readonly cause?: unknown;
}

export class PopmeshError extends Error {
  override readonly name = 'PopmeshError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, options: PopmeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get facts(): CodeFacts {
    return ERROR_CODES[this.code];
  }

  /** The only entry for caught values: an error of ours stays, anything else becomes `fallback`. */
  static from(caught: unknown, fallback: ErrorCode = 'internal'): PopmeshError {
    if (caught instanceof PopmeshError) return caught;
    const message = caught instanceof Error ? caught.message : String(caught);
    return new PopmeshError(fallback, message, { cause: caught });
  }

  /** The shape every border sends: HTTP bodies, `--json`, gRPC details. Never has the cause. */
  toJSON(): ErrorBody {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(Object.keys(this.details).length === 0 ? {} : { details: this.details }),
    };
  }

  /** Reads what `toJSON` wrote at the other side of a border. */
  static fromJSON(body: unknown, fallback: ErrorCode = 'internal'): PopmeshError {
    if (typeof body !== 'object' || body === null) return new PopmeshError(fallback, String(body));
    const { code, message, hint, details } = body as Partial<ErrorBody>;
    return new PopmeshError(isErrorCode(code) ? code : fallback, String(message ?? 'no message'), {
      ...(typeof hint === 'string' ? { hint } : {}),
      ...(typeof details === 'object' && details !== null ? { details } : {}),
    });
  }
}

export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** `address` is host and port; why the system refuses it is in the cause. */
export const addressInUse = (address: string, cause: Error): PopmeshError =>
  new PopmeshError('address_in_use', `cannot listen on ${address}`, {
    hint: 'Another process holds this port, or this machine does not have the address.',
    cause,
  });
