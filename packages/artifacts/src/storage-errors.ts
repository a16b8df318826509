import { PopmeshError } from '@popmesh/contracts';

/** The one place where the operating system's errors become ours. */

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'disk_full',
  EDQUOT: 'quota_exceeded',
  EROFS: 'read_only',
  EACCES: 'not_permitted',
  EPERM: 'not_permitted',
  EMFILE: 'too_many_open_files',
  ENFILE: 'too_many_open_files',
  EIO: 'device_error',
};

export const errorCode = (caught: unknown): string =>
  caught instanceof Error && 'code' in caught ? String(caught.code) : '';

export function storageFailed(what: string, caught: unknown): PopmeshError {
  if (caught instanceof PopmeshError) return caught;
  const code = errorCode(caught);
  const reason = REASONS[code] ?? (code === '' ? 'unknown' : code.toLowerCase());
  return new PopmeshError('storage_failed', `${what} failed: ${reason.replaceAll('_', ' ')}`, {
    ...(reason === 'disk_full' || reason === 'quota_exceeded'
      ? { hint: 'Free disk space on this node; functions already here keep running.' }
      : {}),
    details: { reason },
    cause: caught,
  });
}

export const storeFull = (bytesMax: number): PopmeshError =>
  new PopmeshError('storage_failed', 'the chunk store has reached its size limit', {
    hint: 'Raise store_bytes_max, or delete functions that are not needed.',
    details: { reason: 'store_full', limit: 'store_bytes_max', max: bytesMax },
  });
