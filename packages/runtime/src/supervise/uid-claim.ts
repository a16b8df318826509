import { createServer } from 'node:net';

/**
 * That a user id is this daemon's while a process runs under it, told to other daemons on the
 * machine: a socket of the abstract namespace, which is there or not in one step, goes with whoever
 * holds it however it ends, and leaves nothing on disk. Daemons see each other's where they share
 * a network namespace; in containers of their own they share no processes either. Refused: lock
 * files in /run, of which a killed daemon's stay, and whose owner another pid namespace cannot name.
 */

/** Undefined where another has it; else what gives it back. */
export type ClaimUid = (uid: number) => Promise<(() => void) | undefined>;

const isThere = process.platform === 'linux';

export const claimUid: ClaimUid = (uid) => {
  if (!isThere) return Promise.resolve(() => {});
  return new Promise((resolve) => {
    const holder = createServer((socket) => socket.destroy());
    holder.once('error', ({ code }: NodeJS.ErrnoException) =>
      // Where it cannot be told to anybody it is as it was without.
      resolve(code === 'EADDRINUSE' ? undefined : () => {}),
    );
    holder.listen({ path: `\0popmesh-executor-uid-${uid}` }, () => {
      holder.unref();
      resolve(() => holder.close());
    });
  });
};
