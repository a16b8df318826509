/**
 * A real mesh for tests: nats-server, node daemons and a gateway as processes of
 * their own, on free ports, in a temp folder. Unlike `popmesh dev` it restarts
 * nothing by itself: what a test kills stays dead until the test starts it.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import {
  chmodSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer } from '../../packages/cli/src/index.ts';
import {
  generateKeyPair,
  issueNodeIdentity,
  type NodeIdentity,
} from '../../packages/protocol/src/index.ts';
import { freePort } from '../../scripts/free-port.ts';
import { placeCode } from '../../scripts/test-code.ts';
import { bareEnvironment, WITHOUT_SPARES } from '../../scripts/test-environment.ts';
import { type CommandResult, canConnect, runCommand, until } from './process.ts';
import { issueToken } from './token.ts';

const root = join(import.meta.dirname, '..', '..');
/** Guards against hanging, for machines of any speed. */
const READY_MS_MAX = 180_000;
const STOP_MS_MAX = 60_000;
const CALL_MS_MAX = 120_000;

export interface Place {
  readonly id: string;
  readonly code: string;
  readonly region: string;
  readonly latitude: number;
  readonly longitude: number;
}

export const FRA: Place = {
  id: 'fra-1',
  code: 'fra',
  region: 'eu',
  latitude: 50.11,
  longitude: 8.68,
};
export const IAD: Place = {
  id: 'iad-1',
  code: 'iad',
  region: 'na',
  latitude: 39.04,
  longitude: -77.49,
};
export const SIN: Place = {
  id: 'sin-1',
  code: 'sin',
  region: 'apac',
  latitude: 1.35,
  longitude: 103.82,
};

export const BERLIN = '52.52,13.40';
export const NEW_YORK = '40.71,-74.01';
export const TOKYO = '35.68,139.69';

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
}

export class TestMesh {
  readonly directory = mkdtempSync(join(tmpdir(), 'popmesh-mesh-'));
  readonly root = generateKeyPair();
  readonly #running = new Map<string, Running>();
  readonly #places = new Map<string, Place>();
  readonly #meshPorts = new Map<string, number>();
  readonly #apiPorts = new Map<string, number>();
  #nodeConfig: readonly string[] = [];
  #spares = false;
  natsPort = 0;
  gatewayPort = 0;
  token = '';

  /**
   * `nats: false` leaves the broker out of every node's configuration, `nodeConfig` adds lines,
   * `spares` adds blank executors, which few tests have a use for.
   */
  static async start(
    places: readonly Place[],
    options: { nats: boolean; nodeConfig?: readonly string[]; spares?: boolean },
  ): Promise<TestMesh> {
    const mesh = new TestMesh();
    mesh.#spares = options.spares === true;
    mesh.#nodeConfig = options.nodeConfig ?? [];
    // A temporary folder is its owner's alone; executors that have users of their own pass through.
    chmodSync(mesh.directory, 0o711);
    try {
      await mesh.#open(places, options.nats);
      return mesh;
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  async #open(places: readonly Place[], nats: boolean): Promise<void> {
    this.gatewayPort = await freePort();
    if (nats) {
      this.natsPort = await freePort();
      await this.startNats();
    }
    for (const place of places) await this.addPlace(place);
    await Promise.all([...places.map(({ id }) => this.startNode(id)), this.startGateway()]);
    this.token = await issueToken(this.root.privateKey);
  }

  async addPlace(place: Place): Promise<void> {
    this.#places.set(place.id, place);
    this.#meshPorts.set(place.id, await freePort());
    this.#apiPorts.set(place.id, await freePort());
  }

  get api(): string {
    const first = [...this.#running.keys()].find((id) => this.#apiPorts.has(id));
    return this.apiOf(first ?? '');
  }

  apiOf(id: string): string {
    return `http://127.0.0.1:${this.#apiPorts.get(id) ?? 0}`;
  }

  pidOf(id: string): number {
    return this.#running.get(id)?.child.pid ?? 0;
  }

  dataDirectoryOf(id: string): string {
    return join(this.directory, id, 'data');
  }

  #seeds(): string[] {
    return [...this.#meshPorts.values()].map((port) => `127.0.0.1:${port}`);
  }

  #writeIdentity(folder: string, identity: NodeIdentity): string {
    const path = join(folder, 'identity.json');
    const { id, publicKey, privateKey, certificate } = identity;
    writeFileSync(
      path,
      JSON.stringify({
        id,
        publicKey: base64url(publicKey),
        privateKey: base64url(privateKey),
        certificate: base64url(certificate),
      }),
      { mode: 0o600 },
    );
    return path;
  }

  #configure(id: string, lines: readonly string[]): string {
    const folder = join(this.directory, id);
    mkdirSync(join(folder, 'data'), { recursive: true });
    const identityFile = this.#writeIdentity(folder, issueNodeIdentity(this.root.privateKey, id));
    const seeds = this.#seeds().map((seed) => JSON.stringify(seed));
    const path = join(folder, 'config.toml');
    writeFileSync(
      path,
      [
        `id = "${id}"`,
        `data_dir = ${JSON.stringify(join(folder, 'data'))}`,
        ...lines,
        '[mesh]',
        `root_public_key = "${base64url(this.root.publicKey)}"`,
        `identity_file = ${JSON.stringify(identityFile)}`,
        `seeds = [${seeds.join(', ')}]`,
        '[gossip]',
        'profile = "local"',
      ].join('\n'),
    );
    return path;
  }

  async startNode(id: string): Promise<void> {
    const place = this.#places.get(id);
    if (place === undefined) throw new Error(`no place ${id}`);
    placeCode(join(this.dataDirectoryOf(id), 'runtime'));
    const config = this.#configure(id, [
      '[pop]',
      `code = "${place.code}"`,
      `name = "${place.code}"`,
      `region = "${place.region}"`,
      `latitude = ${place.latitude}`,
      `longitude = ${place.longitude}`,
      '[listen]',
      'host = "127.0.0.1"',
      `api_port = ${this.#apiPorts.get(id)}`,
      `mesh_port = ${this.#meshPorts.get(id)}`,
      ...(this.natsPort === 0 ? [] : ['[nats]', `url = "nats://127.0.0.1:${this.natsPort}"`]),
      ...this.#nodeConfig,
    ]);
    await this.#fork(id, 'packages/node/src/main.ts', config);
  }

  async startGateway(id = 'gw-1'): Promise<void> {
    const config = this.#configure(id, [
      'domain = "localhost"',
      'trusted_proxies = ["127.0.0.1/32", "::1/128"]',
      '[listen]',
      'host = "127.0.0.1"',
      `port = ${this.gatewayPort}`,
      '[location]',
      'latitude = 50.11',
      'longitude = 8.68',
    ]);
    await this.#fork(id, 'packages/gateway/src/main.ts', config);
  }

  async startNats(): Promise<void> {
    const { path } = findNatsServer();
    const store = join(this.directory, 'nats');
    mkdirSync(store, { recursive: true });
    const child = spawn(
      path,
      [
        '-a',
        '127.0.0.1',
        '-p',
        String(this.natsPort),
        '-js',
        '-sd',
        store,
        '-l',
        join(store, 'log'),
      ],
      { stdio: 'ignore' },
    );
    this.#track('nats', child);
    await until(() => canConnect(this.natsPort), 'nats-server to listen');
  }

  #track(id: string, child: ChildProcess): void {
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#running.set(id, { child, exited });
  }

  async #fork(id: string, script: string, config: string): Promise<void> {
    const log = createWriteStream(join(this.directory, id, 'log'), { flags: 'a' });
    const child = fork(join(root, script), ['--config', config], {
      execPath: process.execPath,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...bareEnvironment(),
        ...(this.#spares ? {} : WITHOUT_SPARES),
      },
    });
    let tail = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        log.write(chunk);
        tail = `${tail}${chunk}`.slice(-3000);
      });
    }
    this.#track(id, child);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${id} is not ready in time:\n${tail}`)),
        READY_MS_MAX,
      );
      child.on('message', (message) => {
        if ((message as Record<string, unknown>).type !== 'ready') return;
        clearTimeout(timer);
        resolve();
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        log.end();
        reject(new Error(`${id} ended with ${code ?? signal}:\n${tail}`));
      });
    });
  }

  /** Ends one process; resolves when it is gone. */
  async kill(id: string, signal: NodeJS.Signals): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.child.kill(signal);
    await running.exited;
    this.#running.delete(id);
  }

  /** SIGTERM for everything, SIGKILL for what is left after a while; then the folder goes. */
  async stop(): Promise<void> {
    const all = [...this.#running.values()];
    const [nats] = [this.#running.get('nats')];
    for (const { child } of all) if (child !== nats?.child) child.kill('SIGTERM');
    const force = setTimeout(() => {
      for (const { child } of all) child.kill('SIGKILL');
    }, STOP_MS_MAX);
    await Promise.all(all.filter((running) => running !== nats).map(({ exited }) => exited));
    nats?.child.kill('SIGKILL');
    await nats?.exited;
    clearTimeout(force);
    this.#running.clear();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Through the gateway, in its bare-IP form: `/<namespace>/<function>/…`. */
  get(path: string, location: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.gatewayPort}${path}`, {
      ...init,
      headers: {
        ...(init.headers as Record<string, string> | undefined),
        'popmesh-client-location': location,
      },
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
  }

  async popThatAnswers(path: string, location: string): Promise<string> {
    const response = await this.get(path, location);
    const text = await response.text();
    if (response.status !== 200)
      throw new Error(`${path} from ${location}: ${response.status} ${text}`);
    return response.headers.get('popmesh-pop') ?? '';
  }

  /** Runs the real command line against this mesh. */
  popmesh(...args: readonly string[]): Promise<CommandResult> {
    return runCommand([join(root, 'packages/cli/src/main.ts'), ...args], {
      POPMESH_API: this.api,
      POPMESH_TOKEN: this.token,
    });
  }

  /** As `popmesh`, for a command that must succeed; its `--json` output. */
  async popmeshJson(...args: readonly string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.popmesh(...args, '--json');
    // What `status` says of a mesh with dead members is an answer, too.
    if (code !== 0 && !(args[0] === 'status' && code === 4))
      throw new Error(`popmesh ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    const lines = stdout.trim().split('\n');
    try {
      return JSON.parse(stdout) as Record<string, unknown>;
    } catch {
      return JSON.parse(lines[lines.length - 1] ?? '') as Record<string, unknown>;
    }
  }

  async control(path: string, init: RequestInit = {}, api = this.api): Promise<Response> {
    return fetch(`${api}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(init.headers as Record<string, string> | undefined),
      },
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
  }
}
