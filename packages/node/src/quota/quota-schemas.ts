import { createRoute, z } from '@hono/zod-openapi';
import { VERSIONS_KEPT_MAX } from '@popmesh/replication';
import { json, refusals } from '../api/responses.ts';
import { nameSchema } from '../api/schemas.ts';

/** What the control API says about quotas, and its routes for them. */

const figures = z.strictObject({
  functions: z.int(),
  versionsKept: z.int(),
  storedMb: z.number(),
  hosts: z.int(),
});

export const quotaSchema = z
  .object({
    namespace: z.string(),
    allowed: figures,
    used: figures.openapi({ description: '`versionsKept`: of the function that has most.' }),
    isDefault: z.boolean().openapi({ description: 'Nobody has set any of it.' }),
    setBy: z.string().optional(),
    setAtMs: z.number().optional(),
  })
  .openapi('Quota');
export type QuotaSummary = z.output<typeof quotaSchema>;

/** What is left out goes back to the operator's default. */
export const quotaChangeSchema = z
  .strictObject({
    functions: z.int().min(1).max(1_000_000),
    versionsKept: z.int().min(1).max(VERSIONS_KEPT_MAX),
    storedMb: z.int().min(1).max(1_000_000),
    hosts: z.int().min(1).max(10_000),
  })
  .partial()
  .openapi('QuotaChange');
export type QuotaChange = z.output<typeof quotaChangeSchema>;

const refused = refusals('The token is not for this namespace, or not an operator’s.');
const params = z.object({
  namespace: nameSchema.openapi({ param: { name: 'namespace', in: 'path' } }),
});

export const quotasRoute = createRoute({
  method: 'get',
  path: '/v1/quotas',
  responses: {
    200: json(z.object({ quotas: z.array(quotaSchema) }), 'Of namespaces that the token may see.'),
    ...refused,
  },
});

export const quotaRoute = createRoute({
  method: 'get',
  path: '/v1/quotas/{namespace}',
  request: { params },
  responses: { 200: json(quotaSchema, 'What it may have, and what it has.'), ...refused },
});

export const setQuotaRoute = createRoute({
  method: 'put',
  path: '/v1/quotas/{namespace}',
  request: {
    params,
    body: { content: { 'application/json': { schema: quotaChangeSchema } } },
  },
  responses: { 200: json(quotaSchema, 'As it is from now on.'), ...refused },
});
