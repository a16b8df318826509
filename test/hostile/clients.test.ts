/**
 * Clients that hold what they can get: many sockets with a body that does not come, heads that
 * do not end, answers that nobody takes, uploads of a byte a second. All from one address; the
 * others, from addresses of their own, must not notice.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { until } from '../integration/process.ts';
import type { Attack, AttackReport } from './attacker.ts';
import { percentile } from './load.ts';
import { buildHostile, Subject } from './subject.ts';

const NEIGHBOURS = 4;
const PAUSE_MS = 4;
const MEASURE_MS = 1_000;
/** A guard; how well the bound holds is a diagnostic, as the machine may be shared. */
const P99_MS_MAX = 5_000;
const ANSWER_MS_MAX = 30_000;

/** The function of the others, and it reads its body to the end. */
const POST = 'POST /default/hello/read-all HTTP/1.1\r\nHost: 127.0.0.1\r\n';

/** As many as the input that was found, where the machine gives that many descriptors. */
const descriptorsMax = Number(
  /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1_024,
);
const sockets = Math.min(10_050, descriptorsMax - 500);

interface Figures {
  readonly count: number;
  readonly failures: readonly string[];
  readonly p50: number;
  readonly p99: number;
}

describe('what one client holds', () => {
  let subject: Subject;
  let attacker: ChildProcess;
  let calm: Figures;
  const agents = Array.from(
    { length: NEIGHBOURS },
    (_, i) => new Agent({ keepAlive: true, localAddress: `127.0.1.${i + 1}` }),
  );

  const ask = (agent: Agent): Promise<string> =>
    new Promise((resolve) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: subject.mesh.gatewayPort,
          path: '/default/hello/',
          agent,
          signal: AbortSignal.timeout(ANSWER_MS_MAX),
        },
        (response) => {
          response.resume();
          response.on('end', () => resolve(String(response.statusCode)));
          response.on('error', (error) => resolve(String(error)));
        },
      );
      sent.on('error', (error) => resolve(String(error)));
      sent.end();
    });

  /** Everybody else, for a while. */
  async function measure(during: Promise<unknown> = Promise.resolve()): Promise<Figures> {
    const until = performance.now() + MEASURE_MS;
    let lasts = true;
    void during.then(() => {
      lasts = false;
    });
    const tookMs: number[] = [];
    const failures: string[] = [];
    await Promise.all(
      agents.map(async (agent) => {
        while (lasts || performance.now() < until) {
          const at = performance.now();
          const status = await ask(agent);
          tookMs.push(performance.now() - at);
          if (status !== '200') failures.push(status);
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        }
      }),
    );
    const [p50, p99] = [percentile(tookMs, 0.5), percentile(tookMs, 0.99)];
    return { count: tookMs.length, failures, p50, p99 };
  }

  async function tell(message: { begin?: Attack; end?: true }): Promise<AttackReport> {
    attacker.send(message);
    const [report] = (await once(attacker, 'message')) as [AttackReport];
    return report;
  }

  /** The others while the attack begins, and while it lasts. */
  async function under(context: TestContext, attack: Omit<Attack, 'port'>) {
    const begun = tell({ begin: { ...attack, port: subject.mesh.gatewayPort } });
    const figures = [await measure(begun), await measure()];
    const report = await tell({ end: true });
    for (const [i, { count, failures, p50, p99 }] of figures.entries()) {
      const share = (p99 / calm.p99).toFixed(2);
      context.diagnostic(
        `${i === 0 ? 'beginning' : 'held'}: ${count} requests of others, ${failures.length} failed, ` +
          `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${share} × calm`,
      );
      assert.deepEqual(failures, []);
      assert.ok(p99 < P99_MS_MAX, `p99 ${p99} ms`);
    }
    const { open, closed, statuses } = report;
    context.diagnostic(`the attacker: ${open} open, ${closed} closed, ${JSON.stringify(statuses)}`);
    return report;
  }

  before(async () => {
    const [started, component] = await Promise.all([Subject.start(), buildHostile()]);
    subject = started;
    await subject.deploy('default/hello', component);
    await subject.deploy('other/big', component);
    attacker = fork(join(import.meta.dirname, 'attacker.ts'), { execPath: process.execPath });
    const [agent] = agents as [Agent];
    await until(async () => (await ask(agent)) === '200', 'the gateway to know of it');
    await measure();
    calm = await measure();
  });

  after(async () => {
    for (const agent of agents) agent.destroy();
    attacker?.kill();
    await subject?.stop();
  });

  test('calm', (context) => {
    const { count, failures, p50, p99 } = calm;
    context.diagnostic(
      `${count} requests, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${sockets} sockets to come`,
    );
    assert.deepEqual(failures, []);
  });

  test('10,050 sockets with a body that does not come', async (context) => {
    const first = `${POST}Content-Length: 10\r\n\r\n1`;
    const report = await under(context, { count: sockets, from: '127.0.0.2', first });
    assert.ok(report.open <= 1_000, `${report.open} are open`);
    assert.ok(report.closed >= sockets - 1_000);
  });

  test('350 uploads in chunks, of a byte a second', async (context) => {
    await under(context, {
      count: 350,
      from: '127.0.0.3',
      first: `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`,
      trickle: '1\r\nb\r\n',
      everyMs: 1_000,
    });
  });

  test('heads that do not end', async (context) => {
    await under(context, {
      count: 1_500,
      from: '127.0.0.4',
      first: 'GET / HTTP/1.1\r\nHost: a\r\nX-A: ',
      trickle: 'b',
      everyMs: 500,
    });
  });

  test('answers that nobody takes', async (context) => {
    await under(context, {
      count: 100,
      from: '127.0.0.5',
      first: 'GET /other/big/huge-bytes?mb=4 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
      deaf: true,
    });
  });
});
