import type { IncomingMessage } from 'node:http';
import type { Clock, Timer } from './clock.ts';
import { PieceRate } from './piece-rate.ts';

/**
 * What still comes of an upload that is answered before it is whole. A connection that is closed
 * over unread bytes is reset by the kernel, and the reset takes the answer away from a client
 * which has not read it yet. So only our half is closed, and the rest of the upload is read and
 * dropped, within bounds. Refused: closing at once, as node:http does: above 300 KB most answers
 * were lost. A bound on bytes alone is none: 4 sockets that sent theirs in chunks of one byte held
 * everybody else up for 26 s.
 */

/** Above the default of what a function takes. */
export const LATE_UPLOAD_BYTES_MAX = 16 * 1024 * 1024;
/** For a connection that closes, from the end of the answer. */
export const LATE_UPLOAD_MS = 2_000;

/** Called before node:http has sent the end of the answer; `onTiny` when it comes in tiny pieces. */
export function dropLateUpload(
  request: IncomingMessage,
  clock: Pick<Clock, 'setTimer' | 'monotonic'>,
  onTiny: () => void = () => {},
): void {
  const { socket } = request;
  if (request.complete || request.destroyed || socket.destroyed) return;
  let timer: Timer | undefined;
  let left = LATE_UPLOAD_BYTES_MAX;
  const pieces = new PieceRate(clock.monotonic());
  request.removeAllListeners('data');
  request.on('data', (bytes: Buffer) => {
    left -= bytes.length;
    const isTiny = !pieces.take(bytes.length, clock);
    if (isTiny) onTiny();
    // The request with its connection, or what was read already would still be parsed.
    if (isTiny || left < 0) request.destroy();
  });
  request.resume();
  // What node:http calls to close the connection behind the answer.
  socket.destroySoon = () => {
    if (timer !== undefined) return;
    timer = clock.setTimer(LATE_UPLOAD_MS, () => socket.destroy());
    socket.end();
  };
  const over = (): void => {
    request.off('close', over);
    socket.off('close', over);
    Reflect.deleteProperty(socket, 'destroySoon');
    if (timer === undefined) return;
    timer.cancel();
    socket.destroySoon();
  };
  request.on('close', over);
  socket.on('close', over);
}
