import { parentPort, workerData } from 'node:worker_threads';
import type { RingMemory } from '../ring/byte-ring.ts';
import { Inbox, type Posted } from '../ring/inbox.ts';
import { Outbox } from '../ring/outbox.ts';

/** The other thread of a test: sends back each number, now by ring, now by message. */

const { there, back } = workerData as { there: RingMemory; back: RingMemory };
const schedule = (run: () => void): void => void setImmediate(run);
const outbox = new Outbox({
  ring: back,
  post: (message) => parentPort?.postMessage(message),
  schedule,
});

function send(item: number): void {
  const at = item % 13 === 0 ? -1 : outbox.reserve(4);
  if (at < 0) outbox.push(item);
  else {
    outbox.writer.words[at >> 2] = item;
    outbox.commit(4);
  }
}

const inbox = new Inbox({
  ring: there,
  schedule,
  onBroken: (error) => {
    throw error;
  },
  onWork: () => {},
  onRecord: (reader) => send(reader.words[reader.at >> 2] as number),
  onBatch: (batch) => {
    for (const item of batch.slice(1)) send(item as number);
  },
});
parentPort?.on('message', (message: Posted) => inbox.receive(message));
