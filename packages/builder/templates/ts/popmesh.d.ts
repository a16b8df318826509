/** What popmesh calls, and what it gives: the shape that Workers-style code has everywhere. */

export interface Context {
  /** Keeps the instance until `work` has settled, after the response was sent. */
  waitUntil(work: Promise<unknown>): void;
}

export interface Handler<Env = Record<string, string>> {
  fetch(request: Request, env: Env, ctx: Context): Response | Promise<Response>;
}
