import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PopmeshError } from '@popmesh/contracts';
import { type Release, releasePlatform } from './release.ts';

/** The pinned release, checked against its digest before anything of it is unpacked. */

const ANSWER_TIMEOUT_MS = 5000;
const TRANSFER_TIMEOUT_MS = 60_000;
const ARCHIVE_BYTES_MAX = 64 * 1024 * 1024;
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;

/** Answers the program's path. Throws `unavailable`, `digest_mismatch`. */
export async function downloadNatsServer(
  release: Release,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const platform = releasePlatform();
  const digest = release.digests[platform];
  if (digest === undefined) {
    throw new PopmeshError('unavailable', `no digest is pinned for ${platform}`);
  }
  const url = `${release.base}/nats-server-v${release.version}-${platform}.tar.gz`;
  const archive = await fetchBytes(url, signal);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== digest) {
    throw new PopmeshError('digest_mismatch', `${url} has the digest ${actual}, not ${digest}`);
  }
  const program = fileInTar(
    gunzipSync(archive, { maxOutputLength: UNPACKED_BYTES_MAX }),
    /\/nats-server$/,
  );
  if (program === undefined) throw new PopmeshError('unavailable', `${url} holds no nats-server`);
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'nats-server');
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeFile(temporary, program);
  await chmod(temporary, 0o755);
  await rename(temporary, path);
  return path;
}

async function fetchBytes(url: string, signal: AbortSignal): Promise<Buffer> {
  const answered = new AbortController();
  const timer = setTimeout(
    () =>
      answered.abort(new PopmeshError('unavailable', `no answer within ${ANSWER_TIMEOUT_MS} ms`)),
    ANSWER_TIMEOUT_MS,
  );
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, answered.signal, AbortSignal.timeout(TRANSFER_TIMEOUT_MS)]),
    });
    clearTimeout(timer);
    if (!response.ok) throw new PopmeshError('unavailable', `${url} answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > ARCHIVE_BYTES_MAX) {
        throw new PopmeshError('unavailable', `${url} is larger than ${ARCHIVE_BYTES_MAX} bytes`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (caught) {
    signal.throwIfAborted();
    if (caught instanceof PopmeshError) throw caught;
    const { cause, message } = caught as Error & { cause?: { code?: string } };
    throw new PopmeshError('unavailable', `${new URL(url).host}: ${cause?.code ?? message}`, {
      cause: caught,
    });
  } finally {
    clearTimeout(timer);
  }
}

const BLOCK = 512;

/** The first plain file whose path matches; ustar, which is all that one program needs. */
export function fileInTar(tar: Buffer, name: RegExp): Buffer | undefined {
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const path = tar.toString('latin1', at, at + 100).split('\0')[0] ?? '';
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8);
    if (path === '' || !Number.isInteger(size) || size < 0) return undefined;
    const type = tar.toString('latin1', at + 156, at + 157);
    const from = at + BLOCK;
    if ((type === '0' || type === '\0') && name.test(`/${path}`) && from + size <= tar.length) {
      return tar.subarray(from, from + size);
    }
    at = from + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}
