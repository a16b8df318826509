import { createServer } from 'node:net';

/**
 * For processes that must be told their port before they start, and only for tests and figures.
 * Below those that systems hand out by themselves (Linux from 32768 on), and below those of
 * `popmesh dev`: nobody's port 0 and no outgoing connection takes one in between. Processes
 * begin at different places, so that two that ask at the same time get different ones.
 */
const PORT_MIN = 10_000;
const PORTS = 10_000;
const PORTS_PER_PROCESS = 40;
let asked = 0;

export async function freePort(host = '127.0.0.1', ports = PORTS): Promise<number> {
  for (let tries = 0; tries < ports; tries++) {
    const port = PORT_MIN + ((process.pid * PORTS_PER_PROCESS + asked++) % ports);
    if (await isFree(port, host)) return port;
  }
  throw new Error(`no port is free at ${host} from ${PORT_MIN} on`);
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
