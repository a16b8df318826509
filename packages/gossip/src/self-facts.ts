import { PopmeshError } from '@popmesh/contracts';
import type { CheckOutcome } from './id-claim.ts';
import type { GossipTransport } from './transport.ts';

/** What a process says of itself in a probe, and how it asks who else has its id. */

export interface SelfFacts {
  readonly id: string;
  /** Random; tells two processes with one id apart. */
  readonly process: bigint;
  readonly startedAtMs: number;
}

/** What the answer to a probe says of clocks and announcements. */
export interface PingAnswer {
  readonly id: string;
  readonly clockMs: number;
  /** Undefined: its version does not tell. */
  readonly heldAnnouncement: bigint | undefined;
  /** Monotonic. */
  readonly sentMs: number;
  readonly receivedMs: number;
}

/** Never rejects. It carries no news, so that it disturbs nobody. */
export async function whoIsAt(
  address: string,
  self: SelfFacts,
  transport: GossipTransport,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<CheckOutcome> {
  const { id, process } = self;
  const request = { from: id, target: id, process, startedAtMs: BigInt(self.startedAtMs) };
  try {
    const answer = await transport.call(address, 'ping', request, options);
    if (answer.from !== id) return { kind: 'nobody' };
    if (answer.process === process) return { kind: 'ours' };
    return {
      kind: 'other',
      process: answer.process,
      startedAtMs: Number(answer.startedAtMs),
      yields: answer.yieldsId,
    };
  } catch (caught) {
    const { code } = PopmeshError.from(caught);
    return { kind: code === 'deadline_exceeded' ? 'silent' : 'nobody' };
  }
}
