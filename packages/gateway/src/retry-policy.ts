/**
 * Whether a failed try may be repeated at another node. Pure.
 *
 * `never_sent`: no byte left (connection refused); always safe and free.
 * `not_executed`: the node said so (overload, draining, function not there).
 * `unknown`: it may have run; only what may be repeated by its own nature goes on.
 */
export type Failure = 'never_sent' | 'not_executed' | 'unknown';

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** By method (RFC 9110), or because the author promised with an Idempotency-Key. */
export const isIdempotent = (method: string, idempotencyKey: boolean): boolean =>
  idempotencyKey || IDEMPOTENT.has(method);

/** Tries that cost nothing are bounded all the same. */
export const TRIES_MAX = 16;
/** A next node that pushes back less than this takes spilled traffic without budget. */
const QUIET_SHED_SHARE = 0.5;

export interface RetryQuestion {
  readonly failure: Failure;
  readonly idempotent: boolean;
  /** The body can be sent again from its start. */
  readonly replayable: boolean;
  /** Tries in which bytes were sent. */
  readonly sentAttempts: number;
  readonly tries: number;
  readonly attemptsMax: number;
}

export function mayRetry(question: RetryQuestion): boolean {
  if (question.tries >= TRIES_MAX) return false;
  if (question.failure === 'never_sent') return true;
  if (!question.replayable) return false;
  if (question.failure === 'unknown' && !question.idempotent) return false;
  return question.sentAttempts < question.attemptsMax;
}

/** Spilling towards a quiet node is the plan; towards one that pushes back it is a storm. */
export const needsBudget = (failure: Failure, nextShedShare: number): boolean =>
  failure === 'unknown' || (failure === 'not_executed' && nextShedShare >= QUIET_SHED_SHARE);
