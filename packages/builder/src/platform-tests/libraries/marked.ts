import { marked } from 'marked';

export default {
  async fetch(request: Request): Promise<Response> {
    const html = await marked.parse(await request.text(), { gfm: true });
    return new Response(html, { headers: { 'content-type': 'text/html' } });
  },
};
