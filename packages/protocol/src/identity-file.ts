import { readFile, stat } from 'node:fs/promises';
import { PopmeshError } from '@popmesh/contracts';
import { z } from 'zod';
import { type NodeIdentity, verifyNodeCertificate } from './identity.ts';

/**
 * identity.json: who a node or gateway is, with the root key's word for it. Checked
 * against the mesh before anything listens: a member that the others will not
 * believe should say so at its own start, not in their logs.
 */

const IDENTITY_BYTES_MAX = 16 * 1024;
const OTHERS_MAY_READ = 0o077;

const bytes = (length: number) =>
  z
    .string()
    .transform((text) => new Uint8Array(Buffer.from(text, 'base64url')))
    .refine((raw) => raw.length === length, `must be ${length} bytes as base64url`);

const identitySchema = z.strictObject({
  id: z.string(),
  publicKey: bytes(32),
  privateKey: bytes(32),
  certificate: bytes(64),
});

const refuse = (file: string, problem: string, hint: string, cause?: unknown): PopmeshError =>
  new PopmeshError('invalid_config', `${file} ${problem}`, { hint, cause });

export async function readIdentityFile(
  file: string,
  expected: { readonly id: string; readonly rootPublicKey: Uint8Array },
): Promise<NodeIdentity> {
  let text: string;
  try {
    const { mode, size } = await stat(file);
    if ((mode & OTHERS_MAY_READ) !== 0) {
      throw refuse(file, 'can be read by others', `It holds a private key: chmod 600 ${file}`);
    }
    if (size > IDENTITY_BYTES_MAX) throw refuse(file, 'is too large', 'Enroll it again.');
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof PopmeshError) throw cause;
    const hint = 'Enroll it: `popmesh mesh enroll`.';
    throw refuse(file, `cannot be read: ${(cause as Error).message}`, hint, cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, and the text holds a private key.
    throw refuse(file, 'is not JSON', 'Enroll it again.');
  }
  const parsed = identitySchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.join('.')}: ${message}`,
    );
    throw refuse(file, `is not an identity: ${problems.join('; ')}`, 'Enroll it again.');
  }
  const identity = parsed.data;
  if (identity.id !== expected.id) {
    throw refuse(
      file,
      `is the identity of ${JSON.stringify(identity.id.slice(0, 80))}, not of ${expected.id}`,
      'Each node and gateway has its own identity file.',
    );
  }
  verifyNodeCertificate(
    expected.rootPublicKey,
    identity.id,
    identity.publicKey,
    identity.certificate,
  );
  return identity;
}
