import { request } from 'node:http';
import type { Clock } from '@popmesh/contracts';

/**
 * Asks a data plane itself whether it answers, on a connection of its own: the
 * pool's connections may be the very thing that is broken. Any HTTP answer is a
 * sign of life; the path names no function, so none is run.
 */
export type Probe = (address: string, timeoutMs: number) => Promise<ProbeResult>;
export type ProbeResult = 'alive' | 'refused' | 'silent';

export const httpProbe =
  (clock: Clock): Probe =>
  (address, timeoutMs) =>
    new Promise((resolve) => {
      const colon = address.lastIndexOf(':');
      const probe = request({
        host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
        port: Number(address.slice(colon + 1)),
        path: '/.popmesh/probe',
        agent: false,
        headers: { connection: 'close' },
      });
      const end = (result: ProbeResult): void => {
        timer.cancel();
        resolve(result);
        probe.destroy();
      };
      let timer = clock.setTimer(timeoutMs, () => {
        // Our own loop may have been away: let an answer that is already here be read first.
        timer = clock.setTimer(1, () => end('silent'));
      });
      probe.on('response', (response) => {
        response.resume();
        end('alive');
      });
      probe.on('error', () => end('refused'));
      probe.end();
    });
