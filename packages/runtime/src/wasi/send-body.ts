import type { Clock } from '@popmesh/contracts';
import type { Body, Pipe } from '../worker/door.ts';
import type { BodySink } from './body-sink.ts';
import { WASI_LIMITS } from './limits.ts';

export interface SendContext {
  readonly clock: Clock;
  createPipe(): Pipe;
}

/** A body that has not left yet. */
export interface HeldBody {
  /** Now, in whatever way it can. */
  go(): void;
  /** The guest lets others run: the time for it to be finished begins. */
  arm(): void;
}

/**
 * Decides how a body leaves: whole when the guest finishes it within `headHoldMs`, else (or
 * when it has trailers, which need chunks before them) as a pipe. Refused: a pipe always (a pipe costs a hello-world three messages between threads),
 * and waiting for the end always (an event stream would never begin).
 *
 * `send` is called exactly once, perhaps at once. A whole body leaves when it is finished
 * (`whole: 'at-once'`), or is kept for `go`, within the same time (`'held'`). The time of a
 * held one begins with `arm`: before that no timer could fire, and most guests never wait.
 */
export function sendBody(
  sink: BodySink | undefined,
  context: SendContext,
  whole: 'at-once' | 'held',
  send: (body: Body) => void,
): HeldBody {
  let sent = false;
  let timer: { cancel(): void } | undefined;
  const go = (): void => {
    if (sent) return;
    sent = true;
    timer?.cancel();
    if (sink === undefined) {
      send({ kind: 'none' });
      return;
    }
    sink.onDecisive = undefined;
    const whole = sink.finished && sink.trailers === '';
    send(whole ? sink.takeAll() : sink.attach(context.createPipe()));
  };
  const decide = (): void => {
    const isWhole = sink === undefined || sink.finished;
    if (isWhole ? whole === 'at-once' : sink.state === 'broken' || sink.budget() === 0) go();
  };
  const arm = (): void => {
    if (sent || timer !== undefined) return;
    timer = context.clock.setTimer(WASI_LIMITS.headHoldMs, go);
  };
  decide();
  if (!sent) {
    if (whole === 'at-once') arm();
    if (sink !== undefined) sink.onDecisive = decide;
  }
  return { go, arm };
}
