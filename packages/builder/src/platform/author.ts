import * as author from 'popmesh:author';

/** Which function of the author's module answers requests, and with which `this`. */

export type Env = Readonly<Record<string, string>>;
export type Handler = (request: unknown, env: Env, context: unknown) => unknown;

const SHAPES =
  'export default { fetch(request, env, ctx) {…} }, an app with a fetch method, or a function';

function find(): { handler: Handler; self: unknown } {
  const module = author as Record<string, unknown>;
  const main = module.default;
  if (typeof main === 'object' && main !== null) {
    const { fetch } = main as { fetch?: unknown };
    if (typeof fetch === 'function') return { handler: fetch as Handler, self: main };
  }
  if (typeof main === 'function') {
    const { fetch } = main as { fetch?: unknown };
    if (typeof fetch === 'function') return { handler: fetch as Handler, self: main };
    return { handler: main as Handler, self: undefined };
  }
  if (typeof module.fetch === 'function')
    return { handler: module.fetch as Handler, self: undefined };
  throw new TypeError(`The module exports no handler: it needs ${SHAPES}`);
}

export const { handler, self } = find();
