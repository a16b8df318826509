import type { z } from '@hono/zod-openapi';
import { errorSchema } from './schemas.ts';

/** What every route of the control API answers alike, for the tables of routes. */

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

/** `forbidden` says what a token may lack here. */
export const refusals = (forbidden: string) => ({
  400: json(errorSchema, 'The request is not understood.'),
  401: json(errorSchema, 'No token, or one that is not valid.'),
  403: json(errorSchema, forbidden),
});
