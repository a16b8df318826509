// tidy-allow: the process id is what no other test running now has
import { pid, platform } from 'node:process';
import { freePort } from '../../../scripts/free-port.ts';

/**
 * An address for a server that a test starts, stops and starts again, and that
 * nothing else takes in between: a loopback address of this process alone, and a
 * port below those that kernels give out. Refused: a port that the kernel chose
 * and that was freed again; before the server binds it, or while it is down, it
 * may be given to another test, or to the very connection that dials it.
 */

export interface OwnAddress {
  readonly host: string;
  readonly port: number;
}

/** Those that gVisor, too, gives to nobody by itself: it begins at 16,000. */
const PORTS = 6_000;

/** All of 127.0.0.0/8 is local on Linux; elsewhere only one address of it is. */
const HOST =
  platform === 'linux'
    ? `127.${1 + ((pid >> 16) & 63)}.${(pid >> 8) & 255}.${pid & 255}`
    : '127.0.0.1';

/** Another one at each call. */
export async function ownAddress(): Promise<OwnAddress> {
  return { host: HOST, port: await freePort(HOST, PORTS) };
}
