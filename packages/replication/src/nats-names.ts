/**
 * What things are called inside NATS. A record key becomes a subject token by
 * token, so that `nats kv ls` reads well; what a subject does not allow is
 * escaped as `=hex`, which a key-value key does allow.
 */
export interface NatsNames {
  readonly registryStream: string;
  readonly registrySubjects: string;
  readonly chunkStream: string;
  readonly chunkSubjects: string;
  recordSubject(key: string): string;
  /** Undefined for a subject that no key of ours gives. */
  recordKey(subject: string): string | undefined;
  chunkSubject(digest: string): string;
  chunkDigest(subject: string): string;
}

export function natsNames(prefix: string): NatsNames {
  const bucket = `${prefix}-registry`;
  const registryPrefix = `$KV.${bucket}.`;
  const chunkPrefix = `${prefix}.chunk.`;
  return {
    // A stream of this name with these subjects is what every client calls a key-value bucket.
    registryStream: `KV_${bucket}`,
    registrySubjects: `${registryPrefix}>`,
    chunkStream: `${prefix.toUpperCase().replaceAll('-', '_')}_CHUNKS`,
    chunkSubjects: `${chunkPrefix}*`,
    recordSubject: (key) => registryPrefix + encodeKey(key),
    recordKey: (subject) =>
      subject.startsWith(registryPrefix)
        ? decodeKey(subject.slice(registryPrefix.length))
        : undefined,
    chunkSubject: (digest) => chunkPrefix + digest,
    chunkDigest: (subject) => subject.slice(chunkPrefix.length),
  };
}

export function encodeKey(key: string): string {
  return [...Buffer.from(key)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (character === '/') return '.';
      return /[A-Za-z0-9_-]/.test(character) ? character : `=${byte.toString(16).padStart(2, '0')}`;
    })
    .join('')
    .replaceAll(/(?<=^|\.)(?=\.|$)/g, '=');
}

export function decodeKey(token: string): string | undefined {
  const text = token.replaceAll(/(?<=^|\.)=(?=\.|$)/g, '').replaceAll('.', '/');
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character !== '=') {
      bytes.push(character.charCodeAt(0));
      continue;
    }
    const hex = text.slice(at + 1, at + 3);
    if (!/^[0-9a-f]{2}$/.test(hex)) return undefined;
    bytes.push(Number.parseInt(hex, 16));
    at += 2;
  }
  const key = Buffer.from(bytes).toString('utf8');
  return encodeKey(key) === token ? key : undefined;
}
