import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/**
 * What others will hold against a member's own certificate. They only cut the
 * connection, with no reason that reaches us, so it is looked for where it can be
 * mended.
 */

/** Of extended key usages; a certificate without any may be used for all. */
const USAGES = [
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'],
  ['1.3.6.1.5.5.7.3.2', 'clientAuth'],
] as const;

/** `address`: host:port by which others know this member. Empty when all is well. */
export function certificateProblems(
  pem: { readonly cert: Uint8Array; readonly ca: Uint8Array },
  address: string,
  nowMs: number,
): string[] {
  let own: X509Certificate;
  let authority: X509Certificate;
  try {
    own = new X509Certificate(pem.cert);
    authority = new X509Certificate(pem.ca);
  } catch (error) {
    return [`the certificate cannot be read: ${error instanceof Error ? error.message : error}`];
  }
  const problems: string[] = [];
  if (own.validToDate.getTime() <= nowMs) {
    problems.push(`the certificate of this member expired at ${own.validToDate.toISOString()}`);
  }
  if (own.validFromDate.getTime() > nowMs) {
    problems.push(
      `the certificate of this member is valid from ${own.validFromDate.toISOString()}`,
    );
  }
  // One of an intermediate is not judged: its chain is in the file, and is for TLS to check.
  if (own.issuer === authority.subject && !own.verify(authority.publicKey)) {
    problems.push('the certificate of this member was not signed by the CA of its configuration');
  }
  const usages = own.keyUsage as readonly string[] | undefined;
  const missing = USAGES.filter(([oid]) => usages !== undefined && !usages.includes(oid));
  for (const [, name] of missing) {
    problems.push(`the certificate of this member may not be used for ${name}`);
  }
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const isNamed = isIP(host) === 0 ? own.checkHost(host) : own.checkIP(host);
  if (isNamed === undefined) {
    problems.push(`the certificate of this member does not name its address ${host}`);
  }
  return problems;
}
