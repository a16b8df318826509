import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { toHead } from '../response-head.ts';
import type { Exchange } from './exchange.ts';
import { Client, type Handle, type ServerFor, User, withServer } from './exchange-client.ts';

/** What every exchange does, whichever parser stands before it; with real sockets. */

const HEAD = toHead(['x-one', '1', 'x-two', '2']);
const OWN = 'popmesh-version: 7\r\n';

const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';
const post = (length: number, body: string): string =>
  `POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`;
const WHOLE = /\r\n\r\n/;

export function exchangeContract(serverFor: ServerFor): void {
  const serve = (handle: Handle, run: (client: Client, port: number) => Promise<void>) =>
    withServer(serverFor, handle, run);

  test('a whole answer, and the next on the same connection', async () => {
    const bodies: (string | Uint8Array)[] = [
      '',
      'hi\xe9',
      new Uint8Array([1, 200]),
      'x'.repeat(90_000),
    ];
    const left = [...bodies];
    await serve(
      (_, exchange) => {
        exchange.use(new User());
        exchange.respond(201, HEAD, OWN, left.shift() ?? '');
      },
      async (client) => {
        for (const body of bodies) {
          client.send(GET);
          const expected = typeof body === 'string' ? body : Buffer.from(body).toString('latin1');
          const head = (await client.read(WHOLE)).toLowerCase();
          assert.match(head, /^http\/1\.1 201 created\r\n/);
          for (const line of [
            'x-one: 1',
            'x-two: 2',
            'popmesh-version: 7',
            'connection: keep-alive',
          ]) {
            assert.ok(head.includes(`\r\n${line}\r\n`), line);
          }
          assert.match(head, /\r\nkeep-alive: timeout=\d+\r\n/);
          assert.match(head, /\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d gmt\r\n/);
          assert.ok(head.includes(`\r\ncontent-length: ${expected.length}\r\n`));
          assert.equal(await client.take(expected.length), expected);
        }
      },
    );
  });

  test('no body where method or status have none, its length still said for HEAD', async () => {
    const statuses = [200, 204, 304];
    await serve(
      (head, exchange) => {
        exchange.use(new User());
        exchange.respond(
          head.method === 'HEAD' ? 200 : (statuses.shift() ?? 200),
          HEAD,
          OWN,
          'body',
        );
      },
      async (client) => {
        client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.match(await client.read(WHOLE), /\r\ncontent-length: 4\r\n/i);
        statuses.shift();
        for (const status of [204, 304]) {
          client.send(GET);
          const head = await client.read(WHOLE);
          assert.ok(head.startsWith(`HTTP/1.1 ${status} `));
          assert.doesNotMatch(head, /content-length|transfer-encoding/i);
        }
        client.send(GET);
        assert.match(await client.read(/body$/), /^HTTP\/1\.1 200 OK\r\n/);
      },
    );
  });

  test('a streamed answer, in chunks or of a promised length', async () => {
    const lengths = [-1, 6];
    await serve(
      (_, exchange) => {
        exchange.use(new User());
        exchange.begin(200, HEAD, OWN, lengths.shift() ?? -1);
        exchange.write(Buffer.from('abc'), () =>
          exchange.write(Buffer.from('def'), () => exchange.end()),
        );
      },
      async (client) => {
        client.send(GET);
        assert.match(await client.read(WHOLE), /\r\ntransfer-encoding: chunked\r\n/i);
        assert.equal(await client.read(/0\r\n\r\n/), '3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n');
        client.send(GET);
        const head = await client.read(WHOLE);
        assert.match(head, /\r\ncontent-length: 6\r\n/i);
        assert.doesNotMatch(head, /transfer-encoding/i);
        assert.equal(await client.read(/f/), 'abcdef');
      },
    );
  });

  test('a streamed answer to HEAD has no body, and the next request is its own', async () => {
    await serve(
      (_, exchange) => {
        exchange.use(new User());
        exchange.begin(200, HEAD, OWN, -1);
        exchange.write(Buffer.from('abc'), () => exchange.end());
      },
      async (client) => {
        for (let i = 0; i < 2; i++) {
          client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
          const head = await client.read(WHOLE);
          assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
        }
      },
    );
  });

  test('the body comes whole and in order, however it was cut', async () => {
    await serve(
      async (_, exchange) => {
        const user = new User();
        exchange.use(user);
        exchange.readBody();
        await user.until(() => user.ended !== undefined);
        assert.equal(exchange.bodyComplete, true);
        exchange.respond(200, HEAD, OWN, `${user.ended}|${user.text}`);
      },
      async (client) => {
        client.send(post(6, 'abc'));
        client.socket.once('drain', () => {});
        await new Promise<void>((resolve) => setImmediate(resolve));
        client.send('def');
        assert.match(await client.read(/\|abcdef$/), /^HTTP/);
        client.send(post(3, 'xyz') + post(2, 'uv'));
        await client.read(/\|xyz/);
        await client.read(/\|uv/);
      },
    );
  });

  test('trailers behind chunks, none where the length was said', async () => {
    const trailers = toHead(['x-sum', '7', 'x-end', 'yes']);
    await serve(
      (head, exchange) => {
        exchange.use(new User());
        exchange.begin(200, HEAD, OWN, head.target === '/said' ? 4 : -1);
        exchange.write(Buffer.from('body'), () => exchange.end(trailers));
      },
      async (client) => {
        client.send(GET);
        const all = await client.read(/0\r\n(?:[^\r]+\r\n)*\r\n$/);
        assert.match(all, /\r\n4\r\nbody\r\n0\r\nx-sum: 7\r\nx-end: yes\r\n\r\n$/);
        client.send('GET /said HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.match(await client.read(/body$/), /content-length: 4/i);
        client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.doesNotMatch(await client.read(WHOLE), /x-sum/);
        client.send(GET);
        assert.match(await client.read(/yes\r\n\r\n$/), /^HTTP\/1\.1 200 /);
      },
    );
  });

  test('HEAD: the length that the function says, where it sends no body', async () => {
    const head = toHead(['x-one', '1'], 1_234);
    await serve(
      (_, exchange) => {
        exchange.use(new User());
        exchange.respond(200, head, OWN, '');
      },
      async (client) => {
        client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.match(await client.read(WHOLE), /\r\ncontent-length: 1234\r\n/i);
        client.send(GET);
        assert.match(await client.read(WHOLE), /\r\ncontent-length: 0\r\n/i);
      },
    );
  });

  test('a paused body stays where it is', async () => {
    const user = new User();
    let exchange: Exchange | undefined;
    await serve(
      (_, it) => {
        exchange = it;
        it.use(user);
        it.readBody();
      },
      async (client) => {
        const size = 4_000_000;
        client.send(post(size, ''));
        client.socket.write('x');
        await user.until(() => user.text.length > 0);
        exchange?.pauseBody();
        client.socket.write('y'.repeat(size - 1));
        // A second connection's answer shows that the server has turned meanwhile.
        const before = user.text.length;
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
        assert.ok(user.text.length - before <= 256 * 1024, 'it went on');
        exchange?.resumeBody();
        await user.until(() => user.ended !== undefined);
        assert.equal(user.text.length, size);
        exchange?.respond(200, HEAD, OWN, 'done');
        await client.read(/done$/);
      },
    );
  });

  test('closing after an answer that comes before the body is whole', async () => {
    await serve(
      (_, exchange) => {
        exchange.use(new User());
        assert.equal(exchange.bodyComplete, false);
        exchange.closeAfter();
        exchange.respond(413, HEAD, OWN, 'no');
      },
      async (client) => {
        client.send(post(1_000, 'abc'));
        const all = await client.closed();
        assert.match(all, /^HTTP\/1\.1 413 /);
        assert.match(all, /\r\nconnection: close\r\n/i);
        assert.match(all, /no$/);
      },
    );
  });

  const refuseEarly: Handle = (_, exchange) => {
    exchange.use(new User());
    exchange.closeAfter();
    exchange.respond(401, HEAD, OWN, 'no');
  };
  for (const size of [1_000_000, 15_000_000]) {
    test(`a client that sends ${size} bytes before it reads has the answer that came early`, async () => {
      await serve(refuseEarly, async (client) => {
        client.socket.pause();
        const sent = new Promise((resolve) => {
          client.socket.write(post(size, 'x'.repeat(size)), resolve);
        });
        await Promise.race([sent, once(client.socket, 'close')]);
        client.socket.resume();
        const all = await client.closed();
        assert.match(all, /^HTTP\/1\.1 401 /);
        assert.match(all, /no$/);
      });
    });
  }

  test('an upload that goes on without end behind its answer is cut', async () => {
    await serve(refuseEarly, async (client) => {
      const { socket } = client;
      socket.write(post(900_000_000, ''));
      const part = Buffer.alloc(1_000_000);
      while (!socket.destroyed) {
        const taken = new Promise((resolve) => socket.write(part, resolve));
        await Promise.race([taken, once(socket, 'close')]);
      }
      assert.ok(socket.bytesWritten < 64_000_000, `${socket.bytesWritten} were taken`);
    });
  });

  test('a body that its last bytes paused does not keep the next request from being read', async () => {
    await serve(
      (_, exchange) => {
        const user = new User();
        exchange.use(user);
        user.bodyBytes = () => {
          exchange.pauseBody();
          setImmediate(() => exchange.respond(200, HEAD, OWN, '<>'));
        };
        exchange.readBody();
      },
      async (client) => {
        for (let round = 0; round < 3; round++) {
          client.send(post(3, 'abc'));
          await client.read(/<>/);
        }
      },
    );
  });

  test('a client that goes away is told once; cutting is seen by the client', async () => {
    const user = new User();
    await serve(
      (head, exchange) => {
        exchange.use(user);
        if (head.target !== '/cut') return;
        exchange.begin(200, HEAD, OWN, -1);
        exchange.write(Buffer.from('part'), () => exchange.abort());
      },
      async (client, port) => {
        const second = new Client(port);
        second.send(GET);
        client.send('GET /cut HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.doesNotMatch(await client.closed(), /0\r\n\r\n$/);
        await user.until(() => user.gone === 1);
        second.socket.end();
        await user.until(() => user.gone === 2);
        await second.closed();
      },
    );
    assert.equal(user.gone, 2);
  });

  test('a client that does not read is not written to without end', async () => {
    const user = new User();
    let taken = 0;
    await serve(
      (_, exchange) => {
        exchange.use(user);
        exchange.begin(200, HEAD, OWN, -1);
        const more = (): void => {
          taken++;
          if (user.gone === 0) exchange.write(Buffer.alloc(64 * 1024), () => setImmediate(more));
        };
        more();
      },
      async (client) => {
        client.socket.pause();
        client.send(GET);
        let before = -1;
        while (before !== taken || taken === 0) {
          before = taken;
          for (let turn = 0; turn < 50; turn++)
            await new Promise((resolve) => setImmediate(resolve));
        }
        assert.ok(taken < 500, `${taken} chunks were taken`);
      },
    );
  });

  test('pipelined requests are answered in their order', async () => {
    const waiting: (() => void)[] = [];
    await serve(
      (head, exchange) => {
        exchange.use(new User());
        waiting.push(() => exchange.respond(200, HEAD, OWN, `<${head.target}>`));
        if (waiting.length === 1) setImmediate(() => waiting.shift()?.());
      },
      async (client) => {
        client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
        let seen = '';
        while (!seen.includes('</2>')) {
          waiting.shift()?.();
          seen += await client.read(/<\/\d>/);
        }
        assert.ok(seen.indexOf('</1>') < seen.indexOf('</2>'));
      },
    );
  });
}
