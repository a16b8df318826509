/**
 * `daemon-with-clock.ts <node|gateway> <file> <offsetMs>`: a daemon on a machine whose
 * clock is wrong. The production process but for the wall clock, which the parent sets
 * by `{offsetMs}`. A hook in the daemon itself would be one that somebody could find.
 */
import { realClock } from '../../../packages/daemon/src/index.ts';
import { runGateway } from '../../../packages/gateway/src/run-gateway.ts';
import { runNode } from '../../../packages/node/src/run-node.ts';

const [role, file = '', offset] = process.argv.slice(2);
let offsetMs = Number(offset);
process.on('message', (message: { offsetMs?: number }) => {
  if (typeof message?.offsetMs === 'number') offsetMs = message.offsetMs;
});
const clock = { ...realClock, now: () => realClock.now() + offsetMs };
if (role === 'gateway') await runGateway(file, {}, process.pid, clock);
else await runNode(file, {}, clock);
