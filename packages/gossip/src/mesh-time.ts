import type { Clock } from '@popmesh/contracts';

/**
 * What time it is in the mesh, and how far our clock is from it (sans-I/O). Each
 * answer to a probe brings the other's clock; kept is its distance from our
 * monotonic clock, so that a correction of our wall clock counts at once, before
 * anybody was asked again.
 *
 * Our own clock is one voice in the median, and where the voices are split evenly
 * the clocks behind are believed: what they stamp is accepted by all, what is
 * stamped ahead is refused. So of two members the one ahead gives in, and one that
 * is behind is overruled by two. Refused: NTP in popmesh, which sets no clock.
 */

export interface MeshTimeView {
  /** Unix milliseconds: our wall clock, or, while it is overruled, that of the others. */
  now(): number;
  /** How far our clock is ahead of the median of the others'; undefined: not known yet. */
  aheadMs(): number | undefined;
  /** As `aheadMs`, while the others overrule our clock; else undefined. */
  skewMs(): number | undefined;
}

/** Others whose clocks are remembered; who answered longest ago is forgotten. */
export const CLOCKS_MAX = 64;
/** Older samples count only when there is none that is younger. */
const FRESH_MS = 60_000;

export class MeshTime implements MeshTimeView {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly #limitMs: number;
  /** In order of their answers. `leadMs`: the other's wall clock minus our monotonic one. */
  readonly #samples = new Map<string, { readonly leadMs: number; readonly atMs: number }>();

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** An answer that was asked for and came at these monotonic times. */
  note(id: string, clockMs: number, sentMs: number, receivedMs: number): void {
    // 0 is from a version that does not tell.
    if (clockMs <= 0 || !Number.isSafeInteger(clockMs)) return;
    this.#samples.delete(id);
    this.#samples.set(id, { leadMs: clockMs - (sentMs + receivedMs) / 2, atMs: receivedMs });
    for (const oldest of this.#samples.keys()) {
      if (this.#samples.size <= CLOCKS_MAX) break;
      this.#samples.delete(oldest);
    }
  }

  forget(id: string): void {
    this.#samples.delete(id);
  }

  aheadMs(): number | undefined {
    const aheads = this.#aheads();
    if (aheads.length === 0) return undefined;
    const [low, high] = [aheads[(aheads.length - 1) >> 1], aheads[aheads.length >> 1]];
    // Between two the one that speaks less against us.
    return Math.round(
      Math.abs(low as number) < Math.abs(high as number) ? Number(low) : Number(high),
    );
  }

  skewMs(): number | undefined {
    if (this.#samples.size === 0) return undefined;
    const voices = [...this.#aheads(), 0].sort((a, b) => a - b);
    const verdict = voices[voices.length >> 1] as number;
    return Math.abs(verdict) > this.#limitMs ? Math.round(verdict) : undefined;
  }

  now(): number {
    return this.#clock.now() - (this.skewMs() ?? 0);
  }

  /** In order; of those who answered lately, where there are any. */
  #aheads(): number[] {
    const nowMs = this.#clock.monotonic();
    const ownMs = this.#clock.now() - nowMs;
    const all = [...this.#samples.values()];
    const fresh = all.filter(({ atMs }) => nowMs - atMs <= FRESH_MS);
    return (fresh.length > 0 ? fresh : all)
      .map(({ leadMs }) => ownMs - leadMs)
      .sort((a, b) => a - b);
  }
}
