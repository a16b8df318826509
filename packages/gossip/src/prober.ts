import { PopmeshError } from '@popmesh/contracts';
import type { Exchange } from './exchange.ts';
import { PING_RECORD_BYTES_MAX } from './limits.ts';
import type { Probe, ProbeResult } from './membership.ts';
import type { PingAnswer, SelfFacts } from './self-facts.ts';
import type { GossipTransport } from './transport.ts';

/** Makes one SWIM probe: the target itself, then through others. Never rejects. */

export interface ProberParts {
  readonly transport: GossipTransport;
  readonly exchange: Exchange;
  readonly self: SelfFacts;
  readonly signal: AbortSignal;
  /** Monotonic. */
  readonly now: () => number;
  /** What an answer says beside the news that it carries. */
  readonly answered: (answer: PingAnswer) => void;
}

export async function probe(task: Probe, parts: ProberParts): Promise<ProbeResult> {
  const { transport, exchange, signal } = parts;
  const { target, relays, timeoutMs, indirectTimeoutMs } = task;
  const failure = await ping(target.id, target.address, timeoutMs, parts);
  if (failure === undefined) return { outcome: 'direct', refused: false, relaysAnswered: false };
  const refused = failure.code !== 'deadline_exceeded';
  if (relays.length === 0 || signal.aborted) {
    return { outcome: 'failed', refused, relaysAnswered: false, failure };
  }
  const answers = relays.map(async (relay) => {
    const request = {
      from: exchange.from,
      target: target.id,
      targetAddress: target.address,
      timeoutMs: Math.floor(indirectTimeoutMs / 2),
    };
    const options = { timeoutMs: indirectTimeoutMs, signal };
    return (await transport.call(relay.address, 'pingIndirect', request, options)).acknowledged;
  });
  const reached = await Promise.any(answers.map(yesOrThrow)).catch(() => false);
  if (reached) return { outcome: 'indirect', refused, relaysAnswered: true, failure };
  const settled = await Promise.allSettled(answers);
  const relaysAnswered = settled.some((answer) => answer.status === 'fulfilled');
  return { outcome: 'failed', refused, relaysAnswered, failure };
}

const yesOrThrow = async (answer: Promise<boolean>): Promise<true> => {
  if (await answer) return true;
  throw new PopmeshError('peer_unavailable', 'a relay did not reach the target');
};

/** Undefined when it answered. */
export async function ping(
  id: string,
  address: string,
  timeoutMs: number,
  { transport, exchange, self, signal, now, answered }: ProberParts,
): Promise<PopmeshError | undefined> {
  const records = exchange.recordsFor(id, PING_RECORD_BYTES_MAX);
  const request = {
    from: exchange.from,
    target: id,
    updates: exchange.updatesFor(id),
    records: exchange.signed(records),
    process: self.process,
    startedAtMs: BigInt(self.startedAtMs),
  };
  const sentMs = now();
  try {
    const answer = await transport.call(address, 'ping', request, { timeoutMs, signal });
    // Another process may listen there by now; it is no proof of this member's life.
    if (answer.from !== id) return new PopmeshError('peer_misbehaved', `${address} is not ${id}`);
    answered({
      id,
      clockMs: Number(answer.clockMs),
      heldAnnouncement: answer.process === 0n ? undefined : answer.heldAnnouncement,
      sentMs,
      receivedMs: now(),
    });
    exchange.acknowledged(id, records);
    exchange.takeUpdates(answer.updates);
    void exchange.takeRecords(answer.from, answer.records);
    return undefined;
  } catch (caught) {
    return PopmeshError.from(caught);
  }
}
