import type { Handler } from './popmesh.d.ts';

/** [env] of popmesh.toml. */
interface Env {
  readonly GREETING: string;
}

export default {
  /** Called once per request. */
  async fetch(request, env, _ctx) {
    const { pathname } = new URL(request.url);
    const pop = request.headers.get('popmesh-pop') ?? 'nowhere';
    if (pathname === '/json') return Response.json({ greeting: env.GREETING, pop });
    return new Response(`${env.GREETING} from FUNCTION_NAME in ${pop}\n`);
  },
} satisfies Handler<Env>;
