import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/**
 * Turns a protobuf-es service into what grpc-js wants, once and for every
 * service, instead of generating a second set of stubs. Unary and
 * server-streaming methods only: nothing here needs the other two kinds.
 */

// biome-ignore lint/suspicious/noExplicitAny: grpc-js's own table is untyped at this point
type AnyMethod = MethodDefinition<any, any>;

const codec = (message: DescMessage) => ({
  serialize: (value: MessageInitShape<typeof message>): Buffer =>
    Buffer.from(toBinary(message, create(message, value))),
  deserialize: (bytes: Buffer): MessageShape<typeof message> => fromBinary(message, bytes),
});

export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function methodDefinition(method: DescMethod): AnyMethod {
  const request = codec(method.input);
  const response = codec(method.output);
  return {
    path: methodPath(method),
    requestStream: false,
    responseStream: method.methodKind === 'server_streaming',
    requestSerialize: request.serialize,
    requestDeserialize: request.deserialize,
    responseSerialize: response.serialize,
    responseDeserialize: response.deserialize,
  };
}

export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, methodDefinition(method)]),
  );
}

export interface CallOptions {
  /** Relative; every call has one. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface HandlerContext {
  readonly signal: AbortSignal;
  /** host:port of the caller's socket. */
  readonly peer: string;
}

/** What a caller holds: promises for unary methods, async iterables for streams. */
export type ServiceClient<S extends DescService> = {
  [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options: CallOptions) => Promise<MessageShape<O>>
    : S['method'][K] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options: CallOptions) => AsyncIterable<MessageShape<O>>
      : never;
};

/** What a server implements. A stream ends when the iterable does; a throw becomes a status. */
export type ServiceHandlers<S extends DescService> = {
  [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: HandlerContext) => Promise<MessageInitShape<O>>
    : S['method'][K] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: HandlerContext) => AsyncIterable<MessageInitShape<O>>
      : never;
};
