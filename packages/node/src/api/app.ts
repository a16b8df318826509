import { OpenAPIHono } from '@hono/zod-openapi';
import { type Clock, functionId, type Logger, PopmeshError, parseName } from '@popmesh/contracts';
import { isLoopback } from '@popmesh/daemon';
import { hostsRoute, releaseHostRoute } from '../hosts/host-routes.ts';
import { quotaRoute, quotasRoute, setQuotaRoute } from '../quota/quota-schemas.ts';
import type { Authenticate, Caller } from './auth.ts';
import { invalidInput, readUpload, withCappedJson } from './body.ts';
import type { Actor, Control } from './control.ts';
import { logStream, parseLogFilter } from './log-stream.ts';
import * as routes from './routes.ts';
import { logLineSchema, manifestSchema } from './schemas.ts';
import { UploadGate } from './upload-gate.ts';

/** The control API: who may, what goes in, what comes out. What happens is behind `Control`. */

export interface AppOptions {
  readonly control: Control;
  readonly authenticate: Authenticate;
  readonly componentBytesMax: number;
  readonly uploadsMax: number;
  /** Else they are for loopback, and for tokens that may read everything. */
  readonly metricsPublic: boolean;
  readonly softwareVersion: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Env {
  Bindings: { incoming?: { socket?: { remoteAddress?: string } } };
  Variables: { caller: Caller; actor: Actor };
}

export function createApp(options: AppOptions): OpenAPIHono<Env> {
  const { control, logger } = options;
  const app = new OpenAPIHono<Env>({
    defaultHook: (result) => {
      if (!result.success) throw invalidInput(result.target, result.error.issues);
    },
  });
  const uploads = new UploadGate(() => options.uploadsMax);

  app.onError((caught, c) => {
    const error = PopmeshError.from(caught);
    const { fault, httpStatus } = error.facts;
    if (fault === 'platform') logger.error('a control request failed', { path: c.req.path, error });
    const actor = c.get('actor') as Actor | undefined;
    if (error.code === 'unauthenticated' || error.code === 'permission_denied') {
      control.denied(
        actor ?? { who: 'nobody', tokenId: undefined, from: addressOf(c.env) },
        `${c.req.method} ${c.req.path}`,
        error.code,
      );
    }
    return Response.json(
      // What we did not expect may quote anything; its message stays in the log.
      { error: error.code === 'internal' ? { ...error.toJSON(), message: 'internal' } : error },
      {
        status: httpStatus,
        headers: {
          ...(httpStatus === 401 ? { 'www-authenticate': 'Bearer realm="popmesh"' } : {}),
          ...(httpStatus === 503 ? { 'retry-after': '1' } : {}),
          // The rest of a body that is not read is not waited for.
          ...(httpStatus === 408 || error.details.limit === 'body_pieces'
            ? { connection: 'close' }
            : {}),
        },
      },
    );
  });
  app.notFound(() => {
    throw new PopmeshError('not_found', 'there is no such path', {
      hint: 'GET /v1/openapi.json lists them.',
    });
  });

  app.get('/healthz', (c) => c.json({ alive: true }));
  app.get('/readyz', (c) => {
    const reason = control.notReady();
    return reason === undefined ? c.json({ ready: true }) : c.json({ ready: false, reason }, 503);
  });
  app.get('/metrics', async (c) => {
    // They name every tenant's functions.
    const isOpen = options.metricsPublic || isLoopback(addressOf(c.env).replace(/^::ffff:/, ''));
    if (!isOpen) {
      const caller = await options.authenticate(c.req.header('authorization'));
      caller.requireEverywhere('read');
    }
    const { text, contentType } = await control.metrics();
    return new Response(text, { headers: { 'content-type': contentType } });
  });

  // Public, like the source that it is made from.
  app.doc31('/v1/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'popmesh control API',
      version: options.softwareVersion,
      description:
        'Served by every node. Bearer tokens are EdDSA JWTs signed by the mesh root key.',
    },
  });

  app.use('/v1/*', async (c, next) => {
    const caller = await options.authenticate(c.req.header('authorization'));
    c.set('caller', caller);
    c.set('actor', { who: caller.who, tokenId: caller.tokenId, from: addressOf(c.env) });
    await next();
  });

  app.openapi(routes.listRoute, (c) => {
    const caller = c.get('caller');
    const { namespace } = c.req.valid('query');
    if (namespace === undefined) caller.requireScope('read');
    else caller.require('read', namespace);
    const functions = control
      .list()
      .filter((fn) => caller.maySee(fn.namespace) && (namespace ?? fn.namespace) === fn.namespace);
    return c.json({ functions }, 200);
  });
  app.openapi(routes.getRoute, (c) => {
    const { namespace, name } = c.req.valid('param');
    c.get('caller').require('read', namespace);
    return c.json(control.get(functionId(namespace, name)), 200);
  });
  app.openapi(routes.versionsRoute, (c) => {
    const { namespace, name } = c.req.valid('param');
    c.get('caller').require('read', namespace);
    return c.json({ versions: control.versions(functionId(namespace, name)) }, 200);
  });
  app.openapi(routes.rolloutRoute, (c) => {
    const { namespace, name } = c.req.valid('param');
    c.get('caller').require('read', namespace);
    const { revision } = c.req.valid('query');
    const wanted = revision === undefined ? undefined : BigInt(revision);
    return c.json(control.rollout(functionId(namespace, name), wanted), 200);
  });
  app.openapi(routes.removeRoute, async (c) => {
    const { namespace, name } = c.req.valid('param');
    c.get('caller').require('delete', namespace);
    return c.json(await control.remove(functionId(namespace, name), c.get('actor')), 200);
  });
  app.openapi(hostsRoute, (c) => {
    const caller = c.get('caller');
    const { namespace } = c.req.valid('query');
    if (namespace === undefined) caller.requireScope('read');
    else caller.require('read', namespace);
    const maySee = (one: string) => caller.maySee(one) && (namespace ?? one) === one;
    return c.json({ hosts: control.hosts(maySee) }, 200);
  });
  app.openapi(releaseHostRoute, async (c) => {
    const caller = c.get('caller');
    const { host } = c.req.valid('param');
    const { namespace, force } = c.req.valid('query');
    if (namespace === undefined) caller.requireScope('delete');
    else caller.require('delete', namespace);
    const mayChange = (one: string) => caller.maySee(one);
    const release = { host, namespace, force: force === 'true', mayChange };
    return c.json(await control.releaseHost(release, c.get('actor')), 200);
  });
  app.openapi(quotasRoute, (c) => {
    const caller = c.get('caller');
    caller.requireScope('read');
    return c.json({ quotas: control.quotas((namespace) => caller.maySee(namespace)) }, 200);
  });
  app.openapi(quotaRoute, (c) => {
    const { namespace } = c.req.valid('param');
    c.get('caller').require('read', namespace);
    return c.json(control.quota(namespace), 200);
  });
  app.use(setQuotaRoute.getRoutingPath(), async (c, next) => {
    if (c.req.method === 'PUT') {
      c.get('caller').requireAdmin();
      c.req.raw = await withCappedJson(c.req.raw, options.clock);
    }
    await next();
  });
  app.openapi(setQuotaRoute, async (c) => {
    const { namespace } = c.req.valid('param');
    const actor = c.get('actor');
    return c.json(await control.setQuota(namespace, c.req.valid('json'), actor), 200);
  });
  app.openapi(routes.statusRoute, (c) => {
    const caller = c.get('caller');
    caller.requireScope('read');
    return c.json(control.status(caller), 200);
  });

  // Replaces the body before the router's validator could buffer it without a bound.
  app.use(`${routes.rollbackRoute.getRoutingPath()}`, async (c, next) => {
    c.req.raw = await withCappedJson(c.req.raw, options.clock);
    await next();
  });
  app.openapi(routes.rollbackRoute, async (c) => {
    const { namespace, name } = c.req.valid('param');
    c.get('caller').require('deploy', namespace);
    const { version } = c.req.valid('json');
    const fn = functionId(namespace, name);
    return c.json(await control.rollback(fn, version, c.get('actor')), 201);
  });

  app.openAPIRegistry.registerPath(routes.deployRoute);
  app.openAPIRegistry.register('DeployManifest', manifestSchema);
  app.post('/v1/functions/:namespace/:name/versions', async (c) => {
    const namespace = parseName(c.req.param('namespace'), 'namespace');
    const name = parseName(c.req.param('name'), 'function name');
    c.get('caller').require('deploy', namespace);
    const leave = uploads.enter(c.get('caller').tokenId, namespace);
    try {
      const upload = await readUpload(c.req.raw, options.componentBytesMax, options.clock);
      const request = { namespace, name, ...upload };
      return c.json(await control.deploy(request, c.get('actor'), c.req.raw.signal), 201);
    } finally {
      leave();
    }
  });

  app.openAPIRegistry.registerPath(routes.logsRoute);
  app.openAPIRegistry.register('LogLine', logLineSchema);
  app.get('/v1/logs', (c) => {
    const filter = parseLogFilter(c.req.query('namespace'), c.req.query('function'));
    const caller = c.get('caller');
    const namespace = filter.function?.split('/')[0] ?? filter.namespace;
    if (namespace === undefined) caller.requireScope('logs');
    else caller.require('logs', namespace);
    const mayPass = (line: { readonly function: string }): boolean =>
      caller.maySee(line.function.split('/')[0] ?? '');
    return logStream(
      (signal) => control.logs(filter, signal, caller.tokenId),
      mayPass,
      c.req.raw.signal,
      options.clock,
    );
  });

  return app;
}

const addressOf = (env: Env['Bindings'] | undefined): string =>
  env?.incoming?.socket?.remoteAddress ?? 'unknown';
