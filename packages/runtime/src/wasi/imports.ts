import type { InstanceContext } from '../worker/door.ts';
import { createLowering } from './abi/lowering.ts';
import { createClocks } from './clocks.ts';
import { ResponseOutparam } from './exchange.ts';
import { Fields } from './fields.ts';
import {
  Descriptor,
  DirectoryEntryStream,
  filesystemErrorCode,
  getDirectories,
} from './filesystem.ts';
import { createOutgoingHandler, FutureIncomingResponse, httpErrorCode } from './http-client.ts';
import {
  FutureTrailers,
  IncomingBody,
  IncomingRequest,
  IncomingResponse,
} from './http-incoming.ts';
import { createOutgoingClasses, OutgoingBody, RequestOptions } from './http-outgoing.ts';
import { InputStream } from './input-stream.ts';
import { IoError } from './io-error.ts';
import { WASI_LIMITS } from './limits.ts';
import { OutputStream } from './output-stream.ts';
import { createPoll, Pollable } from './pollable.ts';
import type { Lifetime } from './readiness.ts';
import {
  denied,
  IncomingDatagramStream,
  instanceNetwork,
  Network,
  networkErrorCode,
  OutgoingDatagramStream,
  ResolveAddressStream,
  TcpSocket,
  UdpSocket,
} from './sockets.ts';
import type { LineSink } from './standard-streams.ts';

/** Nobody makes one: there is no terminal. */
class TerminalInput {}
class TerminalOutput {}

/** A guest that calls `exit` ends there, as a trap with this text. */
export class GuestExit extends Error {
  override readonly name = 'GuestExit';
}

const seal = <T extends object>(members: T): Readonly<T> =>
  Object.freeze(Object.assign(Object.create(null), members));

export interface GuestHost {
  readonly context: InstanceContext;
  readonly lifetime: Lifetime;
  readonly stdout: LineSink;
  readonly stderr: LineSink;
  /** Of the request that the guest serves now. */
  signal(): AbortSignal | undefined;
}

/**
 * Everything the guest may reach. The keys have no versions because jco drops them for
 * 0.2.x. What is not here is refused when the component is prepared.
 */
export function createImports(host: GuestHost): Readonly<Record<string, object>> {
  const { context, lifetime } = host;
  const clocks = createClocks(context.clock, lifetime);
  const outgoing = createOutgoingClasses(lifetime);
  const random = (length: bigint): Uint8Array => {
    if (length > BigInt(WASI_LIMITS.randomBytes)) {
      throw new Error(`wasi:random: more than ${WASI_LIMITS.randomBytes} bytes at once`);
    }
    return context.randomBytes(Number(length));
  };
  const randomU64 = (): bigint => new DataView(context.randomBytes(8).buffer).getBigUint64(0);
  const exit = (how: string): never => {
    throw new GuestExit(`the function called exit (${how})`);
  };
  const none = (): undefined => undefined;

  return seal({
    // No import of the component's, whose names are checked: for the glue (prepare/lower-imports.ts).
    'popmesh:lowering': createLowering({ lifetime, OutgoingResponse: outgoing.OutgoingResponse }),
    'wasi:io/error': seal({ Error: IoError }),
    'wasi:io/poll': seal({ Pollable, poll: createPoll(lifetime) }),
    'wasi:io/streams': seal({ InputStream, OutputStream }),
    'wasi:clocks/monotonic-clock': seal(clocks.monotonic),
    'wasi:clocks/wall-clock': seal(clocks.wall),
    'wasi:random/random': seal({ getRandomBytes: random, getRandomU64: randomU64 }),
    'wasi:random/insecure': seal({
      getInsecureRandomBytes: random,
      getInsecureRandomU64: randomU64,
    }),
    'wasi:random/insecure-seed': seal({
      insecureSeed: (): [bigint, bigint] => [randomU64(), randomU64()],
      getInsecureSeed: (): [bigint, bigint] => [randomU64(), randomU64()],
    }),
    'wasi:cli/environment': seal({
      getEnvironment: (): [string, string][] => Object.entries(context.config.env),
      getArguments: (): string[] => [],
      initialCwd: none,
    }),
    'wasi:cli/exit': seal({
      exit: (status: { tag: string }) => exit(status.tag === 'ok' ? 'success' : 'failure'),
      exitWithCode: (code: number) => exit(`code ${Number(code)}`),
    }),
    'wasi:cli/stdin': seal({ getStdin: () => new InputStream(lifetime, { kind: 'none' }) }),
    'wasi:cli/stdout': seal({ getStdout: () => new OutputStream(host.stdout, lifetime) }),
    'wasi:cli/stderr': seal({ getStderr: () => new OutputStream(host.stderr, lifetime) }),
    'wasi:cli/terminal-input': seal({ TerminalInput }),
    'wasi:cli/terminal-output': seal({ TerminalOutput }),
    'wasi:cli/terminal-stdin': seal({ getTerminalStdin: none }),
    'wasi:cli/terminal-stdout': seal({ getTerminalStdout: none }),
    'wasi:cli/terminal-stderr': seal({ getTerminalStderr: none }),
    'wasi:filesystem/preopens': seal({ getDirectories }),
    'wasi:filesystem/types': seal({ Descriptor, DirectoryEntryStream, filesystemErrorCode }),
    'wasi:sockets/network': seal({ Network, networkErrorCode }),
    'wasi:sockets/instance-network': seal({ instanceNetwork }),
    'wasi:sockets/ip-name-lookup': seal({ ResolveAddressStream, resolveAddresses: denied }),
    'wasi:sockets/tcp': seal({ TcpSocket }),
    'wasi:sockets/tcp-create-socket': seal({ createTcpSocket: denied }),
    'wasi:sockets/udp': seal({ UdpSocket, IncomingDatagramStream, OutgoingDatagramStream }),
    'wasi:sockets/udp-create-socket': seal({ createUdpSocket: denied }),
    'wasi:http/types': seal({
      Fields,
      FutureIncomingResponse,
      FutureTrailers,
      IncomingBody,
      IncomingRequest,
      IncomingResponse,
      OutgoingBody,
      ...outgoing,
      RequestOptions,
      ResponseOutparam,
      httpErrorCode,
    }),
    'wasi:http/outgoing-handler': seal({
      handle: createOutgoingHandler(context, lifetime, host.signal),
    }),
  });
}
