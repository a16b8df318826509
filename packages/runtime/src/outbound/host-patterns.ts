import { PopmeshError } from '@popmesh/contracts';

/**
 * The `outbound` list of a function. `api.example.com` means the scheme's own port,
 * `api.example.com:8443` that port, `*.example.org` every name below it (not itself), and
 * `*` every public host. Default deny.
 */
export type HostMatcher = (hostname: string, port: number, scheme: 'http' | 'https') => boolean;

interface Pattern {
  readonly host: string;
  readonly below: boolean;
  readonly any: boolean;
  readonly port: number | undefined;
}

export function createHostMatcher(list: readonly string[]): HostMatcher {
  const patterns = list.map(parsePattern);
  return (hostname, port, scheme) => {
    const host = withoutDot(hostname);
    return patterns.some((pattern) => {
      if (port !== (pattern.port ?? (scheme === 'https' ? 443 : 80))) return false;
      if (pattern.any) return true;
      return pattern.below ? host.endsWith(`.${pattern.host}`) : host === pattern.host;
    });
  };
}

function parsePattern(text: string): Pattern {
  const [, name = '', port] =
    /^(\*|\[[^\]]+\]|[^:]+|[0-9a-f:]{2,45}?)(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const below = name.startsWith('*.');
  const any = name === '*';
  const host = any ? '' : normalHost(below ? name.slice(2) : name);
  if (host === undefined || (port !== undefined && Number(port) > 65_535)) {
    throw new PopmeshError(
      'invalid_config',
      `outbound host ${JSON.stringify(text.slice(0, 200))} is not a host pattern`,
      { hint: 'Use names such as "api.example.com", "api.example.com:8443" or "*.example.org".' },
    );
  }
  return { host, below, any, port: port === undefined ? undefined : Number(port) };
}

/** As the URL parser would write it, so that both sides of the comparison are alike. */
function normalHost(name: string): string | undefined {
  if (name === '' || /[/?#@*\s]/.test(name)) return undefined;
  const url = URL.parse(`http://${name}/`);
  return url === null || url.hostname === '' ? undefined : withoutDot(url.hostname);
}

const withoutDot = (host: string): string => (host.endsWith('.') ? host.slice(0, -1) : host);
