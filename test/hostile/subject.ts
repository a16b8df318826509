/**
 * A node daemon as a process of its own, and a client that speaks to its control API and,
 * past the gateway, to its executors: what a hostile function gets is seen as it is, with
 * no retry of the gateway's in between.
 */
import { once } from 'node:events';
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, loadProject } from '../../packages/builder/src/index.ts';
import { FRA, TestMesh } from '../integration/mesh.ts';
import { until } from '../integration/process.ts';
import { childrenOf, commandLineOf } from './process-facts.ts';

/** A call that is not over by then is the failure of a limit, also on a slow machine. */
const CALL_MS_MAX = 120_000;

/** The guest with one path per misbehaviour; built once per content, for all files and runs. */
export async function buildHostile(): Promise<Uint8Array> {
  const project = await loadProject(join(import.meta.dirname, 'guest'));
  const cacheDirectory = join(tmpdir(), 'popmesh-hostile-build');
  return (await build(project, { cacheDirectory })).component;
}

export interface Answer {
  readonly status: number;
  /** `popmesh-error`. */
  readonly code: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly sizeBytes: number;
  /** The connection ended in the middle of the body. */
  readonly cut: boolean;
  readonly tookMs: number;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** A connection of its own. */
  readonly alone?: boolean;
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export class Subject {
  readonly mesh: TestMesh;
  readonly agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly nodePid: number;

  private constructor(mesh: TestMesh) {
    this.mesh = mesh;
    this.nodePid = mesh.pidOf(FRA.id);
  }

  static async start(
    nodeConfig: readonly string[] = [],
    { spares = false } = {},
  ): Promise<Subject> {
    return new Subject(await TestMesh.start([FRA], { nats: false, nodeConfig, spares }));
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    await this.mesh.stop();
  }

  /** The pids of the executors that belong to a namespace. */
  executors(): number[] {
    return this.children().filter((pid) => /^popmesh-executor \S/.test(commandLineOf(pid)));
  }

  /** All processes that the node has started, but for blank executors: those come and go. */
  children(): number[] {
    return childrenOf(this.nodePid).filter(
      (pid) => !/^popmesh-executor spare|executor\/main/.test(commandLineOf(pid)),
    );
  }

  /** One upload and its answer, whichever it is; `undefined` when it was accepted. */
  async upload(
    id: string,
    component: Uint8Array,
    config: object = {},
  ): Promise<{ refused: Refusal } | { revision: string }> {
    const [namespace, name] = id.split('/');
    const form = new FormData();
    form.set('manifest', JSON.stringify({ label: '1', engine: 'component', config }));
    form.set('component', new Blob([new Uint8Array(component)]), 'component.wasm');
    const response = await this.mesh.control(`/v1/functions/${namespace}/${name}/versions`, {
      method: 'POST',
      body: form,
    });
    const body = (await response.json()) as {
      error?: { code: string; message: string };
      revision: string;
    };
    if (response.status === 201) return { revision: body.revision };
    const { code = '', message = '' } = body.error ?? {};
    return { refused: { status: response.status, code, message } };
  }

  /** Uploads, and waits until this node says it is ready, or that it cannot be. */
  async deploy(id: string, component: Uint8Array, config: object = {}): Promise<string> {
    const uploaded = await this.upload(id, component, config);
    if ('refused' in uploaded) throw new Error(`${id}: ${JSON.stringify(uploaded.refused)}`);
    let state = '';
    await until(async () => {
      const path = `/v1/functions/${id}/rollout?revision=${uploaded.revision}`;
      const rollout = (await (await this.mesh.control(path)).json()) as {
        nodes: { state: string; code?: string }[];
      };
      state = rollout.nodes[0]?.state ?? '';
      return state === 'ready' || state === 'failed';
    }, `${id} to be ready`);
    return state;
  }

  /** Where the executor of a namespace listens. */
  async address(namespace: string): Promise<{ host: string; port: number }> {
    const status = (await (await this.mesh.control('/v1/status')).json()) as {
      nodes: { dataPlanes: { namespace: string; address: string }[] }[];
    };
    const plane = status.nodes[0]?.dataPlanes.find((it) => it.namespace === namespace);
    const [host = '', port = '0'] = (plane?.address ?? '').split(':');
    return { host, port: Number(port) };
  }

  /** What functions of a namespace log from now on. */
  async logs(namespace: string): Promise<{ text: () => string; stop: () => Promise<void> }> {
    const end = new AbortController();
    const { token, api } = this.mesh;
    const response = await fetch(`${api}/v1/logs?namespace=${namespace}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: end.signal,
    });
    let text = '';
    const reading = (async () => {
      for await (const part of response.body ?? []) text += Buffer.from(part).toString();
    })().catch(() => {});
    return {
      text: () => text,
      stop: async () => {
        end.abort();
        await reading;
      },
    };
  }

  async metric(name: string, labels: string): Promise<number> {
    const text = await (await fetch(`${this.mesh.api}/metrics`)).text();
    const line = text.split('\n').find((it) => it.startsWith(`${name}{${labels}`));
    return Number(line?.split(' ').at(-1) ?? 0);
  }
}

/** One function as a client sees it. */
export class Target {
  readonly id: string;
  readonly #agent: Agent;
  readonly #address: { host: string; port: number };

  private constructor(id: string, agent: Agent, address: { host: string; port: number }) {
    this.id = id;
    this.#agent = agent;
    this.#address = address;
  }

  static async of(subject: Subject, id: string): Promise<Target> {
    return new Target(id, subject.agent, await subject.address(id.split('/')[0] ?? ''));
  }

  open(path: string, options: CallOptions = {}): ReturnType<typeof request> {
    return request({
      ...this.#address,
      path,
      method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
      agent: options.alone === true ? false : this.#agent,
      headers: { host: 'hostile.example', 'popmesh-function': this.id, ...options.headers },
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
  }

  /** Sends one request and reads its whole answer, or as much of it as came. */
  async call(path: string, options: CallOptions = {}): Promise<Answer> {
    const startedMs = performance.now();
    const sent = this.open(path, options);
    sent.end(options.body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return readAnswer(response, startedMs);
  }
}

export async function readAnswer(response: IncomingMessage, startedMs: number): Promise<Answer> {
  let [text, sizeBytes, cut] = ['', 0, false];
  try {
    for await (const part of response) {
      sizeBytes += (part as Buffer).length;
      if (text.length < 100_000) text += String(part);
    }
  } catch {
    cut = true;
  }
  const code = response.headers['popmesh-error'];
  return {
    status: response.statusCode ?? 0,
    code: typeof code === 'string' ? code : undefined,
    headers: response.headers,
    text,
    sizeBytes,
    cut,
    tookMs: performance.now() - startedMs,
  };
}
