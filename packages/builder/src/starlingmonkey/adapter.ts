import { getEnvironment } from 'wasi:cli/environment@0.2.12';
import {
  Fields,
  type IncomingRequest,
  OutgoingBody,
  OutgoingResponse,
  ResponseOutparam,
} from 'wasi:http/types@0.2.12';
import { type Env, handler, self } from '../platform/author.ts';
import { openBody, writeBody } from './bodies.ts';

/**
 * Runs inside StarlingMonkey: from the standard's request to the Fetch API's, which that
 * engine brings, and back. Refused: the engine's own `fetch` event, whose component traps at
 * its second request; this export is called again and again.
 */

const encoder = new TextEncoder();
/** One character per byte, as the Fetch API has header values. */
const fromLatin1 = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};
const toLatin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

let env: Env | undefined;

/** The handler's third argument. */
class ExecutionContext {
  readonly work: Promise<unknown>[] = [];
  props: Record<string, unknown> = {};

  waitUntil(work: unknown): void {
    this.work.push(Promise.resolve(work).catch(report));
  }

  passThroughOnException(): void {}
}

function report(error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? '').trimEnd() : '';
  console.error(stack === '' ? String(error) : `${String(error)}\n${stack}`);
}

export const incomingHandler = {
  async handle(incoming: IncomingRequest, outparam: ResponseOutparam): Promise<void> {
    const context = new ExecutionContext();
    const [request, close] = toRequest(incoming);
    let answered = false;
    try {
      env ??= Object.freeze(Object.fromEntries(getEnvironment()));
      const response = await handler.call(self, request, env, context);
      if (!(response instanceof Response)) {
        throw new TypeError(`The handler must answer a Response, not ${typeof response}`);
      }
      const outgoing = toOutgoing(response);
      const body = outgoing.body();
      ResponseOutparam.set(outparam, { tag: 'ok', val: outgoing });
      answered = true;
      await send(response, body);
    } catch (error) {
      report(error);
      if (!answered) {
        const failure = { tag: 'internal-error', val: String(error) };
        ResponseOutparam.set(outparam, { tag: 'err', val: failure });
      }
    } finally {
      close();
    }
    // The answer is out; the instance is free again when this work is done.
    for (let at = 0; at < context.work.length; at++) await context.work[at];
  },
};

function toRequest(incoming: IncomingRequest): [Request, close: () => void] {
  const { tag, val } = incoming.method();
  const method = tag === 'other' ? (val ?? 'GET') : tag.toUpperCase();
  const scheme = incoming.scheme()?.tag === 'HTTP' ? 'http' : 'https';
  const authority = incoming.authority() ?? 'localhost';
  const fields = incoming.headers();
  const headers = new Headers();
  for (const [name, value] of fields.entries()) headers.append(name, fromLatin1(value));
  fields[Symbol.dispose]();
  // The standard keeps `host` in the authority; authors look for it among the headers.
  if (!headers.has('host')) headers.set('host', authority);
  const url = `${scheme}://${authority}${incoming.pathWithQuery() ?? '/'}`;
  if (method === 'GET' || method === 'HEAD') {
    return [new Request(url, { method, headers }), () => incoming[Symbol.dispose]()];
  }
  const [body, close] = openBody(incoming);
  const init = { method, headers, body, duplex: 'half' } as RequestInit;
  return [new Request(url, init), close];
}

function toOutgoing(response: Response): OutgoingResponse {
  const list: [string, Uint8Array][] = [];
  response.headers.forEach((value, name) => {
    if (name !== 'set-cookie') list.push([name, toLatin1(value)]);
  });
  for (const cookie of response.headers.getSetCookie?.() ?? []) {
    list.push(['set-cookie', encoder.encode(cookie)]);
  }
  const outgoing = new OutgoingResponse(Fields.fromList(list));
  outgoing.setStatusCode(response.status);
  return outgoing;
}

async function send(response: Response, body: OutgoingBody): Promise<void> {
  try {
    if (response.body !== null) await writeBody(response.body, body);
  } catch (error) {
    // Dropped and not finished: the client must not take a part for the whole.
    body[Symbol.dispose]();
    throw error;
  }
  OutgoingBody.finish(body, undefined);
}
