/**
 * What of a developer's or a CI's environment tests must not see: another mesh to talk to,
 * settings of its daemons, and a proxy between them and their own servers.
 */

const OF_ANOTHER_MESH = /^POPMESH_(?:API|TOKEN|NODE_.*|GATEWAY_.*)$/;
const OWN_HOSTS = '127.0.0.1,::1,localhost,.localhost';

export type Environment = Readonly<Record<string, string | undefined>>;

export function testEnvironment(env: Environment): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(([name]) => !OF_ANOTHER_MESH.test(name));
  const withoutProxy = [env.no_proxy ?? env.NO_PROXY, OWN_HOSTS].filter(Boolean).join(',');
  return { ...Object.fromEntries(kept), no_proxy: withoutProxy, NO_PROXY: withoutProxy };
}

/** For daemons of tests that have no use for what stands ready: a blank executor takes a core for half a second. */
export const WITHOUT_SPARES = {
  POPMESH_NODE_RUNTIME__SPARE_EXECUTORS: '0',
  POPMESH_NODE_RUNTIME__SPARE_WORKERS: '0',
} as const;

/** Of a process as a stranger starts it: nothing of ours but where programs are. */
export const bareEnvironment = (): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
  ...compileCache(),
});

/** For a child that gets an environment of its own: with it, its code is compiled once for all tests. */
export function compileCache(): { readonly NODE_COMPILE_CACHE?: string } {
  const { NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
}
