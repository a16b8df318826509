import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Clock } from '@popmesh/contracts';
import { createLogger, createMetrics, realClock, realRandom } from '@popmesh/daemon';
import { generateKeyPair, issueNodeIdentity, privateKeyObject } from '@popmesh/protocol';
import { SignJWT } from 'jose';
import { placeCode } from '../../../../scripts/test-code.ts';
import type { Deployed, FunctionSummary } from '../api/control.ts';
import type { Rollout, Status } from '../api/schemas.ts';
import { type NodeConfigInput, parseNodeConfig } from '../config.ts';
import { type RunningNode, startNode } from '../start-node.ts';

/** A mesh of real nodes in this process, on free ports and in a folder of its own. Tests only. */

const exampleWasm = new URL('../../../../examples/hello-rust/hello-rust.wasm', import.meta.url);
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
/** A guard against hanging, for machines of any speed. */
const WAIT_MS = 120_000;

export const exampleComponent = async (): Promise<Uint8Array> =>
  new Uint8Array(await readFile(exampleWasm));

/** Asks again until it holds; the error of the last try says what did not. */
export async function until<T>(check: () => T | Promise<T>): Promise<NonNullable<T>> {
  const untilMs = Date.now() + WAIT_MS;
  for (;;) {
    let failed: unknown = new Error(`did not hold within ${WAIT_MS} ms: ${check}`);
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      failed = error;
    }
    if (Date.now() > untilMs) throw failed;
    await realClock.sleep(20);
  }
}

export class TestMesh {
  readonly root = generateKeyPair();
  readonly folder: string;
  token = '';
  readonly #nodes = new Map<string, TestNode>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(t: TestContext): Promise<TestMesh> {
    const mesh = new TestMesh(await mkdtemp(join(tmpdir(), 'popmesh-node-')));
    t.after(async () => {
      await Promise.all([...mesh.#nodes.values()].map((node) => node.stop()));
      await rm(mesh.folder, { recursive: true, force: true, maxRetries: 5 });
    });
    mesh.token = await mesh.issueToken({ namespaces: ['*'] });
    return mesh;
  }

  issueToken(claims: Record<string, unknown>): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'EdDSA' })
      .setIssuer('popmesh')
      .setAudience('popmesh-api')
      .setSubject('tester')
      .setJti(String(claims.jti ?? 'test'))
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKeyObject(this.root.privateKey));
  }

  /** Writes identity.json on the first start of an id; a second start finds its folder again. */
  async config(id: string, more: Partial<NodeConfigInput> = {}): Promise<NodeConfigInput> {
    const identityFile = join(this.folder, `${id}.identity.json`);
    const held = await readFile(identityFile).catch(() => undefined);
    if (held === undefined) {
      const { publicKey, privateKey, certificate } = issueNodeIdentity(this.root.privateKey, id);
      const [pub, key, proof] = [publicKey, privateKey, certificate].map(base64url);
      const text = JSON.stringify({ id, publicKey: pub, privateKey: key, certificate: proof });
      await writeFile(identityFile, text, { mode: 0o600 });
    }
    return {
      id,
      dataDir: join(this.folder, id),
      pop: { code: id, region: 'eu', latitude: 50, longitude: 8 },
      drain: { noticeMs: 0, timeoutMs: 2000 },
      ...more,
      mesh: {
        rootPublicKey: base64url(this.root.publicKey),
        identityFile,
        profile: 'local',
        ...more.mesh,
      },
    };
  }

  async start(
    id: string,
    more: Partial<NodeConfigInput> & { readonly seeds?: readonly string[] } = {},
    clock: Clock = realClock,
  ): Promise<TestNode> {
    const { seeds = [], ...rest } = more;
    // What stands ready costs processes and threads that most tests have no use for.
    const config = await this.config(id, {
      ...rest,
      runtime: { spareExecutors: 0, spareWorkers: 0, ...rest.runtime },
    });
    placeCode(join(this.folder, id, 'runtime'));
    config.mesh = { ...config.mesh, seeds: [...seeds] };
    const node = await startNode(parseNodeConfig(config), {
      clock,
      random: realRandom,
      logger: createLogger({
        name: id,
        level: process.env.POPMESH_TEST_LOG === undefined ? 'error' : 'info',
        destination: 'stderr',
      }),
      metrics: createMetrics(),
      pid: process.pid,
    });
    const held = new TestNode(node, this.token, rest.tls === undefined ? 'http' : 'https');
    this.#nodes.set(id, held);
    return held;
  }
}

export class TestNode {
  readonly node: RunningNode;
  readonly token: string;
  readonly #scheme: 'http' | 'https';

  constructor(node: RunningNode, token: string, scheme: 'http' | 'https' = 'http') {
    this.node = node;
    this.token = token;
    this.#scheme = scheme;
  }

  get meshAddress(): string {
    return this.node.ready.mesh;
  }

  call(path: string, init: RequestInit = {}, token = this.token): Promise<Response> {
    const headers = new Headers(init.headers);
    if (token !== '') headers.set('authorization', `Bearer ${token}`);
    return fetch(`${this.#scheme}://${this.node.ready.api}${path}`, { ...init, headers });
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.call(path, init);
    const body = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${body}`);
    return JSON.parse(body) as T;
  }

  upload(
    fn: string,
    component: Uint8Array,
    { manifest = {} as object, token = this.token } = {},
  ): Promise<Response> {
    const form = new FormData();
    form.set('manifest', JSON.stringify({ label: '1.0.0', engine: 'rust', ...manifest }));
    form.set('component', new Blob([Buffer.from(component)]), 'component.wasm');
    return this.call(`/v1/functions/${fn}/versions`, { method: 'POST', body: form }, token);
  }

  async deploy(fn: string, component: Uint8Array, manifest: object = {}): Promise<Deployed> {
    const response = await this.upload(fn, component, { manifest });
    const body = await response.text();
    assert.equal(response.status, 201, body);
    return JSON.parse(body) as Deployed;
  }

  async list(): Promise<FunctionSummary[]> {
    return (await this.json<{ functions: FunctionSummary[] }>('/v1/functions')).functions;
  }

  status(): Promise<Status> {
    return this.json('/v1/status');
  }

  rollout(fn: string, revision: string): Promise<Rollout> {
    return this.json(`/v1/functions/${fn}/rollout?revision=${revision}`);
  }

  untilReadyEverywhere(fn: string, revision: string, total: number): Promise<unknown> {
    return until(async () => {
      const rollout = await this.rollout(fn, revision);
      assert.deepEqual([rollout.total, rollout.ready], [total, total], JSON.stringify(rollout));
      return true;
    });
  }

  /** Straight to the data plane, as a gateway does. */
  async invoke(fn: string, path = '/'): Promise<Response> {
    return fetch(`http://${await this.dataPlaneOf(fn)}/${fn}${path}`);
  }

  async dataPlaneOf(fn: string): Promise<string> {
    const { node, nodes } = await this.status();
    const [namespace] = fn.split('/');
    const plane = nodes
      .find(({ id }) => id === node)
      ?.dataPlanes.find((candidate) => candidate.namespace === namespace);
    assert.ok(plane, `no data plane for ${namespace}: ${JSON.stringify(nodes)}`);
    return plane.address;
  }

  async stop(): Promise<void> {
    await this.node.stop();
  }
}
