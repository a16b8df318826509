import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { type OwnAddress, ownAddress } from '@popmesh/simulation';

/** A real nats-server with JetStream, to be killed, wiped and set back by tests. */

function findBinary(): string {
  const root = resolve(import.meta.dirname, '../../..');
  const candidates = [
    process.env.NATS_SERVER_BIN,
    ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'nats-server')),
    '/usr/sbin/nats-server',
    join(root, '.popmesh/bin/nats-server'),
    join(process.env.GOPATH ?? join(homedir(), 'go'), 'bin/nats-server'),
  ];
  const found = candidates.find((path) => path !== undefined && existsSync(path));
  if (found !== undefined) return found;
  throw new Error(
    'nats-server was not found (NATS_SERVER_BIN, PATH, /usr/sbin, .popmesh/bin, go). `npm start` installs it.',
  );
}

/** A test process that ends without its clean-up takes its servers along. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class TestNatsServer {
  readonly #address: OwnAddress;
  readonly #folder: string;
  readonly #extraConfig: string;
  #process: ChildProcess | undefined;

  private constructor(address: OwnAddress, folder: string, extraConfig: string) {
    this.#address = address;
    this.#folder = folder;
    this.#extraConfig = extraConfig;
  }

  static async create(extraConfig = ''): Promise<TestNatsServer> {
    const folder = await mkdtemp(join(tmpdir(), 'popmesh-nats-'));
    return new TestNatsServer(await ownAddress(), folder, extraConfig);
  }

  static async start(extraConfig = ''): Promise<TestNatsServer> {
    const server = await TestNatsServer.create(extraConfig);
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://${this.#address.host}:${this.#address.port}`;
  }

  get #store(): string {
    return join(this.#folder, 'store');
  }

  async start(): Promise<void> {
    const config = join(this.#folder, 'nats.conf');
    const { host, port } = this.#address;
    await writeFile(
      config,
      `host: ${host}\nport: ${port}\njetstream { store_dir: ${JSON.stringify(this.#store)} }\n${this.#extraConfig}\n`,
    );
    const child = spawn(findBinary(), ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    let log = '';
    await new Promise<void>((ready, failed) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-10_000);
        if (log.includes('Server is ready')) ready();
      });
      child.once('error', failed);
      child.once('exit', (code) => failed(new Error(`nats-server ended with ${code}:\n${log}`)));
    });
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** A server whose sockets are open and which never answers. */
  async freeze(): Promise<void> {
    const child = this.#process;
    if (child === undefined) throw new Error('not running');
    child.kill('SIGSTOP');
    // The signal is sent, not yet received: it answers for a moment longer.
    const stopped = async (): Promise<boolean> =>
      /\) [Tt] /.test(await readFile(`/proc/${child.pid}/stat`, 'utf8'));
    while (!(await stopped())) await new Promise((resolve) => setImmediate(resolve));
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Only while it is down. */
  async wipe(): Promise<void> {
    await rm(this.#store, { recursive: true, force: true });
  }

  /** Only while it is down. Gives back how to set the store back to this. */
  async backUp(): Promise<() => Promise<void>> {
    const copy = await mkdtemp(join(this.#folder, 'copy-'));
    await cp(this.#store, copy, { recursive: true });
    return async () => {
      await this.wipe();
      await cp(copy, this.#store, { recursive: true });
    };
  }

  /** Every `.blk` file of a stream, for damaging them. Only while it is down. */
  async blockFiles(stream: string): Promise<string[]> {
    const names = await readdir(this.#store, { recursive: true });
    return names
      .filter((name) => name.endsWith('.blk') && name.includes(stream))
      .map((name) => join(this.#store, name));
  }

  async damage(path: string, find: Uint8Array): Promise<void> {
    const bytes = await readFile(path);
    const at = bytes.indexOf(find);
    if (at < 0) throw new Error('nothing to damage');
    bytes[at + 1] = (bytes[at + 1] as number) ^ 1;
    await writeFile(path, bytes);
  }

  async destroy(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
