import { createRoute, z } from '@hono/zod-openapi';
import { json, refusals } from './responses.ts';
import {
  deletedSchema,
  deployedSchema,
  errorSchema,
  functionParams,
  functionSchema,
  functionWithConfigSchema,
  nameSchema,
  revisionSchema,
  rolloutSchema,
  statusSchema,
  versionSchema,
} from './schemas.ts';

/** The table of routes: method, path, and what goes in and out; `app.ts` has what they do. */

const refused = refusals('The token is not for this namespace, or not for this action.');
const notFound = { 404: json(errorSchema, 'There is no such function.') };

const BASE = '/v1/functions';
const ONE = `${BASE}/{namespace}/{name}` as const;

export const listRoute = createRoute({
  method: 'get',
  path: BASE,
  request: { query: z.object({ namespace: nameSchema.optional() }) },
  responses: {
    200: json(z.object({ functions: z.array(functionSchema) }), 'What the token may see.'),
    ...refused,
  },
});

export const getRoute = createRoute({
  method: 'get',
  path: ONE,
  request: { params: functionParams },
  responses: { 200: json(functionWithConfigSchema, 'The function.'), ...refused, ...notFound },
});

export const versionsRoute = createRoute({
  method: 'get',
  path: `${ONE}/versions`,
  request: { params: functionParams },
  responses: {
    200: json(z.object({ versions: z.array(versionSchema) }), 'Newest first.'),
    ...refused,
    ...notFound,
  },
});

export const rolloutRoute = createRoute({
  method: 'get',
  path: `${ONE}/rollout`,
  request: { params: functionParams, query: z.object({ revision: revisionSchema.optional() }) },
  responses: { 200: json(rolloutSchema, 'Node by node.'), ...refused, ...notFound },
});

export const rollbackRoute = createRoute({
  method: 'post',
  path: `${ONE}/rollback`,
  request: {
    params: functionParams,
    body: {
      content: {
        'application/json': {
          schema: z.strictObject({ version: z.int().min(1).max(0xffff_ffff).optional() }),
        },
      },
    },
  },
  responses: { 201: json(deployedSchema, 'The older version is live.'), ...refused, ...notFound },
});

export const removeRoute = createRoute({
  method: 'delete',
  path: ONE,
  request: { params: functionParams },
  responses: { 200: json(deletedSchema, 'It is gone.'), ...refused, ...notFound },
});

export const statusRoute = createRoute({
  method: 'get',
  path: '/v1/status',
  responses: { 200: json(statusSchema, 'The mesh, as this node sees it.'), ...refused },
});

/** Documented only: the body is read by `body.ts`, which must not buffer what is too large. */
export const deployRoute = {
  method: 'post' as const,
  path: `${ONE}/versions`,
  request: {
    params: functionParams,
    body: {
      content: {
        'multipart/form-data': {
          schema: z.object({
            manifest: z
              .string()
              .openapi({ description: 'JSON of DeployManifest: {label, engine, config}.' }),
            component: z
              .string()
              .openapi({ format: 'binary', description: 'The .wasm component.' }),
          }),
        },
      },
    },
  },
  responses: {
    201: json(deployedSchema, 'Durable on the answering node, and live.'),
    ...refused,
    413: json(errorSchema, 'The component is larger than the node takes.'),
    422: json(errorSchema, 'The component is not valid, or imports what is not allowed.'),
    507: json(errorSchema, 'The disk of the node is full or broken.'),
  },
};

/** Documented only: a stream has no schema for its whole. */
export const logsRoute = {
  method: 'get' as const,
  path: '/v1/logs',
  request: {
    query: z.object({ namespace: nameSchema.optional(), function: z.string().optional() }),
  },
  responses: {
    200: {
      description:
        'One JSON object (LogLine) a line, from all nodes, until the caller goes; an empty line now and then keeps the connection.',
      content: { 'application/x-ndjson': { schema: z.string() } },
    },
    ...refused,
  },
};
