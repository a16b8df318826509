import { z } from 'zod';

export const artifactsConfigSchema = z.strictObject({
  /** All chunks together; the cap of the disk this room may take. */
  storeBytesMax: z
    .int()
    .positive()
    .default(20 * 1024 ** 3),
  /** How long an unused chunk stays, for a roll-back or a deploy that is under way. */
  collectGraceMs: z.int().nonnegative().default(3_600_000),
  /** Chunks fetched at once, over all artifacts: bounds memory to this many chunks. */
  fetchConcurrency: z.int().min(1).max(64).default(4),
  /** One source's time for one chunk; 256 KiB at 0.5 Mbit/s is 4.2 s. */
  chunkTimeoutMs: z.int().positive().default(5_000),
  /** Wrong answers after which a source is not asked any more. */
  strikesMax: z.int().positive().default(3),
  /** How long a lying source is not asked. */
  benchMs: z.int().positive().default(300_000),
  /** How long a source that failed to answer is asked last. */
  coolMs: z.int().positive().default(5_000),
});

export type ArtifactsConfig = z.infer<typeof artifactsConfigSchema>;
export const defaultArtifactsConfig: ArtifactsConfig = Object.freeze(
  artifactsConfigSchema.parse({}),
);
