export default {
  /**
   * Called once per request.
   * @param {Request} request
   * @param {Record<string, string>} env  [env] of popmesh.toml
   */
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const pop = request.headers.get('popmesh-pop') ?? 'nowhere';
    if (pathname === '/json') return Response.json({ greeting: env.GREETING, pop });
    return new Response(`${env.GREETING} from FUNCTION_NAME in ${pop}\n`);
  },
};
