import { err, type Result } from './result.ts';

/**
 * `wasi:sockets`, which no function has: Python's and wasi-libc's start-up code import it to
 * link, as they do the file system. Every way to begin answers `access-denied`, so a socket
 * never exists. Refused: refusing the import, which shuts out whole languages for code that
 * they never run.
 */

const DENIED: Result<never, string> = err('access-denied');

/** The word "the network"; nothing can be done with it. */
export class Network {}

/** Nobody makes one of these: the glue only wants their names. */
export class ResolveAddressStream {}
export class TcpSocket {}
export class UdpSocket {}
export class IncomingDatagramStream {}
export class OutgoingDatagramStream {}

export const instanceNetwork = (): Network => new Network();
export const denied = (): Result<never, string> => DENIED;
/** Stream errors here never come from a socket. */
export const networkErrorCode = (): undefined => undefined;
