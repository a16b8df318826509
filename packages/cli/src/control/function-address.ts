import type { StatusGateway } from './answers.ts';
import type { Context } from './context.ts';

/** Where clients find a function: by host name, by path for a bare address, by hosts of its own. */

export interface Route {
  readonly host: string;
  readonly path?: string | undefined;
}

/** Each once, though many gateways serve it. */
export function functionAddresses(
  fn: { readonly namespace: string; readonly name: string; readonly routes?: readonly Route[] },
  context: Pick<Context, 'gateway' | 'domain'>,
  gateways: readonly StatusGateway[],
): string[] {
  const { namespace, name, routes = [] } = fn;
  const bases =
    context.gateway === undefined
      ? gateways
          .filter(({ state }) => state === 'ready')
          .map(({ address, domain }) => ({ url: `http://${address}`, domain }))
      : [{ url: context.gateway, domain: gateways.find(({ domain }) => domain)?.domain }];
  const label = namespace === 'default' ? name : `${name}.${namespace}`;
  const found = bases
    .filter(({ url }) => URL.canParse(url))
    .flatMap(({ url, domain: announced }) => {
      const { protocol, host, port } = new URL(url);
      const domain = context.domain ?? announced;
      const at = (hostname: string): string =>
        `${protocol}//${hostname}${port === '' ? '' : `:${port}`}`;
      return [
        ...(domain === undefined || domain === '' ? [] : [`${at(`${label}.${domain}`)}/`]),
        `${protocol}//${host}/${namespace}/${name}/`,
        ...routes.map((route) => `${at(route.host)}${(route.path ?? '/').replace(/\*$/, '')}`),
      ];
    });
  return [...new Set(found)];
}
