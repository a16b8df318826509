import { type Clock, type ErrorBody, PopmeshError, type Timer } from '@popmesh/contracts';

/** Messages to an executor that await their answer, each with a deadline. */

interface Call {
  readonly timer: Timer;
  readonly resolve: () => void;
  readonly reject: (error: PopmeshError) => void;
}

export class ExecutorCalls {
  readonly #clock: Clock;
  readonly #calls = new Map<number, Call>();
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(what: string, limitMs: number, send: (callId: number) => void): Promise<void> {
    const callId = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(limitMs, () => {
        this.#calls.delete(callId);
        reject(new PopmeshError('deadline_exceeded', `The executor did not ${what} in time`));
      });
      this.#calls.set(callId, { timer, resolve, reject });
      send(callId);
    });
  }

  end(callId: number, error: ErrorBody | undefined): void {
    const call = this.#calls.get(callId);
    if (call === undefined) return;
    this.#calls.delete(callId);
    call.timer.cancel();
    if (error === undefined) call.resolve();
    else call.reject(PopmeshError.fromJSON(error));
  }

  /** The process is gone, and with it every answer. */
  failAll(error: PopmeshError): void {
    for (const { timer, reject } of this.#calls.values()) {
      timer.cancel();
      reject(error);
    }
    this.#calls.clear();
  }
}
