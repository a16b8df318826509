import type { Http2Server } from 'node:http2';
import type { DescMessage, DescService, MessageInitShape } from '@bufbuild/protobuf';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { addressInUse, PopmeshError } from '@popmesh/contracts';
import { ConnectionGuard } from './connection-guard.ts';
import { toServiceError } from './grpc-errors.ts';
import { type HandlerContext, type ServiceHandlers, serviceDefinition } from './grpc-service.ts';
import { GRPC_MESSAGE_BYTES_MAX } from './limits.ts';

type Unary = (request: unknown, context: HandlerContext) => Promise<MessageInitShape<DescMessage>>;
type Streaming = (
  request: unknown,
  context: HandlerContext,
) => AsyncIterable<MessageInitShape<DescMessage>>;

function unary(handler: Unary): handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    const abort = new AbortController();
    call.on('cancelled', () => abort.abort(new PopmeshError('cancelled', 'the caller went away')));
    handler(call.request, { signal: abort.signal, peer: call.getPeer() }).then(
      (value) => callback(null, value),
      (error) => callback(toServiceError(error)),
    );
  };
}

function streaming(handler: Streaming): handleServerStreamingCall<unknown, unknown> {
  return (call) => {
    const abort = new AbortController();
    call.on('cancelled', () => abort.abort(new PopmeshError('cancelled', 'the caller went away')));
    call.on('error', () => {});
    const drained = (): Promise<void> =>
      new Promise((resolve) => {
        const done = (): void => {
          call.off('drain', done);
          abort.signal.removeEventListener('abort', done);
          resolve();
        };
        call.once('drain', done);
        abort.signal.addEventListener('abort', done, { once: true });
      });
    const pump = async (): Promise<void> => {
      for await (const value of handler(call.request, {
        signal: abort.signal,
        peer: call.getPeer(),
      })) {
        if (abort.signal.aborted) return;
        if (!call.write(value)) await drained();
      }
    };
    pump().then(
      () => call.end(),
      // grpc-js sends the status of an emitted error; `destroy` would leave the caller waiting.
      (error) => call.emit('error', Object.assign(new Error(), toServiceError(error))),
    );
  };
}

export interface GrpcServer {
  /** host:port actually bound. */
  readonly address: string;
  /** Stops accepting, waits for calls up to `graceMs`, then cuts them. */
  stop(graceMs: number): Promise<void>;
}

export interface GrpcServerOptions<S extends DescService> {
  readonly service: S;
  readonly handlers: ServiceHandlers<S>;
  /** Port 0 picks a free one. */
  readonly host: string;
  readonly port: number;
  readonly credentials?: ServerCredentials;
  /** Bounds of connections; those of the mesh port by default. */
  readonly guard?: ConnectionGuard;
}

/** Throws `address_in_use` when the port is taken. */
export async function startGrpcServer<S extends DescService>(
  options: GrpcServerOptions<S>,
): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': GRPC_MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': GRPC_MESSAGE_BYTES_MAX,
  });
  const implementation: UntypedServiceImplementation = {};
  for (const method of options.service.methods) {
    const handler = (options.handlers as Record<string, unknown>)[method.localName];
    implementation[method.localName] =
      method.methodKind === 'server_streaming'
        ? streaming(handler as Streaming)
        : unary(handler as Unary);
  }
  server.addService(serviceDefinition(options.service), implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `${options.host}:${options.port}`,
      options.credentials ?? ServerCredentials.createInsecure(),
      (error, bound) => {
        if (error === null) resolve(bound);
        else reject(addressInUse(`${options.host}:${options.port}`, error));
      },
    );
  });
  const guard = options.guard ?? new ConnectionGuard();
  for (const listener of listenersOf(server)) guard.watch(listener);
  let stopped: Promise<void> | undefined;
  return {
    address: `${options.host}:${port}`,
    stop: (graceMs) => {
      stopped ??= new Promise((resolve) => {
        // tidy-allow: the grace of a real socket server; nothing simulated runs this
        const force = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, graceMs);
        server.tryShutdown(() => {
          clearTimeout(force);
          resolve();
        });
      });
      return stopped;
    },
  };
}

/** grpc-js shows them to nobody; its version is pinned, and a test fails when they are elsewhere. */
function listenersOf(server: Server): Http2Server[] {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
  const listeners = [...(http2Servers?.keys() ?? [])];
  if (listeners.length === 0)
    throw new PopmeshError('internal', 'grpc-js keeps its listeners elsewhere');
  return listeners;
}
