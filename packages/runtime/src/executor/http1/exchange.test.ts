import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { clockFrom } from '../../clock-from.ts';
import { type RequestHead, readRequestHead } from '../request-head.ts';
import { toHead } from '../response-head.ts';
import type { Exchange } from './exchange.ts';
import { Client, type Handle, type ServerFor, User, withServer } from './exchange-client.ts';
import { exchangeContract } from './exchange-contract.ts';
import { PlainListener } from './plain-listener.ts';
import { ServerExchange } from './server-exchange.ts';

const overHttp = (handle: Handle): Server =>
  createServer((request, response) =>
    handle(
      readRequestHead(request.rawHeaders, request.method, request.url),
      new ServerExchange(request, response, clock),
    ),
  );

describe('an exchange over node:http', () => {
  exchangeContract(overHttp);

  test('trailers behind the chunks of a request', async () => {
    const user = new User();
    await withServer(
      overHttp,
      (_, exchange) => {
        exchange.use(user);
        exchange.readBody();
        void user
          .until(() => user.ended !== undefined)
          .then(() => exchange.respond(200, toHead([]), '', user.trailers));
      },
      async (client) => {
        client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
        client.send('3\r\nabc\r\n0\r\nX-Sum: 7\r\nx-sum: 8\r\n\r\n');
        await client.read(/x-sum: 7\nx-sum: 8\n$/);
      },
    );
    assert.equal(user.text, 'abc');
  });
});

const clock = clockFrom({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: () => ({ cancel: () => {} }),
});

/** Both behind one listener, as in an executor; `http` counts what went the long way. */
function bothWays(
  http: { requests: number },
  keep: (listener: PlainListener) => void = () => {},
  keepAliveTimeoutMs = 5_000,
) {
  return (handle: Handle): Server => {
    const server = overHttp((head, exchange) => {
      http.requests++;
      handle(head, exchange);
    });
    const listener = new PlainListener({
      server,
      clock,
      keepAliveTimeoutMs,
      headersTimeoutMs: 1_000,
      handle,
    });
    keep(listener);
    const close = server.closeAllConnections.bind(server);
    server.closeAllConnections = () => {
      close();
      listener.closeAll();
    };
    return server;
  };
}

describe('an exchange on a plain connection', () => {
  const http = { requests: 0 };
  exchangeContract(bothWays(http));
  test('none of these went the long way', () => assert.equal(http.requests, 0));
});

const answer = (head: RequestHead, exchange: Exchange): void => {
  exchange.use(new User());
  exchange.respond(200, toHead([]), '', `<${head.method} ${head.target}>`);
};
const GET = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('the listener before node:http', () => {
  test('a connection is handed over at its first request that is not plain, bytes and all', async () => {
    const http = { requests: 0 };
    await withServer(bothWays(http), answer, async (client) => {
      const chunked =
        'POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
      client.send(GET('/1') + GET('/2') + chunked + GET('/4'));
      for (const [at, method] of ['GET', 'GET', 'POST', 'GET'].entries()) {
        await client.read(new RegExp(`<${method} /${at + 1}>`));
      }
      assert.equal(http.requests, 2);
      client.send(GET('/5'));
      await client.read(/<GET \/5>/);
      assert.equal(http.requests, 3);
    });
  });

  test('a head that comes in pieces is whole in the end', async () => {
    const http = { requests: 0 };
    let listener: PlainListener | undefined;
    const server = bothWays(http, (it) => {
      listener = it;
    });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    await withServer(server, answer, async (client) => {
      client.send('GE');
      while (listener?.size !== 1) await turn();
      // Handed over by what has come of it.
      while (listener.size > 0) await turn();
      for (const part of ['T /a HT', 'TP/1.1\r\nHo', 'st: a\r\n', '\r', '\n']) {
        client.send(part);
        await turn();
      }
      await client.read(/<GET \/a>/);
    });
    assert.equal(http.requests, 1);
  });

  test('what is malformed gets node:http’s refusal', async () => {
    await withServer(bothWays({ requests: 0 }), answer, async (client) => {
      client.send('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx');
      assert.match(await client.closed(), /^HTTP\/1\.1 400 Bad Request\r\n/);
    });
  });

  test('silent connections are closed: new ones early, used ones after the keep-alive time', async () => {
    let listener: PlainListener | undefined;
    const server = bothWays({ requests: 0 }, (it) => {
      listener = it;
    });
    await withServer(server, answer, async (client, port) => {
      const silent = new Client(port);
      client.send(GET('/'));
      await client.read(/<GET \/>/);
      const startMs = performance.now();
      const sweep = (afterMs: number) => listener?.sweep(startMs + afterMs);
      // The server has accepted the silent one when it has answered a later one.
      const later = new Client(port);
      later.send(GET('/'));
      await later.read(/<GET \/>/);
      sweep(0);
      sweep(2_000);
      assert.match(await silent.closed(), /^HTTP\/1\.1 408 Request Timeout\r\n/);
      client.send(GET('/again'));
      await client.read(/<GET \/again>/);
      sweep(5_500);
      sweep(9_000);
      client.send(GET('/still'));
      await client.read(/<GET \/still>/);
      sweep(10_000);
      sweep(16_001);
      assert.equal(await client.closed(), '');
      later.socket.destroy();
    });
  });

  test('an upload that goes on behind its answer has two seconds', async () => {
    let listener: PlainListener | undefined;
    const server = bothWays({ requests: 0 }, (it) => {
      listener = it;
    });
    await withServer(server, answer, async (_, port) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      socket.resume();
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc');
      await once(socket, 'end');
      const startMs = performance.now();
      listener?.sweep(startMs);
      listener?.sweep(startMs + 1_900);
      // Still read, and not reset.
      await new Promise((resolve) => socket.write('d', resolve));
      assert.equal(socket.destroyed, false);
      const size = listener?.size;
      listener?.sweep(startMs + 2_000);
      while (listener?.size === size) await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
    });
  });

  test('idle connections close for a drain, one that is served closes after its answer', async () => {
    let listener: PlainListener | undefined;
    const held: (() => void)[] = [];
    const server = bothWays({ requests: 0 }, (it) => {
      listener = it;
    });
    const handle: Handle = (head, exchange) => {
      if (head.target === '/held') held.push(() => answer(head, exchange));
      else answer(head, exchange);
    };
    await withServer(server, handle, async (client, port) => {
      const idle = new Client(port);
      idle.send(GET('/'));
      await idle.read(/<GET \/>/);
      client.send(GET('/held'));
      while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
      listener?.closeIdle();
      assert.equal(await idle.closed(), '');
      held[0]?.();
      await client.read(/<GET \/held>/);
    });
  });

  test('no further request is served to a client that takes no answer', async () => {
    let served = 0;
    const handle: Handle = (_, exchange) => {
      served++;
      exchange.use(new User());
      exchange.respond(200, toHead([]), '', new Uint8Array(8_000_000));
    };
    await withServer(bothWays({ requests: 0 }), handle, async (client) => {
      client.socket.pause();
      client.send(GET('/').repeat(50));
      while (served === 0) await new Promise((resolve) => setImmediate(resolve));
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(served <= 2, `${served} answers wait for the client`);
    });
  });

  test('one that takes its answers slowly leaves nothing behind with each', async () => {
    const length = 8_000_000;
    const handle: Handle = (_, exchange) => {
      exchange.use(new User());
      exchange.respond(200, toHead([]), '', new Uint8Array(length));
    };
    let waiting = 0;
    const serverFor: ServerFor = (it) => {
      const server = bothWays({ requests: 0 })(it);
      server.on('connection', (socket) => {
        const count = () => {
          waiting = Math.max(waiting, socket.listenerCount('timeout'));
        };
        socket.on('drain', count);
      });
      return server;
    };
    await withServer(serverFor, handle, async (client) => {
      for (let round = 0; round < 4; round++) {
        client.send(GET('/'));
        await client.read(/\r\n\r\n/);
        await client.take(length);
      }
    });
    assert.ok(waiting <= 1, `${waiting} wait for the end of its time`);
  });

  test('a client that takes nothing of an answer for too long is let go', async () => {
    const user = new User();
    const handle: Handle = (_, exchange) => {
      exchange.use(user);
      exchange.respond(200, toHead([]), '', new Uint8Array(16_000_000));
    };
    let listener: PlainListener | undefined;
    const server = bothWays(
      { requests: 0 },
      (it) => {
        listener = it;
      },
      20,
    );
    await withServer(server, handle, async (client) => {
      client.socket.pause();
      client.send(GET('/'));
      while (listener?.size !== 1) await new Promise((resolve) => setImmediate(resolve));
      while (listener.size > 0) await new Promise((resolve) => setImmediate(resolve));
    });
  });
});
