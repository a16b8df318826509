import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { byLength } from '../../../scripts/test-length.ts';
import { FRA, setFunction, startTestGateway, TestNode } from './test-mesh.ts';

const MB = 1024 * 1024;

// Without it the peak is the garbage of a process that is client, gateway and node at once.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Much more than may be held of it anywhere. */
const SIZE_MB = byLength(24, 60);
const LOOK_EVERY_BYTES = 2 * MB;

test(`${SIZE_MB} MB up and down: unchanged, and memory stays flat`, async () => {
  const size = SIZE_MB * MB;
  const chunk = Buffer.alloc(MB, 'abcdefgh');
  let peak = 0;
  let untilLook = 0;
  // Looked at by bytes, not by time: a timer on a busy machine does nothing but collect.
  const passed = (data: Buffer): void => {
    untilLook -= data.length;
    if (untilLook > 0) return;
    untilLook = LOOK_EVERY_BYTES;
    collectGarbage();
    peak = Math.max(peak, process.memoryUsage().arrayBuffers);
  };
  const node = new TestNode('fra-1', FRA, (req, res) => {
    const hash = createHash('sha256');
    req.on('data', (data) => {
      hash.update(data);
      passed(data);
    });
    req.on('end', () => {
      res.writeHead(200, { 'x-sha': hash.digest('hex'), 'content-type': 'x/y' });
      let left = size / MB;
      const more = (): void => {
        while (left-- > 0) {
          if (!res.write(chunk)) {
            res.once('drain', more);
            return;
          }
        }
        res.end();
      };
      more();
    });
  });
  const gateway = await startTestGateway([node]);
  setFunction(gateway.mesh, 'default/hello', 2n, { requestBodyMb: 100 });
  gateway.mesh.setNode(node.announcement('default/hello', 2n));
  try {
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    const up = createHash('sha256');
    const down = createHash('sha256');
    const result = await new Promise<{ sha: string; bytes: number }>((resolve, reject) => {
      const req = request(`${gateway.url}/default/hello/`, { method: 'POST' }, (res) => {
        let bytes = 0;
        res.on('data', (data: Buffer) => {
          bytes += data.length;
          down.update(data);
          passed(data);
          // A reader slower than the writer: what it has not read must wait at its source.
          if (bytes % (8 * MB) < 70_000) {
            res.pause();
            setTimeout(() => res.resume(), 10);
          }
        });
        res.on('end', () => resolve({ sha: String(res.headers['x-sha']), bytes }));
        res.on('error', reject);
      });
      req.on('error', reject);
      let left = size / MB;
      const more = (): void => {
        while (left-- > 0) {
          up.update(chunk);
          if (!req.write(chunk)) {
            req.once('drain', more);
            return;
          }
        }
        req.end();
      };
      more();
    });
    const sent = up.digest('hex');
    assert.equal(result.sha, sent);
    assert.equal(result.bytes, size);
    assert.equal(down.digest('hex'), sent);
    console.log(
      `peak of held buffers: ${((peak - before) / MB).toFixed(1)} MB for ${2 * SIZE_MB} MB`,
    );
    assert.ok(peak - before < 12 * MB, `${((peak - before) / MB).toFixed(1)} MB`);
  } finally {
    await gateway.stop();
  }
});

test('a chunked upload larger than the function takes is 413 and reaches nobody whole', async () => {
  let complete = false;
  const node = new TestNode('fra-1', FRA, (req, res) => {
    req.resume().on('end', () => {
      complete = true;
      res.end();
    });
    req.on('error', () => {});
  });
  const gateway = await startTestGateway([node]);
  setFunction(gateway.mesh, 'default/hello', 2n, { requestBodyMb: 1 });
  gateway.mesh.setNode(node.announcement('default/hello', 2n));
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const req = request(`${gateway.url}/default/hello/`, { method: 'POST' }, (res) => {
        res.resume();
        resolve(res.statusCode as number);
      });
      req.on('error', reject);
      req.write(Buffer.alloc(MB));
      req.write(Buffer.alloc(100_000));
    });
    assert.equal(status, 413);
    assert.equal(complete, false);
  } finally {
    await gateway.stop();
  }
});

test('an answer before the end of the upload arrives, and the connection is not stuck', async () => {
  const node = new TestNode('fra-1', FRA, (_req, res) => {
    res.writeHead(403).end('no');
  });
  const gateway = await startTestGateway([node]);
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const req = request(
        `${gateway.url}/default/hello/`,
        { method: 'POST', headers: { 'content-length': String(8 * MB) } },
        (res) => {
          res.resume();
          resolve(res.statusCode as number);
        },
      );
      req.on('error', reject);
      req.write(Buffer.alloc(200_000));
    });
    assert.equal(status, 403);
  } finally {
    await gateway.stop();
  }
});

/** A client that reads when it has sent all: its answer, or what is there when it is cut. */
async function sendThenRead(address: string, size: number): Promise<string> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  socket.on('error', () => {});
  const closed = once(socket, 'close').catch(() => {});
  socket.pause();
  socket.write(`POST /default/hello/ HTTP/1.1\r\nhost: a\r\ncontent-length: ${size}\r\n`);
  const sent = new Promise((resolve) => {
    socket.write(`connection: close\r\n\r\n${'x'.repeat(size)}`, resolve);
  });
  await Promise.race([sent, closed]);
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  socket.resume();
  await closed;
  return text;
}

test('an answer that does not wait for the upload is read by a client that sends all of it first', async () => {
  const node = new TestNode('fra-1', FRA, (_req, res) => {
    res.writeHead(401).end('no');
  });
  const gateway = await startTestGateway([node]);
  try {
    for (const size of [300_000, MB, 15 * MB]) {
      assert.match(await sendThenRead(gateway.address, size), /^HTTP\/1\.1 401 /, `${size}`);
    }
    // Refused by its length alone.
    setFunction(gateway.mesh, 'default/hello', 2n, { requestBodyMb: 1 });
    gateway.mesh.setNode(node.announcement('default/hello', 2n));
    assert.match(await sendThenRead(gateway.address, 15 * MB), /^HTTP\/1\.1 413 /);
  } finally {
    await gateway.stop();
  }
});

test('a response that breaks off is seen as broken off, never as complete', async () => {
  let cut = (): void => {};
  const node = new TestNode('fra-1', FRA, (_req, res) => {
    res.writeHead(200);
    res.write('half');
    cut = () => void res.destroy();
  });
  const gateway = await startTestGateway([node]);
  try {
    const res = await fetch(`${gateway.url}/default/hello/`);
    cut();
    await assert.rejects(res.text());
  } finally {
    await gateway.stop();
  }
});

test('events stream through as they come, the head before the first of them', async () => {
  let send: (text: string) => void = () => {};
  let end: () => void = () => {};
  const node = new TestNode('fra-1', FRA, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.flushHeaders();
    send = (text) => res.write(text);
    end = () => res.end();
  });
  const gateway = await startTestGateway([node]);
  try {
    const res = await fetch(`${gateway.url}/default/hello/`, {
      signal: AbortSignal.timeout(10_000),
    });
    send('data: 1\n\n');
    const reader = (res.body as ReadableStream<Uint8Array>).getReader();
    const read = async () => Buffer.from((await reader.read()).value ?? []).toString();
    assert.equal(await read(), 'data: 1\n\n');
    send('data: 2\n\n');
    assert.equal(await read(), 'data: 2\n\n');
    end();
    assert.equal(await read(), '');
  } finally {
    await gateway.stop();
  }
});

test('a client that waits for the answer before it sends its body is answered', async () => {
  const node = new TestNode('fra-1', FRA, (req, res) => {
    res.writeHead(200);
    res.flushHeaders();
    req.pipe(res);
  });
  const gateway = await startTestGateway([node]);
  try {
    const dialogue = request(`${gateway.url}/default/hello/`, { method: 'POST' });
    dialogue.setHeader('transfer-encoding', 'chunked');
    dialogue.flushHeaders();
    const [res] = await once(dialogue, 'response', { signal: AbortSignal.timeout(10_000) });
    dialogue.end('at last');
    assert.equal(Buffer.concat(await res.toArray()).toString(), 'at last');
  } finally {
    await gateway.stop();
  }
});
