/** The smallest whole function: text, JSON, a stream and an echo. */

interface Env {
  readonly GREETING: string;
}

const encoder = new TextEncoder();

/** One line each 100 ms: shows that bytes leave as they are made. */
function countdown(): ReadableStream<Uint8Array> {
  let left = 5;
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      controller.enqueue(encoder.encode(`${left}\n`));
      if (--left === 0) controller.close();
    },
  });
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const pop = request.headers.get('popmesh-pop') ?? 'nowhere';
    const { pathname } = new URL(request.url);
    if (pathname === '/') return new Response(`${env.GREETING} ${pop}!\n`);
    if (pathname === '/json') {
      return Response.json({
        pop,
        country: request.headers.get('popmesh-client-country'),
        time: new Date().toISOString(),
      });
    }
    if (pathname === '/stream') {
      return new Response(countdown(), { headers: { 'content-type': 'text/plain' } });
    }
    if (pathname === '/echo' && request.method === 'POST') {
      return new Response(request.body, {
        headers: { 'content-type': request.headers.get('content-type') ?? 'text/plain' },
      });
    }
    return new Response('Not found\n', { status: 404 });
  },
};
