import { z } from '@hono/zod-openapi';
import { isHostName } from '@popmesh/contracts';

/** What the control API says about hosts. */

export const hostSchema = z
  .object({
    host: z.string(),
    namespace: z.string(),
    claimedAtMs: z.number(),
    claimedBy: z.string(),
    state: z.enum(['owned', 'taken']).openapi({
      description: '`taken`: an older claim of another namespace has the host.',
    }),
    claims: z.int().openapi({ description: 'Of all namespaces: more than one after a split.' }),
    functions: z.array(z.string()).openapi({ description: 'Live functions that name the host.' }),
    olderVersionsOf: z
      .array(z.string())
      .openapi({ description: 'Functions of which only versions that are not live name it.' }),
  })
  .openapi('Host');
export type HostSummary = z.output<typeof hostSchema>;

export const routeOffSchema = z
  .object({
    host: z.string(),
    path: z.string(),
    reason: z.enum(['taken', 'unclaimed', 'not_routable']).openapi({
      description:
        '`taken`: the host is another namespace’s; `unclaimed`: it was released; `not_routable`: no host name, or one of the platform.',
    }),
  })
  .openapi('RouteOff');
export type RouteOff = z.output<typeof routeOffSchema>;

export const releasedSchema = z
  .object({ host: z.string(), namespace: z.string(), released: z.literal(true) })
  .openapi('HostReleased');

export const hostParam = z
  .string()
  .refine(isHostName, 'must be a host name in lower case')
  .openapi({ param: { name: 'host', in: 'path' } });
