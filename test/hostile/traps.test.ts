/**
 * A trap ends the one request that caused it. Eight clients, and an attacker who has found a body
 * that traps the function and sends it ten times a second: before, each trap took everybody's
 * requests along, and none of 552 was answered.
 */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { buildGuest } from '../../packages/runtime/src/testing/guests.ts';
import { type Answer, type CallOptions, Subject, Target } from './subject.ts';

const CLIENTS = 8;
const REQUESTS_EACH = 6;
const EVERY_MS = 100;
const BODY_BYTES = 80 * 1024;

/**
 * Against the door itself, where an exception that leaves `handle` is a trap: every other way
 * that was known is mended. Answers after 80 ms, with what its instance has been asked before.
 */
const GUEST = `
import host from 'popmesh:function/host@0.2.0';
const DONE = { then: (resolve) => resolve() };
export function handle(id, head, methodLength, urlLength, body) {
  const url = head.slice(methodLength, methodLength + urlLength);
  if (url.includes('trap') || body > 1 || (body === 1 && host.bodyBytes(id).length > 1000)) throw 1;
  host.timer(id, 80);
  return DONE;
}
export function settle(wait) {
  host.respond(wait, 200, '', 'answered');
  return DONE;
}`;

describe('traps', () => {
  let subject: Subject;
  let component: Uint8Array;

  before(async () => {
    component = await buildGuest(GUEST);
    subject = await Subject.start();
  });
  after(() => subject?.stop());

  async function deploy(name: string): Promise<Target> {
    assert.equal(await subject.deploy(`traps/${name}`, component), 'ready');
    return Target.of(subject, `traps/${name}`);
  }

  /** What the clients got while the attacker went on. */
  async function underAttack(
    target: Target,
    client: CallOptions,
    attack: readonly [path: string, options: CallOptions],
    context: TestContext,
  ): Promise<number> {
    const end = new AbortController();
    let attacks = 0;
    let trapped = 0;
    const attacker = (async () => {
      while (!end.signal.aborted) {
        attacks++;
        void target.call(...attack).then(({ code }) => {
          if (code === 'function_trapped') trapped++;
        });
        await setTimeout(EVERY_MS, undefined, { signal: end.signal }).catch(() => {});
      }
    })();
    const answers: Answer[] = (
      await Promise.all(
        Array.from({ length: CLIENTS }, async () => {
          const own: Answer[] = [];
          for (let i = 0; i < REQUESTS_EACH; i++) own.push(await target.call('/', client));
          return own;
        }),
      )
    ).flat();
    end.abort();
    await attacker;
    const well = answers.filter(({ status, text }) => status === 200 && text === 'answered').length;
    const others = answers.filter(({ status }) => status !== 200).map(({ code }) => code);
    const slowestMs = Math.round(Math.max(...answers.map(({ tookMs }) => tookMs)));
    context.diagnostic(
      `${well} of ${answers.length} answered 200 beside ${attacks} attacks, ${trapped} of them told of their trap; slowest ${slowestMs} ms ${others.join(' ')}`,
    );
    assert.ok(trapped > 0, 'the attack is one');
    return well;
  }

  const WANTED = CLIENTS * REQUESTS_EACH - 1;
  const trapBody = { body: new Uint8Array(BODY_BYTES) };

  test('a body that traps, beside clients that read', async (context) => {
    const target = await deploy('reading');
    assert.ok((await underAttack(target, {}, ['/', trapBody], context)) >= WANTED);
  });

  test('a query that traps, beside clients that read', async (context) => {
    const target = await deploy('query');
    assert.ok((await underAttack(target, {}, ['/?trap', {}], context)) >= WANTED);
  });

  test('a body that traps, beside clients that write', async (context) => {
    const target = await deploy('writing');
    // What may not be repeated is lost with the first trap: nobody knew of it.
    assert.equal((await target.call('/', trapBody)).code, 'function_trapped');
    const client = { body: 'small' };
    assert.ok((await underAttack(target, client, ['/', trapBody], context)) >= WANTED);
  });

  test('what may not be repeated is not, and says so', async () => {
    const target = await deploy('once');
    const write = target.call('/', { body: 'small' });
    await setTimeout(40);
    const [trapped, written] = await Promise.all([target.call('/?trap'), write]);
    assert.equal(trapped.code, 'function_trapped');
    assert.deepEqual([written.status, written.code], [502, 'executor_failed']);
  });
});
