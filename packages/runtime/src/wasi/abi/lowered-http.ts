import { ResponseOutparam } from '../exchange.ts';
import { Fields, type HeaderError, type HeaderText } from '../fields.ts';
import type { IncomingBody, IncomingRequest } from '../http-incoming.ts';
import type { Tagged } from '../http-method.ts';
import { OutgoingBody, type OutgoingResponse } from '../http-outgoing.ts';
import type { InputStream } from '../input-stream.ts';
import type { OutputStream } from '../output-stream.ts';
import { ok, type Result } from '../result.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { LoweredFunctions, Ports } from './lowering.ts';
import type { Resources } from './resources.ts';

/**
 * `wasi:http/types` 0.2, lowered. Offsets are those of the canonical ABI: a variant's case is
 * its first byte, its payload lies at the next place of the largest payload's alignment.
 */

const METHODS = ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'];
const METHOD_INDEX: ReadonlyMap<string, number> = new Map(
  METHODS.map((tag, index) => [tag, index]),
);
const METHOD_OTHER = METHODS.length;

const HEADER_ERRORS: Readonly<Record<HeaderError['tag'], number>> = {
  'invalid-syntax': 0,
  forbidden: 1,
  immutable: 2,
};

/** `result<_, header-error>` */
function putHeaderResult(
  memory: GuestMemory,
  at: number,
  result: Result<unknown, HeaderError>,
): void {
  memory.setByte(at, result.tag === 'ok' ? 0 : 1);
  if (result.tag === 'err') memory.setByte(at + 1, HEADER_ERRORS[result.val.tag]);
}

/** `result<own<T>>` */
function putOwn<T extends object>(
  { memory }: Ports,
  pointer: number,
  resources: Resources<T>,
  result: Result<T, undefined>,
): void {
  const at = memory.range(pointer, 8, 4);
  memory.setByte(at, result.tag === 'ok' ? 0 : 1);
  if (result.tag === 'ok') memory.setU32(at + 4, resources.add(result.val));
}

/** `option<string>` that is there */
function putSomeText({ memory }: Ports, pointer: number, text: string): void {
  const at = memory.range(pointer, 12, 4);
  memory.setByte(at, 1);
  memory.putText(at + 4, text);
}

/** A variant whose last case, `other`, is a string */
function putTagged(ports: Ports, at: number, value: Tagged, index: number | undefined): void {
  const { memory } = ports;
  memory.setByte(at, index ?? METHOD_OTHER);
  if (index === undefined) memory.putText(at + 4, String(value.val));
}

/** `list<tuple<string, list<u8>>>` */
function putLines(memory: GuestMemory, pointer: number, { lines, at }: HeaderText): void {
  const out = memory.range(pointer, 8, 4);
  const list = memory.allocate(at.length * 4, 4);
  for (let i = 0; i < at.length; i += 2) {
    memory.putSlice(list + i * 4, lines, at[i] as number, at[i + 1] as number);
  }
  memory.putPair(out, list, at.length / 4);
}

export const LOWERED_HTTP: LoweredFunctions = {
  'wasi:http/types#new Fields': ({ tables: [fields] }) => {
    const all = fields as Resources<Fields>;
    return () => all.add(new Fields());
  },

  'wasi:http/types#Fields.append': ({ memory, tables: [fields] }) => {
    const all = fields as Resources<Fields>;
    return (
      self: number,
      name: number,
      nameLength: number,
      value: number,
      valueLength: number,
      result: number,
    ) => {
      const outcome = all
        .get(self)
        .appendText(memory.text(name, nameLength), memory.latin1(value, valueLength));
      putHeaderResult(memory, memory.range(result, 2, 1), outcome);
    };
  },

  'wasi:http/types#Fields.fromList': ({ memory, tables: [fields] }) => {
    const all = fields as Resources<Fields>;
    return (list: number, length: number, result: number) => {
      const count = length >>> 0;
      const from = memory.range(list, count * 16, 4);
      const made = new Fields();
      let outcome: Result<unknown, HeaderError> = ok(undefined);
      for (let at = from; at < from + count * 16 && outcome.tag === 'ok'; at += 16) {
        outcome = made.appendText(
          memory.text(memory.getU32(at), memory.getU32(at + 4)),
          memory.latin1(memory.getU32(at + 8), memory.getU32(at + 12)),
        );
      }
      const at = memory.range(result, 8, 4);
      memory.setByte(at, outcome.tag === 'ok' ? 0 : 1);
      if (outcome.tag === 'ok') memory.setU32(at + 4, all.add(made));
      else memory.setByte(at + 4, HEADER_ERRORS[outcome.val.tag]);
    };
  },

  'wasi:http/types#Fields.entries': ({ memory, tables: [fields] }) => {
    const all = fields as Resources<Fields>;
    return (self: number, result: number) => {
      const headers = all.get(self);
      const text = Fields.text(headers);
      if (text !== undefined) {
        putLines(memory, result, text);
        return;
      }
      const entries = Fields.list(headers);
      const out = memory.range(result, 8, 4);
      const list = memory.allocate(entries.length * 16, 4);
      for (let i = 0; i < entries.length; i++) {
        const [name, value] = entries[i] as [string, string];
        memory.putText(list + i * 16, name);
        const pointer = memory.putLatin1(value);
        memory.putPair(list + i * 16 + 8, pointer, value.length);
      }
      memory.putPair(out, list, entries.length);
    };
  },

  'wasi:http/types#Fields.get': ({ memory, tables: [fields] }) => {
    const all = fields as Resources<Fields>;
    return (self: number, name: number, nameLength: number, result: number) => {
      const values = Fields.values(all.get(self), memory.text(name, nameLength));
      const out = memory.range(result, 8, 4);
      const list = memory.allocate(values.length * 8, 4);
      for (let i = 0; i < values.length; i++) {
        const value = values[i] as string;
        const pointer = memory.putLatin1(value);
        memory.putPair(list + i * 8, pointer, value.length);
      }
      memory.putPair(out, list, values.length);
    };
  },

  'wasi:http/types#IncomingRequest.method': (ports) => {
    const { memory } = ports;
    const all = ports.tables[0] as Resources<IncomingRequest>;
    return (self: number, result: number) => {
      const method = all.get(self).method();
      putTagged(ports, memory.range(result, 12, 4), method, METHOD_INDEX.get(method.tag));
    };
  },

  'wasi:http/types#IncomingRequest.pathWithQuery': (ports) => {
    const all = ports.tables[0] as Resources<IncomingRequest>;
    return (self: number, result: number) =>
      putSomeText(ports, result, all.get(self).pathWithQuery());
  },

  'wasi:http/types#IncomingRequest.authority': (ports) => {
    const all = ports.tables[0] as Resources<IncomingRequest>;
    return (self: number, result: number) => putSomeText(ports, result, all.get(self).authority());
  },

  'wasi:http/types#IncomingRequest.scheme': (ports) => {
    const { memory } = ports;
    const all = ports.tables[0] as Resources<IncomingRequest>;
    return (self: number, result: number) => {
      const scheme = all.get(self).scheme();
      const at = memory.range(result, 16, 4);
      memory.setByte(at, 1);
      if (scheme.tag === 'other') {
        memory.setByte(at + 4, 2);
        memory.putText(at + 8, String(scheme.val));
      } else memory.setByte(at + 4, scheme.tag === 'HTTP' ? 0 : 1);
    };
  },

  'wasi:http/types#IncomingRequest.headers': ({ tables: [requests, fields] }) => {
    const all = requests as Resources<IncomingRequest>;
    const made = fields as Resources<Fields>;
    return (self: number) => made.add(all.get(self).headers());
  },

  'wasi:http/types#IncomingRequest.consume': (ports) => {
    const [requests, bodies] = ports.tables as [
      Resources<IncomingRequest>,
      Resources<IncomingBody>,
    ];
    return (self: number, result: number) =>
      putOwn(ports, result, bodies, requests.get(self).consume());
  },

  'wasi:http/types#IncomingBody.stream': (ports) => {
    const [bodies, streams] = ports.tables as [Resources<IncomingBody>, Resources<InputStream>];
    return (self: number, result: number) =>
      putOwn(ports, result, streams, bodies.get(self).stream());
  },

  'wasi:http/types#new OutgoingResponse': ({ tables, host }) => {
    const [fields, responses] = tables as [Resources<Fields>, Resources<OutgoingResponse>];
    return (headers: number) => responses.add(new host.OutgoingResponse(fields.take(headers)));
  },

  'wasi:http/types#OutgoingResponse.setStatusCode': ({ tables }) => {
    const all = tables[0] as Resources<OutgoingResponse>;
    return (self: number, status: number) =>
      all.get(self).setStatusCode(status & 0xffff).tag === 'ok' ? 0 : 1;
  },

  'wasi:http/types#OutgoingResponse.body': (ports) => {
    const [responses, bodies] = ports.tables as [
      Resources<OutgoingResponse>,
      Resources<OutgoingBody>,
    ];
    return (self: number, result: number) =>
      putOwn(ports, result, bodies, responses.get(self).body());
  },

  'wasi:http/types#OutgoingBody.write': (ports) => {
    const [bodies, streams] = ports.tables as [Resources<OutgoingBody>, Resources<OutputStream>];
    return (self: number, result: number) =>
      putOwn(ports, result, streams, bodies.get(self).write());
  },

  /** With trailers, or with an error to tell, jco's way. */
  'wasi:http/types#OutgoingBody.finish': ({ memory, tables, rest }) => {
    const bodies = tables[0] as Resources<OutgoingBody>;
    return (self: number, hasTrailers: number, trailers: number, result: number) => {
      if (hasTrailers !== 0 || !OutgoingBody.isWhole(bodies.get(self))) {
        return rest(self, hasTrailers, trailers, result);
      }
      OutgoingBody.finish(bodies.take(self), undefined);
      memory.setByte(memory.range(result, 40, 8), 0);
      return undefined;
    };
  },

  /** With an error in place of a response, jco's way. */
  'wasi:http/types#ResponseOutparam.set': ({ tables, rest }) => {
    const [outparams, responses] = tables as [
      Resources<ResponseOutparam>,
      Resources<OutgoingResponse>,
    ];
    return (
      self: number,
      isError: number,
      b: number,
      c: number,
      d: bigint,
      e: number,
      f: number,
      g: number,
      h: number,
    ) => {
      if (isError !== 0) return rest(self, isError, b, c, d, e, f, g, h);
      ResponseOutparam.set(outparams.take(self), ok(responses.take(b)));
      return undefined;
    };
  },
};
