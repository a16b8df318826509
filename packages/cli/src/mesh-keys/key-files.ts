import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isName, PopmeshError } from '@popmesh/contracts';
import {
  generateKeyPair,
  issueNodeIdentity,
  type KeyPair,
  type NodeIdentity,
} from '@popmesh/protocol';
import { z } from 'zod';
import { writeNewFile } from '../exclusive-file.ts';

/** The mesh's root key and the identities it issues, as files that only their owner reads. */

const OWNER_ONLY = 0o600;

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const key = z
  .string()
  .transform((text) => new Uint8Array(Buffer.from(text, 'base64url')))
  .refine((bytes) => bytes.length === 32);
const rootSchema = z.object({ publicKey: key, privateKey: key });

/** Never over another: a key that is lost by overwriting is lost for the whole mesh. */
async function writeSecret(file: string, value: object): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeNewFile(file, `${JSON.stringify(value, null, 2)}\n`, OWNER_ONLY);
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== 'EEXIST')
      throw PopmeshError.from(caught, 'storage_failed');
    throw new PopmeshError('conflict', `${file} exists already`, {
      hint: 'Keys are never overwritten: move it away first if you mean it.',
    });
  }
}

export async function createRootKey(file: string): Promise<KeyPair> {
  const keys = generateKeyPair();
  await writeSecret(file, {
    publicKey: base64url(keys.publicKey),
    privateKey: base64url(keys.privateKey),
  });
  return keys;
}

/** Throws `invalid_config`. */
export async function readRootKey(file: string): Promise<KeyPair> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new PopmeshError('invalid_config', `cannot read the root key ${file}`, {
      hint: 'Make one with `popmesh mesh init`, or name it with --root.',
      cause,
    });
  }
  try {
    return rootSchema.parse(JSON.parse(text));
  } catch {
    // Without the cause: its message would quote a private key.
    throw new PopmeshError('invalid_config', `${file} is not a root key file`);
  }
}

export async function createIdentity(
  root: KeyPair,
  id: string,
  file: string,
): Promise<NodeIdentity> {
  if (!isName(id)) {
    throw new PopmeshError('invalid_argument', `${JSON.stringify(id.slice(0, 80))} is not an id`, {
      hint: 'Use 1 to 63 of a-z, 0-9 and "-", such as fra-1.',
    });
  }
  const identity = issueNodeIdentity(root.privateKey, id);
  await writeSecret(file, {
    id,
    publicKey: base64url(identity.publicKey),
    privateKey: base64url(identity.privateKey),
    certificate: base64url(identity.certificate),
  });
  return identity;
}
