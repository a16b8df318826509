import { hostNameOf, isHostName, isWithinDomain, PopmeshError } from '@popmesh/contracts';
import { z } from 'zod';

/**
 * `[hosts]` of node.toml: which custom hosts may be claimed, and by whom. Without
 * rules any namespace may claim any host that is free, as before: an operator who
 * has strangers as tenants lists who may have what. Claims that exist are not
 * asked again; an operator releases them.
 */

/** `shop.example.com` itself, `*.example.com` all below it, `*` every host. */
const isPattern = (text: string): boolean =>
  text === '*' || isHostName(text.startsWith('*.') ? `x.${text.slice(2)}` : text);

const pattern = z
  .string()
  .refine(isPattern, 'must be a host name in lower case, "*.example.com" or "*"');

export const hostsConfigSchema = z.strictObject({
  /** The gateways' `domain`: it and all below it belong to the platform, and are nobody's. */
  domain: z
    .string()
    .toLowerCase()
    .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, 'must be a host name')
    .default('localhost'),
  /** Nobody's either: names under which the gateways themselves are called. */
  reserved: z.array(pattern).max(256).default([]),
  /** With at least one, only what a rule allows may be claimed; `namespaces = ["*"]` is all. */
  allow: z
    .array(
      z.strictObject({
        pattern,
        namespaces: z.array(z.string().min(1).max(63)).max(1024),
      }),
    )
    .max(1024)
    .default([]),
});

export type HostsConfig = z.output<typeof hostsConfigSchema>;

export const matchesPattern = (host: string, text: string): boolean =>
  text === '*' || (text.startsWith('*.') ? host.endsWith(text.slice(1)) : host === text);

/** Of the gateways that are announced, in case node.toml does not say so. */
export interface PlatformNames {
  readonly domains: readonly string[];
  /** Of their own addresses. */
  readonly hosts: readonly string[];
}

/** Throws `invalid_argument` for what is no host name, or is never anybody's. */
export function requireClaimable(
  host: string,
  { domain, reserved }: HostsConfig,
  platform: PlatformNames,
): void {
  if (!isHostName(host)) {
    const meant = hostNameOf(host);
    throw refused(host, 'is not a host name that can be routed', {
      hint:
        meant === undefined
          ? 'Use a whole host name with a dot in it, in lower case, without port or address.'
          : `Write it as "${meant}".`,
    });
  }
  if ([domain, ...platform.domains].some((one) => isWithinDomain(host, one))) {
    throw refused(host, "is under the platform's own domain", {
      hint: 'Functions have their names there; routes are for other domains.',
    });
  }
  if (platform.hosts.includes(host) || reserved.some((text) => matchesPattern(host, text))) {
    throw refused(host, 'is reserved by the operator', {});
  }
}

/** Throws `permission_denied`. */
export function requireAllowed(host: string, namespace: string, { allow }: HostsConfig): void {
  if (allow.length === 0) return;
  const may = allow.some(
    (rule) =>
      matchesPattern(host, rule.pattern) &&
      (rule.namespaces.includes(namespace) || rule.namespaces.includes('*')),
  );
  if (may) return;
  throw new PopmeshError('permission_denied', `namespace ${namespace} may not claim ${host}`, {
    hint: "The operator's rules are in node.toml, [[hosts.allow]].",
    details: { host },
  });
}

const refused = (host: string, what: string, options: { readonly hint?: string }): PopmeshError =>
  new PopmeshError('invalid_argument', `${JSON.stringify(host.slice(0, 80))} ${what}`, {
    ...options,
    details: { host: host.slice(0, 253) },
  });
