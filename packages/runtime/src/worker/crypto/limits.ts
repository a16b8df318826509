/** Bounds of what one instance may ask of node:crypto. */
export const CRYPTO_LIMITS = {
  /** Of one instance; the guest frees them as its garbage is collected. */
  keysMax: 1_024,
  /** Of PBKDF2: 0.1 s of SHA-256. Nothing can end a thread inside of a native call. */
  iterationsMax: 200_000,
  deriveBytesMax: 65_536,
  /** Larger ones are imported, not made here: 4096 bits take seconds. */
  generateRsaBitsMax: 2_048,
  importRsaBitsMax: 8_192,
  parametersLengthMax: 65_536,
} as const;
