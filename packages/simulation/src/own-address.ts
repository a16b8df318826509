import { once } from 'node:events';
import { createServer } from 'node:net';
// tidy-allow: the process id is what no other test running now has
import { pid, platform } from 'node:process';

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

const PORT_FIRST = 10_000;
/** Linux gives out ports from 32,768 on, gVisor from 16,000. */
const PORTS = 6_000;

/** All of 127.0.0.0/8 is local on Linux; elsewhere only one address of it is. */
const HOST =
  platform === 'linux'
    ? `127.${1 + ((pid >> 16) & 63)}.${(pid >> 8) & 255}.${pid & 255}`
    : '127.0.0.1';

let next = pid % PORTS;

/** Another one at each call. */
export async function ownAddress(): Promise<OwnAddress> {
  for (let tries = 0; tries < PORTS; tries++) {
    const port = PORT_FIRST + (next++ % PORTS);
    if (await isFree(HOST, port)) return { host: HOST, port };
  }
  throw new Error(`no free port at ${HOST}`);
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
