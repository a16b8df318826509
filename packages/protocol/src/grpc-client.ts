import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, credentials } from '@grpc/grpc-js';
import { PopmeshError } from '@popmesh/contracts';
import { fromServiceError } from './grpc-errors.ts';
import { type CallOptions, methodDefinition, type ServiceClient } from './grpc-service.ts';
import { serverNameOf } from './grpc-tls.ts';
import { GRPC_MESSAGE_BYTES_MAX } from './limits.ts';

/** A typed client of one service at one address. Connects on first use; `close` frees the channel. */
export type ClosableClient<S extends DescService> = ServiceClient<S> & { close(): void };

// tidy-allow: grpc-js takes deadlines as wall-clock dates and no clock of ours
const deadline = (options: CallOptions): Date => new Date(Date.now() + options.timeoutMs);

/** A closed channel is the one thing that grpc-js throws instead of telling by a status. */
function unlessClosed<T>(address: string, begin: () => T): T {
  try {
    return begin();
  } catch (cause) {
    throw new PopmeshError('unavailable', `the channel to ${address} is closed`, { cause });
  }
}

function unary(client: Client, address: string, method: DescMethod) {
  const definition = methodDefinition(method);
  return (request: unknown, options: CallOptions): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const call = unlessClosed(address, () =>
        client.makeUnaryRequest(
          definition.path,
          definition.requestSerialize,
          definition.responseDeserialize,
          request,
          { deadline: deadline(options) },
          (error, value) => {
            options.signal?.removeEventListener('abort', abort);
            if (error) reject(fromServiceError(error, address));
            else resolve(value);
          },
        ),
      );
      const abort = (): void => call.cancel();
      if (options.signal?.aborted) abort();
      else options.signal?.addEventListener('abort', abort, { once: true });
    });
}

function serverStream(client: Client, address: string, method: DescMethod) {
  const definition = methodDefinition(method);
  return async function* (request: unknown, options: CallOptions): AsyncGenerator<unknown> {
    const call = unlessClosed(address, () =>
      client.makeServerStreamRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        { deadline: deadline(options) },
      ),
    );
    const abort = (): void => call.cancel();
    if (options.signal?.aborted) abort();
    else options.signal?.addEventListener('abort', abort, { once: true });
    // After an early return grpc-js still emits the cancellation; nobody is left to hear it.
    call.on('error', () => {});
    try {
      yield* call;
    } catch (error) {
      throw fromServiceError(error, address);
    } finally {
      options.signal?.removeEventListener('abort', abort);
      call.cancel();
    }
  };
}

export function createClient<S extends DescService>(
  service: S,
  address: string,
  /** Absent: plaintext, for loopback. */
  channelCredentials?: ChannelCredentials,
): ClosableClient<S> {
  const serverName = channelCredentials && serverNameOf(address);
  const client = new Client(address, channelCredentials ?? credentials.createInsecure(), {
    'grpc.max_receive_message_length': GRPC_MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': GRPC_MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    // Two nodes in one test process must not share a subchannel's back-off.
    'grpc.use_local_subchannel_pool': 1,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
  });
  const methods = service.methods.map((method) => [
    method.localName,
    method.methodKind === 'server_streaming'
      ? serverStream(client, address, method)
      : unary(client, address, method),
  ]);
  return Object.assign(Object.fromEntries(methods), {
    close: () => client.close(),
  }) as ClosableClient<S>;
}
