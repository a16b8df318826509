import { createRoute, z } from '@hono/zod-openapi';
import { json, refusals } from '../api/responses.ts';
import { errorSchema, nameSchema } from '../api/schemas.ts';
import { hostParam, hostSchema, releasedSchema } from './host-schemas.ts';

/** The control API's routes for hosts; `api/app.ts` has what they do. */

const refused = refusals('The token is not for the namespace that has the host.');

export const hostsRoute = createRoute({
  method: 'get',
  path: '/v1/hosts',
  request: { query: z.object({ namespace: nameSchema.optional() }) },
  responses: {
    200: json(z.object({ hosts: z.array(hostSchema) }), 'Claims that the token may see.'),
    ...refused,
  },
});

export const releaseHostRoute = createRoute({
  method: 'delete',
  path: '/v1/hosts/{host}',
  request: {
    params: z.object({ host: hostParam }),
    query: z.object({
      namespace: nameSchema.optional(),
      force: z
        .enum(['true', 'false'])
        .default('false')
        .openapi({ description: 'Also while a live function names the host.' }),
    }),
  },
  responses: {
    200: json(releasedSchema, 'The host is free, or the next claim has it.'),
    ...refused,
    404: json(errorSchema, 'Nobody has claimed it.'),
    409: json(errorSchema, 'A live function still names it.'),
  },
});
