import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { clientKey } from '@popmesh/contracts';
import { MESH_CONNECTION_LIMITS } from './limits.ts';

interface Silent {
  readonly close: () => void;
  readonly late: NodeJS.Timeout;
}

/**
 * Stands before the mesh port: connections are counted before anything is read from them, in
 * all and for each address, and one that has not come as far as HTTP/2's first settings in time
 * is closed, wherever it stopped: before TLS, in the middle of it, or behind it. grpc-js bounds
 * neither and gives TLS two minutes.
 *
 * Refused: a listener of our own that hands its sockets to grpc-js' injector, since that tells
 * nothing of what became of them.
 */
export class ConnectionGuard {
  readonly #limits: typeof MESH_CONNECTION_LIMITS;
  readonly #byAddress = new Map<string, number>();
  /** Those that have said nothing valid yet, by their far end. */
  readonly #silent = new Map<string, Silent>();
  #connections = 0;

  constructor(limits = MESH_CONNECTION_LIMITS) {
    this.#limits = limits;
  }

  get connections(): number {
    return this.#connections;
  }

  watch(server: Http2Server): void {
    const accept = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (!this.#admit(socket)) {
        socket.resetAndDestroy();
        return;
      }
      for (const listener of accept) listener.call(server, socket);
    });
    server.on('session', (session: ServerHttp2Session) => {
      const { remoteAddress, remotePort } = session.socket;
      session.once('remoteSettings', () => this.#spoke(`${remoteAddress} ${remotePort}`));
    });
  }

  #admit(socket: Socket): boolean {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined) return false;
    const address = clientKey(remoteAddress);
    const held = this.#byAddress.get(address) ?? 0;
    const { connectionsMax, connectionsPerAddressMax, silentMax, silenceMs } = this.#limits;
    if (this.#connections >= connectionsMax || held >= connectionsPerAddressMax) return false;
    // The oldest makes room: a member needs a moment, and who only waits has had one.
    const [oldest] = this.#silent.values();
    if (this.#silent.size >= silentMax) oldest?.close();
    this.#connections += 1;
    this.#byAddress.set(address, held + 1);
    const key = `${remoteAddress} ${remotePort}`;
    const close = (): void => {
      this.#spoke(key);
      socket.destroy();
    };
    // tidy-allow: the patience of a real socket server; nothing simulated runs this
    this.#silent.set(key, { close, late: setTimeout(close, silenceMs) });
    socket.once('close', () => {
      this.#spoke(key);
      this.#connections -= 1;
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    });
    return true;
  }

  #spoke(key: string): void {
    clearTimeout(this.#silent.get(key)?.late);
    this.#silent.delete(key);
  }
}
