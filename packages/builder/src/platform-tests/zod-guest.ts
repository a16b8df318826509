import { z } from 'zod';

const Person = z.object({ name: z.string(), age: z.number().int().optional() });

export default {
  async fetch(request: Request): Promise<Response> {
    const parsed = Person.safeParse(await request.json());
    if (parsed.success) return Response.json(parsed.data);
    return Response.json(parsed.error.issues, { status: 422 });
  },
};
