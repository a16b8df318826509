import { headers, messages, texts } from './cases.ts';
import { others } from './cases-others.ts';

const groups = { headers, messages, texts, others };

/** Inside the guest: `/group/name` runs one case and answers what it answered. */
export default {
  async fetch(request: Request): Promise<Response> {
    const [, group = '', name = ''] = new URL(request.url).pathname.split('/');
    const run = (groups as Record<string, Record<string, () => unknown>>)[group]?.[name];
    return Response.json({ value: await run?.() });
  },
};
