import { PopmeshError } from '@popmesh/contracts';
import type { GuestRequest, GuestResponse, InstanceContext } from '../worker/door.ts';
import type { BodySink } from './body-sink.ts';
import { contentLength, Fields } from './fields.ts';
import { IncomingRequest } from './http-incoming.ts';
import type { Tagged } from './http-method.ts';
import { OutgoingResponse } from './http-outgoing.ts';
import type { Lifetime } from './readiness.ts';
import type { Result } from './result.ts';
import { type HeldBody, sendBody } from './send-body.ts';

/**
 * One request while the guest has it: the incoming request, the out-parameter, and the
 * response on its way out. Ends when both the head is settled and the guest has returned.
 */
export class Exchange {
  readonly request: IncomingRequest;
  readonly outparam: ResponseOutparam;
  readonly signal: AbortSignal;
  /** Settles with the head. */
  readonly head: Promise<GuestResponse>;
  readonly id: number;
  readonly #context: InstanceContext;
  readonly #bodyless: boolean;
  #resolve: (response: GuestResponse) => void = () => {};
  #reject: (error: PopmeshError) => void = () => {};
  #answered = false;
  #sink: BodySink | undefined;
  #held: HeldBody | undefined;
  #hasReturned = false;
  /** The instance was told to outlive the head of this response. */
  #retained = false;

  constructor(
    id: number,
    context: InstanceContext,
    lifetime: Lifetime,
    request: GuestRequest,
    signal: AbortSignal,
  ) {
    this.id = id;
    this.#context = context;
    this.#bodyless = request.method === 'HEAD';
    this.signal = signal;
    this.request = new IncomingRequest(lifetime, request);
    this.outparam = new ResponseOutparam(this);
    this.head = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  answer(result: Result<OutgoingResponse, Tagged>): void {
    if (this.#answered) throw new Error('response-outparam: set a second time');
    this.#answered = true;
    if (result.tag === 'err') {
      // What it says besides is for its author, in the log: it may name hosts, users and files.
      const { tag, val } = result.val;
      this.#reject(
        new PopmeshError('function_threw', `The function answered with the error ${tag}`, {
          cause: new Error(typeof val === 'string' ? val : tag),
        }),
      );
      return;
    }
    const { fields, sink } = OutgoingResponse.parts(result.val);
    const headers = Fields.list(fields);
    const status = result.val.statusCode();
    if (Number.isNaN(contentLength(headers))) {
      sink?.fail('invalid content-length');
      this.#reject(new PopmeshError('invalid_response', 'content-length is not a length'));
      return;
    }
    this.#sink = sink;
    if (this.#bodyless || status === 304) sink?.expectNothing();
    else if (sink === undefined && (contentLength(headers) ?? 0) !== 0) {
      this.#reject(new PopmeshError('invalid_response', 'content-length without a body'));
      return;
    }
    this.#held = sendBody(sink, this.#context, 'held', (body) => {
      // A body that broke before its head left is an error of its own, not a half answer.
      if (sink?.state === 'broken') {
        this.#reject(new PopmeshError('invalid_response', sink.failure));
        return;
      }
      if (!this.#hasReturned) {
        this.#retained = true;
        this.#context.retain(this.id);
      }
      this.#resolve({ status, headers, body });
    });
  }

  /** The guest waits for something. */
  suspended(): void {
    this.#held?.arm();
  }

  /** The guest's `handle` has returned. */
  returned(): void {
    this.#hasReturned = true;
    if (!this.#answered) {
      this.#answered = true;
      this.#reject(
        new PopmeshError('invalid_response', 'the function returned without a response'),
      );
    }
    this.#sink?.fail('the function ended before its body did');
    this.#held?.go();
  }

  /** The guest trapped, or was ended. */
  failed(error: PopmeshError): void {
    this.#answered = true;
    this.#reject(error);
    this.#sink?.fail(error.message);
    IncomingRequest.fail(this.request, error.message);
  }

  /** The guest has no more to do with it; after `returned` or `failed`. */
  left(): void {
    this.#hasReturned = true;
    if (this.#retained) this.#context.release(this.id);
    this.#retained = false;
  }

  /** The client is gone: reads fail and writes end, so that an orderly guest returns. */
  cancelled(): void {
    IncomingRequest.fail(this.request, 'the client is gone');
    this.#sink?.fail('the client is gone');
  }
}

export class ResponseOutparam {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  static set(outparam: ResponseOutparam, result: Result<OutgoingResponse, Tagged>): void {
    outparam.#exchange.answer(result);
  }
}
