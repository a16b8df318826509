import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { ExposedMetrics } from '@popmesh/daemon';
import type { ReadinessState } from '@popmesh/gossip';
import { Hono } from 'hono';
import type { TrafficPlane } from './traffic-plane.ts';

/** Health, metrics and a page that says what the gateway believes; on an address of its own. */

export interface AdminParts {
  readonly state: () => ReadinessState;
  /** Why it is not ready; undefined when it is. */
  readonly reason: () => string | undefined;
  readonly plane: TrafficPlane;
  readonly metrics: ExposedMetrics;
}

const HEADERS_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 256;

export function createAdminServer(parts: AdminParts): Server {
  const app = new Hono();
  app.get('/healthz', (c) => c.json({ state: parts.state() }));
  app.get('/readyz', (c) => {
    const state = parts.state();
    const reason = parts.reason();
    return reason === undefined ? c.json({ state }) : c.json({ state, reason }, 503);
  });
  app.get('/metrics', async (c) => {
    parts.plane.traffic.flush();
    return c.body(await parts.metrics.text(), 200, { 'content-type': parts.metrics.contentType });
  });
  app.get('/v1/nodes', (c) =>
    c.json({
      state: parts.state(),
      functions: parts.plane.directory.size,
      inFlight: parts.plane.traffic.inFlight,
      dataPlanes: parts.plane.describe(),
    }),
  );
  app.notFound((c) =>
    c.json({ error: { code: 'not_found', message: `there is no ${c.req.path}` } }, 404),
  );
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1_000 },
    getRequestListener(app.fetch, { overrideGlobalObjects: false }),
  );
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}
