import { hash } from 'node:crypto';

/** SHA-256 in lower-case hex: the name of every chunk and artifact, and the only proof of its bytes. */
export const sha256Hex = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');
