import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Harness } from '../testing/harness.ts';
import { trailersGuest } from '../testing/trailers-guest.ts';

/** From a client's connection through a guest and back, on the real executor. */

describe('trailers of a wasi:http function', () => {
  const id = 'default/trailers';
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
    await harness.deploy(id, {}, await trailersGuest());
  });
  after(() => harness.stop());

  /** Sends the request's bytes as they are, and gives back the whole answer. */
  async function raw(head: string, rest: string): Promise<string> {
    const { host, port } = harness.address('default');
    const socket = connect(port, host);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.write(
      `${head}\r\nHost: a.test\r\npopmesh-function: ${id}\r\nConnection: close\r\n${rest}`,
      'latin1',
    );
    await once(socket, 'close');
    return text;
  }

  test('come to it behind the chunks that nobody reads, and leave behind its own', async () => {
    const answer = await raw(
      'POST / HTTP/1.1',
      'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\nx-sum: 8\r\nx-end: yes\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(answer, /\r\ntransfer-encoding: chunked\r\n/i);
    assert.match(
      answer,
      /4\r\nbody\r\n0\r\n(?:x-sum: 7\r\n)(?:x-sum: 8\r\n)(?:x-end: yes\r\n)\r\n$/i,
    );
  });

  test('are none for a request without, and then the answer is whole', async () => {
    for (const [method, rest] of [
      ['GET', '\r\n'],
      ['POST', 'Content-Length: 3\r\n\r\nabc'],
      ['POST', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
    ] as const) {
      const answer = await raw(`${method} / HTTP/1.1`, rest);
      assert.match(answer, /\r\ncontent-length: 4\r\n(?:.*\r\n)*\r\nbody$/i, `${method} ${rest}`);
    }
  });

  test('that steer the message are not taken along', async () => {
    const answer = await raw(
      'POST / HTTP/1.1',
      'Transfer-Encoding: chunked\r\n\r\n0\r\nConnection: keep-alive\r\nTransfer-Encoding: gzip\r\nx-ok: 1\r\n\r\n',
    );
    const [, trailers = ''] = answer.split('0\r\n');
    assert.doesNotMatch(trailers, /connection|transfer-encoding/i);
  });
});
