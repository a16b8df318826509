import type { IncomingMessage } from 'node:http';
import type { Clock, Timer } from './clock.ts';

/**
 * What still comes of an upload that is answered before it is whole. A connection that is closed
 * over unread bytes is reset by the kernel, and the reset takes the answer away from a client
 * which has not read it yet. So only our half is closed, and the rest of the upload is read and
 * dropped, within bounds. Refused: closing at once, as node:http does: above 300 KB most answers
 * were lost.
 */

/** Above the default of what a function takes. */
export const LATE_UPLOAD_BYTES_MAX = 16 * 1024 * 1024;
/** For a connection that closes, from the end of the answer. */
export const LATE_UPLOAD_MS = 2_000;

/** Called before node:http has sent the end of the answer. */
export function dropLateUpload(request: IncomingMessage, clock: Pick<Clock, 'setTimer'>): void {
  const { socket } = request;
  if (request.complete || request.destroyed || socket.destroyed) return;
  let timer: Timer | undefined;
  let left = LATE_UPLOAD_BYTES_MAX;
  request.removeAllListeners('data');
  request.on('data', (bytes: Buffer) => {
    left -= bytes.length;
    if (left < 0) socket.destroy();
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
