import type { StatusGateway } from './answers.ts';
import type { Context } from './context.ts';

/** Where clients find a function: by host name, and by path for a bare address. */

export interface FunctionAddress {
  readonly host: string;
  readonly path: string;
}

export function functionAddresses(
  namespace: string,
  name: string,
  context: Pick<Context, 'gateway' | 'domain'>,
  gateways: readonly StatusGateway[],
): FunctionAddress[] {
  const bases =
    context.gateway === undefined
      ? gateways.filter(({ state }) => state === 'ready').map(({ address }) => `http://${address}`)
      : [context.gateway];
  const domain = context.domain ?? 'localhost';
  const label = namespace === 'default' ? name : `${name}.${namespace}`;
  return bases
    .filter((base) => URL.canParse(base))
    .map((base) => {
      const { protocol, host, port } = new URL(base);
      return {
        host: `${protocol}//${label}.${domain}${port === '' ? '' : `:${port}`}/`,
        path: `${protocol}//${host}/${namespace}/${name}/`,
      };
    });
}
