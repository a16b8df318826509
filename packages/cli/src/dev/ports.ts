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

/** Different ones: each stays open until all are chosen. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once('error', reject);
            server.listen(0, '127.0.0.1', () => {
              const address = server.address();
              resolve(typeof address === 'object' && address !== null ? address.port : 0);
            });
          }),
      ),
    );
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

export async function choosePorts(state: StateFolder, names: readonly string[]): Promise<Ports> {
  const kept = state.readJson<Record<string, number>>({}, 'dev', 'ports.json');
  const usable = await Promise.all(
    names.map(async (name) => {
      const port = kept[name];
      return Number.isInteger(port) && port !== undefined && (await isFree(port))
        ? port
        : undefined;
    }),
  );
  const fresh = await freePorts(usable.filter((port) => port === undefined).length);
  const chosen = Object.fromEntries(
    names.map((name, index) => [name, usable[index] ?? fresh.pop() ?? 0]),
  );
  await state.writeJson(chosen, 'dev', 'ports.json');
  return chosen;
}

/** The one port that people type. Throws `address_in_use`. */
export async function requirePort(port: number, host: string): Promise<void> {
  if (port === 0 || (await isFree(port, host))) return;
  throw new PopmeshError('address_in_use', `port ${port} on ${host} is taken`, {
    hint: `Choose another with --port ${port + 1}, or end what listens there.`,
    details: { port },
  });
}
