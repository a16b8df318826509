import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { chooseLoad, readWrk } from './load.ts';

const SAMPLE = `Running 2s test @ http://127.0.0.1:1/
  Latency Distribution
     50%    1.16ms
     75%    1.23ms
     90%    1.39ms
     99%  830.00us
  53721 requests in 2.00s, 8.91MB read
Requests/sec:  26857.61
Transfer/sec:      4.46MB
`;

test("wrk's output is read with its units, and failures in it are not overlooked", () => {
  assert.deepEqual(readWrk(SAMPLE), { rps: 26858, p50Ms: 1.16, p99Ms: 0.83 });
  assert.throws(() => readWrk(`${SAMPLE}  Non-2xx or 3xx responses: 3\n`), /did not succeed/);
  assert.throws(() => readWrk('Requests/sec: 5\n'), /no 50% line/);
});

test('the chosen load gives figures for a real server', async () => {
  const server = createServer((_request, response) => response.end('hi'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const figures = await chooseLoad(() => {}).run(`http://127.0.0.1:${port}/`, { a: 'b' }, 1);
    assert.ok(figures.rps > 0 && figures.p99Ms >= figures.p50Ms);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
