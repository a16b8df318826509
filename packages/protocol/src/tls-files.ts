import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { PopmeshError } from '@popmesh/contracts';
import type { TlsMaterial } from './grpc-tls.ts';

/**
 * The `[tls]` section's three files, checked before anything uses them: a key that is not the
 * certificate's, or a file that is missing, is told with the key of the section that names it.
 */

export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Throws `invalid_config`. */
export async function readTlsFiles(files: TlsFiles): Promise<TlsMaterial> {
  const read = async (key: keyof TlsFiles): Promise<Uint8Array> => {
    try {
      return new Uint8Array(await readFile(files[key]));
    } catch (cause) {
      throw refuse(`tls.${key}: cannot read ${files[key]}: ${(cause as Error).message}`, cause);
    }
  };
  const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')]);
  check('tls.ca', files.ca, { ca });
  check('tls.cert', files.cert, { cert });
  // Together, since this is where a key of another certificate shows.
  check('tls.key', files.key, { cert, key });
  return { ca, cert, key };
}

function check(
  name: string,
  file: string,
  parts: { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array },
): void {
  const pem = Object.entries(parts).map(([part, bytes]) => [part, Buffer.from(bytes)]);
  try {
    createSecureContext(Object.fromEntries(pem));
  } catch (cause) {
    throw refuse(`${name}: ${file} cannot be used: ${(cause as Error).message}`, cause);
  }
}

const refuse = (message: string, cause: unknown): PopmeshError =>
  new PopmeshError('invalid_config', message, {
    hint: '[tls] names PEM files: ca of the mesh, cert and key of this machine.',
    cause,
  });

export const isSameTls = (one: TlsMaterial, two: TlsMaterial | undefined): boolean =>
  two !== undefined &&
  (['ca', 'cert', 'key'] as const).every((part) => Buffer.compare(one[part], two[part]) === 0);
