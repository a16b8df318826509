import { z } from 'zod';

const Order = z.object({
  id: z.uuid(),
  lines: z
    .array(
      z.object({ sku: z.string().regex(/^[A-Z]{3}$/), count: z.coerce.number().int().positive() }),
    )
    .min(1),
  at: z.iso.datetime().transform((text) => new Date(text).getTime()),
  kind: z.discriminatedUnion('type', [
    z.object({ type: z.literal('gift'), from: z.string() }),
    z.object({ type: z.literal('own') }),
  ]),
});

export default {
  async fetch(request: Request): Promise<Response> {
    const parsed = await Order.safeParseAsync(await request.json());
    if (parsed.success) return Response.json(parsed.data);
    return Response.json(z.flattenError(parsed.error), { status: 422 });
  },
};
