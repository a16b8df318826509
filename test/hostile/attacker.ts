/**
 * A client that means ill, as a process of its own: its sockets count against its own
 * descriptors and its work against no neighbour's clock. Told what to do over IPC.
 */
import { connect, type Socket } from 'node:net';

export interface Attack {
  readonly count: number;
  /** The loopback address that it comes from. */
  readonly from: string;
  readonly port: number;
  readonly first: string;
  /** Sent again and again. */
  readonly trickle?: string;
  readonly everyMs?: number;
  /** Takes nothing of its answers. */
  readonly deaf?: true;
}

export interface AttackReport {
  readonly open: number;
  readonly closed: number;
  /** How often each status came. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** Asked for at once, so that the listener's backlog is not what refuses. */
const BATCH = 200;

const sockets = new Set<Socket>();
let closed = 0;
let statuses: Record<string, number> = {};
let timer: NodeJS.Timeout | undefined;

function open({ port, from, first, deaf }: Attack): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from });
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      if (sockets.delete(socket)) closed++;
      resolve();
    });
    socket.on('connect', () => {
      socket.write(first, 'latin1');
      resolve();
    });
    if (deaf) return;
    socket.on('data', (chunk) => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1];
      if (status !== undefined) statuses[status] = (statuses[status] ?? 0) + 1;
    });
  });
}

async function begin(attack: Attack): Promise<void> {
  for (let left = attack.count; left > 0; left -= BATCH) {
    await Promise.all(Array.from({ length: Math.min(left, BATCH) }, () => open(attack)));
  }
  const { trickle, everyMs } = attack;
  if (trickle === undefined) return;
  timer = setInterval(() => {
    for (const socket of sockets) socket.write(trickle, 'latin1');
  }, everyMs);
}

function end(): void {
  clearInterval(timer);
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  closed = 0;
  statuses = {};
}

if (process.send !== undefined) {
  process.on('disconnect', () => process.exit());
  process.on('message', async (message: { begin?: Attack; report?: true; end?: true }) => {
    if (message.begin !== undefined) await begin(message.begin);
    const report: AttackReport = { open: sockets.size, closed, statuses };
    if (message.end) end();
    process.send?.(report);
  });
}
