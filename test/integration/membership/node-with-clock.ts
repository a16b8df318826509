/**
 * The node daemon on a machine whose clock is wrong: the production process but for
 * the wall clock, which the parent sets by `{offsetMs}`. A hook in the daemon itself
 * would be one that an operator, or an attacker, could find.
 */
import { realClock } from '../../../packages/daemon/src/index.ts';
import { runNode } from '../../../packages/node/src/run-node.ts';

const [file, offset] = process.argv.slice(2);
let offsetMs = Number(offset);
process.on('message', (message: { offsetMs?: number }) => {
  if (typeof message?.offsetMs === 'number') offsetMs = message.offsetMs;
});
await runNode(file ?? '', {}, { ...realClock, now: () => realClock.now() + offsetMs });
