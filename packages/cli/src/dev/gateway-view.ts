import { realClock } from '@popmesh/daemon';
import { z } from 'zod';
import type { ControlApi } from '../control/control-api.ts';

/**
 * Whether the gateway sends to every place: nodes know of each other's readiness before it does,
 * by a moment in which a place would be answered from another one, or by nobody.
 */

const POLL_MS = 25;
/** What is not known by then will be; the mesh is of use without. */
const WAIT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 5000;

const nodesSchema = z.object({
  dataPlanes: z.array(z.object({ node: z.string(), functionsReady: z.number() })),
});

/** Resolves when the gateway sees as much ready on each node as the nodes do, or after a while. */
export async function untilGatewayKnows(
  api: Pick<ControlApi, 'status'>,
  adminPort: number,
  signal: AbortSignal,
): Promise<void> {
  const { nodes } = await api.status(signal).catch(() => ({ nodes: [] }));
  const deadlineMs = performance.now() + WAIT_MS;
  while (performance.now() < deadlineMs) {
    const ready = await readyByNode(adminPort, signal);
    const isBehind = nodes.some(({ id, functionsReady }) => (ready.get(id) ?? 0) < functionsReady);
    if (!isBehind) return;
    await realClock.sleep(POLL_MS, signal);
  }
}

async function readyByNode(adminPort: number, signal: AbortSignal): Promise<Map<string, number>> {
  const ready = new Map<string, number>();
  try {
    const response = await fetch(`http://127.0.0.1:${adminPort}/v1/nodes`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    });
    // A data plane counts what its node has ready, in all of its namespaces.
    for (const { node, functionsReady } of nodesSchema.parse(await response.json()).dataPlanes) {
      ready.set(node, Math.max(ready.get(node) ?? 0, functionsReady));
    }
  } catch {
    // It may be on its way back, and is asked again.
  }
  return ready;
}
