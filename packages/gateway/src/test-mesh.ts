import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, noMetrics, silentLogger } from '@popmesh/contracts';
import { realClock, realRandom } from '@popmesh/daemon';
import {
  create,
  FunctionRecordSchema,
  type MessageInitShape,
  NodeAnnouncementSchema,
} from '@popmesh/protocol';
import { freePort } from '../../../scripts/free-port.ts';
import { gatewayConfigSchema } from './config.ts';
import { MemoryMeshView } from './mesh-view.ts';
import { TrafficPlane } from './traffic-plane.ts';

/** For tests: real HTTP upstreams that behave like executors, and a gateway in front of them. */

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

export class TestNode {
  readonly id: string;
  readonly place: { pop: string; region: string; latitude: number; longitude: number };
  handler: Handler;
  hits = 0;
  probes = 0;
  address = '';
  startedAtMs = 1n;
  #server: Server | undefined;

  constructor(id: string, place: TestNode['place'], handler: Handler) {
    this.id = id;
    this.place = place;
    this.handler = handler;
  }

  /** `port`: where it was before it was killed. One that nobody else is given meanwhile. */
  async start(port?: number): Promise<void> {
    const listen = port ?? (await freePort());
    this.#server = createServer((req, res) => {
      if (req.url?.startsWith('/.popmesh/')) {
        this.probes += 1;
        res.writeHead(404, { 'popmesh-error': 'function_not_found' }).end();
        return;
      }
      this.hits += 1;
      this.handler(req, res);
    });
    await new Promise<void>((resolve) => this.#server?.listen(listen, '127.0.0.1', resolve));
    this.address = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** As `kill -9`: the port closes and every connection is reset. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  announcement(
    fn = 'default/hello',
    revision = 1n,
    extra: MessageInitShape<typeof NodeAnnouncementSchema> = {},
  ) {
    return create(NodeAnnouncementSchema, {
      id: this.id,
      ...this.place,
      state: 'ready',
      startedAtMs: this.startedAtMs,
      dataPlanes: [{ namespace: fn.split('/')[0] as string, address: this.address }],
      ready: [{ function: fn, revision }],
      ...extra,
    });
  }
}

export const FRA = { pop: 'fra', region: 'eu', latitude: 50.1, longitude: 8.7 };
export const AMS = { pop: 'ams', region: 'eu', latitude: 52.4, longitude: 4.9 };
export const NRT = { pop: 'nrt', region: 'ap', latitude: 35.8, longitude: 140.4 };

/** Answers with its own name. */
export const named =
  (name: string): Handler =>
  (_req, res) => {
    res.writeHead(200, { 'popmesh-version': '3', 'popmesh-start': 'warm', 'x-by': name });
    res.end(name);
  };

export function setFunction(
  mesh: MemoryMeshView,
  id: `${string}/${string}` = 'default/hello',
  revision = 1n,
  config: {
    timeoutMs?: number;
    requestBodyMb?: number;
    routes?: string[];
    regions?: string[];
  } = {},
): void {
  const [namespace, name] = id.split('/') as [string, string];
  mesh.setFunction({
    id,
    revision,
    record: create(FunctionRecordSchema, {
      namespace,
      name,
      versions: [
        {
          number: 1,
          createdAtMs: 1n,
          config: {
            limits: {
              // As a guard only: a slow machine is not what these tests look for.
              timeoutMs: config.timeoutMs ?? 120_000,
              requestBodyMb: config.requestBodyMb ?? 16,
            },
            regions: config.regions ?? [],
            routes: (config.routes ?? []).map((route) => ({
              host: route.split('/')[0] as string,
              path: route.slice(route.indexOf('/')),
            })),
          },
        },
      ],
      aliases: [{ name: 'live', targets: [{ version: 1, weight: 100 }] }],
      lastVersion: 1,
    }),
  });
}

export interface TestGateway {
  readonly mesh: MemoryMeshView;
  readonly plane: TrafficPlane;
  readonly address: string;
  readonly url: string;
  synced: boolean;
  stop(): Promise<void>;
}

export async function startTestGateway(
  nodes: readonly TestNode[],
  config: Record<string, unknown> = {},
  clock: Clock = realClock,
): Promise<TestGateway> {
  const mesh = new MemoryMeshView();
  const parsed = gatewayConfigSchema.parse({
    id: 'gw',
    dataDir: '/nonexistent',
    mesh: { rootPublicKey: 'A'.repeat(43) },
    location: { latitude: 50.1, longitude: 8.7, pop: 'fra' },
    trustedProxies: ['127.0.0.1/32'],
    ...config,
    listen: { port: 0 },
  });
  const state = { synced: true };
  const plane = new TrafficPlane(parsed, {
    mesh,
    synced: () => state.synced,
    geo: undefined,
    clock,
    random: realRandom,
    logger: silentLogger,
    metrics: noMetrics,
  });
  const address = await plane.start();
  for (const node of nodes) {
    if (node.address === '') await node.start();
    mesh.setNode(node.announcement());
  }
  if (nodes.length > 0) setFunction(mesh);
  return {
    mesh,
    plane,
    address,
    url: `http://${address}`,
    get synced() {
      return state.synced;
    },
    set synced(value) {
      state.synced = value;
    },
    stop: async () => {
      await plane.stop();
      await Promise.all(nodes.map((node) => node.kill()));
    },
  };
}
