import { createHash, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type FunctionId,
  noMetrics,
  type PopmeshError,
  type Random,
  silentLogger,
} from '@popmesh/contracts';
import { create, FunctionConfigSchema, type MessageInitShape } from '@popmesh/protocol';
import { placeCode } from '../../../../scripts/test-code.ts';
import { clockFrom } from '../clock-from.ts';
import {
  createRuntime,
  type FunctionLog,
  type Prepared,
  type Runtime,
  type RuntimeConfigInput,
} from '../index.ts';
import { buildGuest } from './guests.ts';

/** A real runtime with real executor processes, for tests. */

/** Deadlines of the platform's own work that a machine with much else to do does not reach. */
const PATIENT = {
  executorStartMs: 120_000,
  applyDeadlineMs: 120_000,
  slotStartMs: 120_000,
} as const satisfies RuntimeConfigInput;

export const testClock = clockFrom({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (ms, run) => {
    const handle = setTimeout(run, ms);
    return { cancel: () => clearTimeout(handle) };
  },
});

export const testRandom: Random = {
  float: () => Math.random(),
  integer: (below) => Math.floor(Math.random() * below),
  bytes: (length) => webcrypto.getRandomValues(new Uint8Array(length)),
};

export const digestOf = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

export type ConfigInit = MessageInitShape<typeof FunctionConfigSchema>;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly text: string;
  /** `error.code` of a platform error. */
  readonly code: string | undefined;
}

export interface CallOptions extends RequestOptions {
  readonly body?: Uint8Array | string;
}

export class Harness {
  readonly runtime: Runtime;
  readonly directory: string;
  readonly logs: FunctionLog[] = [];
  /** Functions that were given up, and why. */
  readonly lost: { readonly id: FunctionId; readonly error: PopmeshError }[] = [];
  readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  #revision = 0n;
  #watchers: (() => void)[] = [];

  private constructor(directory: string, config: RuntimeConfigInput | undefined) {
    this.directory = directory;
    this.runtime = createRuntime({
      directory,
      identity: { node: 'n1', pop: 'fra', region: 'eu' },
      // A process that most tests have no use for.
      config: { ...PATIENT, spareExecutors: 0, ...config },
      clock: testClock,
      random: testRandom,
      logger: silentLogger,
      metrics: noMetrics,
      onLog: (entry) => {
        this.logs.push(entry);
        this.#changed();
      },
      onDataPlanesChanged: () => this.#changed(),
      onFunctionLost: (id, error) => {
        this.lost.push({ id, error });
        this.#changed();
      },
    });
  }

  static async start(config?: RuntimeConfigInput): Promise<Harness> {
    const directory = await mkdtemp(join(tmpdir(), 'popmesh-runtime-'));
    // As a node's data folder: executors with a user of their own pass through it.
    await chmod(directory, 0o711);
    placeCode(directory);
    const harness = new Harness(directory, config);
    await harness.runtime.start(new AbortController().signal);
    return harness;
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    await this.runtime.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async prepare(component: Uint8Array, memoryMb = 128): Promise<Prepared> {
    return await this.runtime.prepare(
      { digest: digestOf(component), load: async () => component },
      { memoryMb },
      new AbortController().signal,
    );
  }

  /** Deploys the basic guest (or `component`) and gives back its namespace's address. */
  async deploy(id: FunctionId, init: ConfigInit = {}, component?: Uint8Array): Promise<void> {
    const prepared = await this.prepare(
      component ?? (await buildGuest()),
      init.limits?.memoryMb ?? 128,
    );
    await this.apply(id, [{ version: 1, weight: 100, prepared, init }]);
  }

  async apply(
    id: FunctionId,
    targets: { version: number; weight: number; prepared: Prepared; init?: ConfigInit }[],
  ): Promise<void> {
    await this.runtime.apply({
      function: id,
      revision: ++this.#revision,
      targets: targets.map(({ version, weight, prepared, init }) => ({
        version,
        weight,
        prepared,
        config: create(FunctionConfigSchema, init ?? {}),
      })),
    });
  }

  pidOf(namespace: string): number {
    return this.runtime.executors().find((it) => it.namespace === namespace)?.pid ?? 0;
  }

  address(namespace = 'default'): { host: string; port: number } {
    const plane = this.runtime.dataPlanes().find((it) => it.namespace === namespace);
    const [host, port] = (plane?.address ?? '127.0.0.1:1').split(':');
    return { host: host ?? '', port: Number(port) };
  }

  /** Waits until `check` answers something; looked at again whenever the runtime says something. */
  async until<T>(check: () => T | undefined | false): Promise<T> {
    for (;;) {
      const value = check();
      if (value !== undefined && value !== false) return value;
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  /** Sends one request and reads the whole answer. */
  async call(id: FunctionId, path: string, options: CallOptions = {}): Promise<Answer> {
    const response = await this.open(id, path, options);
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    return toAnswer(response, Buffer.concat(parts));
  }

  /** Sends one request and gives back the response as it begins. */
  async open(id: FunctionId, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const { body, headers, ...rest } = options;
    const sent = request({
      ...this.address(id.split('/')[0]),
      path,
      agent: this.agent,
      ...rest,
      headers: { host: 'hello.example', 'popmesh-function': id, ...headers },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }

  #changed(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const resolve of watchers) resolve();
  }
}

export function toAnswer(response: IncomingMessage, body: Buffer): Answer {
  const code = response.headers['popmesh-error'];
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body,
    text: body.toString('utf8'),
    code: typeof code === 'string' ? code : undefined,
  };
}
