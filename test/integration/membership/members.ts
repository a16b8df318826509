/**
 * Daemons of one mesh as processes of their own, each under a name: two of them may
 * have one id. Everything is on loopback addresses and ports that the daemons choose.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import {
  generateKeyPair,
  issueNodeIdentity,
  type NodeIdentity,
} from '../../../packages/protocol/src/index.ts';
import { placeCode } from '../../../scripts/test-code.ts';
import { bareEnvironment, WITHOUT_SPARES } from '../../../scripts/test-environment.ts';
import { until } from '../process.ts';
import { issueToken } from '../token.ts';

const DAEMON = join(import.meta.dirname, 'daemon-with-clock.ts');
const STOP_MS_MAX = 30_000;
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

export interface MemberOptions {
  readonly id: string;
  readonly seeds?: readonly string[];
  readonly host?: string;
  /** How far the wall clock is ahead. */
  readonly offsetMs?: number;
  /** Lines of the configuration, each with its section. */
  readonly config?: readonly string[];
  readonly longitude?: number;
}

export interface NodeStatus {
  readonly id: string;
  readonly state: string;
  readonly pid: number;
  readonly functionsReady: number;
  readonly notReadyReason?: string;
  readonly clockAheadMs?: number;
}

export class Member {
  readonly id: string;
  readonly child: ChildProcess;
  /** Its API is HTTPS: it has a [tls] section. */
  readonly speaksTls: boolean;
  readonly exited: Promise<number | null>;
  log = '';
  addresses: Readonly<Record<string, string>> = {};

  constructor(id: string, child: ChildProcess, speaksTls: boolean) {
    this.id = id;
    this.speaksTls = speaksTls;
    this.child = child;
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.log += stripVTControlCharacters(chunk.toString('utf8'));
      });
    }
  }

  /** The address of its API, its mesh port, or of a gateway's admin page. */
  at(which: 'api' | 'mesh' | 'admin' | 'address'): string {
    return this.addresses[which] ?? '';
  }

  /** Lines of the log, as JSON. */
  lines(): Record<string, unknown>[] {
    return this.log.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Record<string, unknown>];
      } catch {
        return [];
      }
    });
  }

  setClock(offsetMs: number): void {
    this.child.send({ offsetMs });
  }

  async readyz(): Promise<{ status: number; reason: string }> {
    const where = this.addresses.admin ?? this.addresses.api;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      // Whom the certificate names is not what is asked here.
      const request = this.speaksTls
        ? httpsRequest(`https://${where}/readyz`, { rejectUnauthorized: false })
        : httpRequest(`http://${where}/readyz`);
      request.on('response', resolve).on('error', reject).end();
    });
    const { reason = '' } = (await json(response)) as { reason?: string };
    return { status: response.statusCode ?? 0, reason };
  }

  untilReady(): Promise<void> {
    return until(async () => (await this.readyz()).status === 200, `${this.id} to be ready`);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }
}

export class Members {
  readonly directory = mkdtempSync(join(tmpdir(), 'popmesh-members-'));
  readonly #root = generateKeyPair();
  readonly #identities = new Map<string, NodeIdentity>();
  readonly #members = new Set<Member>();
  token = '';

  static async create(): Promise<Members> {
    const members = new Members();
    chmodSync(members.directory, 0o711);
    members.token = await issueToken(members.#root.privateKey);
    return members;
  }

  folder(name: string): string {
    return join(this.directory, name);
  }

  /** Resolves when its addresses are known, ready or not. `name` is its folder. */
  async startNode(name: string, options: MemberOptions): Promise<Member> {
    const { host = '127.0.0.1', longitude = 8, offsetMs = 0 } = options;
    placeCode(join(this.folder(name), 'data', 'runtime'));
    const file = this.#configure(name, options, [
      '[pop]',
      `code = "${options.id}"`,
      'region = "eu"',
      'latitude = 50',
      `longitude = ${longitude}`,
      '[listen]',
      `host = "${host}"`,
      'api_port = 0',
      'mesh_port = 0',
    ]);
    return this.#start(options.id, 'node', file, offsetMs);
  }

  async startGateway(name: string, options: MemberOptions): Promise<Member> {
    const file = this.#configure(name, options, [
      'trusted_proxies = ["127.0.0.1/32"]',
      '[listen]',
      'port = 0',
      '[location]',
      'latitude = 50',
      'longitude = 8',
    ]);
    return this.#start(options.id, 'gateway', file, options.offsetMs ?? 0);
  }

  #configure(
    name: string,
    { id, seeds = [], config = [] }: MemberOptions,
    lines: string[],
  ): string {
    const folder = this.folder(name);
    mkdirSync(join(folder, 'data'), { recursive: true });
    const identity = this.#identities.get(id) ?? issueNodeIdentity(this.#root.privateKey, id);
    this.#identities.set(id, identity);
    const { publicKey, privateKey, certificate } = identity;
    const [pub, key, proof] = [publicKey, privateKey, certificate].map(base64url);
    const text = JSON.stringify({ id, publicKey: pub, privateKey: key, certificate: proof });
    writeFileSync(join(folder, 'identity.json'), text, { mode: 0o600 });
    const file = join(folder, 'config.toml');
    const gossip = config.filter((line) => !line.startsWith('gossip.'));
    const tuned = config.flatMap((line) => (line.startsWith('gossip.') ? [line.slice(7)] : []));
    writeFileSync(
      file,
      [
        `id = "${id}"`,
        'data_dir = "data"',
        ...lines,
        '[mesh]',
        `root_public_key = "${base64url(this.#root.publicKey)}"`,
        'identity_file = "identity.json"',
        `seeds = [${seeds.map((seed) => JSON.stringify(seed)).join(', ')}]`,
        '[gossip]',
        'profile = "local"',
        ...tuned,
        '[drain]',
        'notice_ms = 500',
        ...gossip,
      ].join('\n'),
    );
    return file;
  }

  async #start(id: string, role: string, file: string, offsetMs: number): Promise<Member> {
    const child = fork(DAEMON, [role, file, String(offsetMs)], {
      execPath: process.execPath,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...bareEnvironment(),
        ...WITHOUT_SPARES,
      },
    });
    const speaksTls = role === 'node' && readFileSync(file, 'utf8').includes('[tls]');
    const member = new Member(id, child, speaksTls);
    this.#members.add(member);
    void member.exited.then(() => this.#members.delete(member));
    const ready = new Promise<void>((resolve) => {
      child.on('message', (message: Record<string, string>) => {
        if (message.type !== 'ready') return;
        member.addresses = message;
        resolve();
      });
    });
    await Promise.race([ready, member.exited]);
    return member;
  }

  call(member: Member, path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://${member.at('api')}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${this.token}` },
    });
  }

  deploy(member: Member, fn: string, component: Uint8Array): Promise<Response> {
    const form = new FormData();
    form.set('manifest', JSON.stringify({ label: '1', engine: 'rust' }));
    form.set('component', new Blob([Buffer.from(component)]), 'component.wasm');
    return this.call(member, `/v1/functions/${fn}/versions`, { method: 'POST', body: form });
  }

  /** What `member` sees of the node `id`. */
  async statusOf(member: Member, id: string): Promise<NodeStatus | undefined> {
    const response = await this.call(member, '/v1/status');
    const { nodes } = (await response.json()) as { nodes: NodeStatus[] };
    return nodes.find((node) => node.id === id);
  }

  async stop(): Promise<void> {
    const all = [...this.#members];
    for (const { child } of all) child.kill('SIGTERM');
    const force = setTimeout(() => {
      for (const { child } of all) child.kill('SIGKILL');
    }, STOP_MS_MAX);
    await Promise.all(all.map(({ exited }) => exited));
    clearTimeout(force);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
