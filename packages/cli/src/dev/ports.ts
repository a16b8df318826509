import { createServer } from 'node:net';
import { PopmeshError } from '@popmesh/contracts';
import type { StateFolder } from './state-folder.ts';

/**
 * Ports of the local mesh. Kept between runs, so that nodes find each other from
 * what they remember; given up for a new one when somebody else has taken it.
 */

export type Ports = Readonly<Record<string, number>>;

/** True when we could listen there now. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Below those that systems hand out by themselves (Linux from 32768 on): between our look and
 * the start of a member no outgoing connection and nobody's port 0 can take one. Refused: free
 * ports from the system, of which an executor of the first node could get the second's.
 */
const PORT_MIN = 20_000;
const PORTS = 12_000;
/** Each process begins its search elsewhere, so that two do not choose the same at the same time. */
const PORTS_PER_PROCESS = 16;

async function freePorts(count: number, except: ReadonlySet<number>): Promise<number[]> {
  const found: number[] = [];
  const first = process.pid * PORTS_PER_PROCESS;
  for (let i = 0; i < PORTS && found.length < count; i++) {
    const port = PORT_MIN + ((first + i) % PORTS);
    if (!except.has(port) && (await isFree(port))) found.push(port);
  }
  return found;
}

const isOurs = (port: unknown): port is number =>
  Number.isInteger(port) && Number(port) >= PORT_MIN && Number(port) < PORT_MIN + PORTS;

export async function choosePorts(state: StateFolder, names: readonly string[]): Promise<Ports> {
  const kept = state.readJson<Record<string, number>>({}, 'dev', 'ports.json');
  const usable = await Promise.all(
    names.map(async (name) => {
      const port = kept[name];
      return isOurs(port) && (await isFree(port)) ? port : undefined;
    }),
  );
  const held = new Set(usable.filter((port) => port !== undefined));
  const fresh = await freePorts(names.length - held.size, held);
  const chosen = Object.fromEntries(
    names.map((name, index) => [name, usable[index] ?? fresh.pop()]),
  );
  const missing = names.find((name) => chosen[name] === undefined);
  if (missing !== undefined) {
    throw new PopmeshError('address_in_use', `there is no free port for ${missing}`);
  }
  await state.writeJson(chosen, 'dev', 'ports.json');
  return chosen as Ports;
}

/** The one port that people type. Throws `address_in_use`. */
export async function requirePort(port: number, host: string): Promise<void> {
  if (port === 0 || (await isFree(port, host))) return;
  throw new PopmeshError('address_in_use', `port ${port} on ${host} is taken`, {
    hint: `Choose another with --port ${port + 1}, or end what listens there.`,
    details: { port },
  });
}
