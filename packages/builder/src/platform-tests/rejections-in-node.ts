/** Runs the cases of `rejections-guest.ts` in Node, and prints which rejections it tells of. */
import { setImmediate } from 'node:timers/promises';
import { cases, unseen } from './rejections-guest.ts';

const told: string[] = [];
process.on('unhandledRejection', (reason) => told.push((reason as Error).message));
for (const [name, run] of Object.entries({ ...cases, ...unseen })) {
  await run(name);
  await setImmediate();
}
process.stdout.write(JSON.stringify(told));
