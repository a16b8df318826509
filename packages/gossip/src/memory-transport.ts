import { type Clock, PopmeshError } from '@popmesh/contracts';
import { type CallOptions, create, fromBinary, Mesh, toBinary } from '@popmesh/protocol';
import type {
  GossipHandlers,
  GossipMethod,
  GossipRequest,
  GossipResponse,
  GossipTransport,
} from './transport.ts';

/**
 * Calls over a network of single messages, for simulations: what may be lost here
 * is a request or an answer, and only the caller's own time-out tells. Messages
 * cross as bytes, so that no two members ever share an object.
 */

/** What it needs of the network; `simulation` has one. */
export interface MessageNetwork {
  listen(
    address: string,
    listener: {
      receive(from: string, message: unknown): void;
      refused(to: string, message: unknown): void;
    },
  ): () => void;
  send(from: string, to: string, message: unknown): void;
}

interface Frame {
  readonly id: number;
  readonly method: GossipMethod;
  readonly kind: 'request' | 'answer' | 'error';
  readonly body: Uint8Array | string;
}

interface Waiting {
  settle(frame: Frame): void;
  fail(error: PopmeshError): void;
}

export class MemoryGossipTransport implements GossipTransport {
  readonly #network: MessageNetwork;
  readonly #address: string;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  readonly #unlisten: () => void;
  #handlers: GossipHandlers | undefined;
  #lastId = 0;
  #closed = false;

  constructor(network: MessageNetwork, address: string, clock: Clock) {
    this.#network = network;
    this.#address = address;
    this.#clock = clock;
    this.#unlisten = network.listen(address, {
      receive: (from, message) => this.#receive(from, message as Frame),
      refused: (to, message) =>
        this.#waiting
          .get((message as Frame).id)
          ?.fail(new PopmeshError('peer_unavailable', `nobody listens at ${to}`)),
    });
  }

  serve(handlers: GossipHandlers): void {
    this.#handlers = handlers;
  }

  call<M extends GossipMethod>(
    address: string,
    method: M,
    request: GossipRequest<M>,
    { timeoutMs, signal }: CallOptions,
  ): Promise<GossipResponse<M>> {
    if (this.#closed) return Promise.reject(new PopmeshError('unavailable', 'closed'));
    const { input, output } = Mesh.method[method];
    const id = ++this.#lastId;
    const body = toBinary(input, create(input, request as never) as never);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(id);
      };
      const fail = (error: PopmeshError): void => {
        end();
        reject(error);
      };
      const abort = (): void => fail(new PopmeshError('cancelled', 'the caller gave up'));
      const timer = this.#clock.setTimer(timeoutMs, () =>
        fail(new PopmeshError('deadline_exceeded', `${address} did not answer`)),
      );
      this.#waiting.set(id, {
        fail,
        settle: (frame) => {
          if (frame.kind === 'error') {
            fail(PopmeshError.fromJSON(JSON.parse(frame.body as string)));
            return;
          }
          end();
          resolve(fromBinary(output, frame.body as Uint8Array) as GossipResponse<M>);
        },
      });
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
      this.#send(address, { id, method, kind: 'request', body });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    for (const waiting of [...this.#waiting.values()]) {
      waiting.fail(new PopmeshError('cancelled', 'the transport was closed'));
    }
  }

  #send(to: string, frame: Frame): void {
    if (!this.#closed) this.#network.send(this.#address, to, frame);
  }

  #receive(from: string, frame: Frame): void {
    if (this.#closed) return;
    if (frame.kind !== 'request') {
      this.#waiting.get(frame.id)?.settle(frame);
      return;
    }
    const { id, method } = frame;
    const { input, output } = Mesh.method[method];
    const handler = this.#handlers?.[method] as
      | ((request: unknown, context: { signal: AbortSignal; peer: string }) => Promise<unknown>)
      | undefined;
    if (handler === undefined) return;
    const request = fromBinary(input, frame.body as Uint8Array);
    handler(request, { signal: new AbortController().signal, peer: from }).then(
      (value) => {
        const body = toBinary(output, create(output, value as never) as never);
        this.#send(from, { id, method, kind: 'answer', body });
      },
      (error) =>
        this.#send(from, {
          id,
          method,
          kind: 'error',
          body: JSON.stringify(PopmeshError.from(error)),
        }),
    );
  }
}
