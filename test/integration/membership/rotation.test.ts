/**
 * A node that was replaced, wiped, or had a wrong clock is back in rotation, and one
 * that may not serve is out and says why. One mesh for all of it: three nodes, a
 * gateway, a nats-server. How long each took is in the diagnostics; the bounds
 * themselves are asserted on virtual time, in packages/gossip.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { findNatsServer } from '../../../packages/cli/src/index.ts';
import { freePort } from '../../../scripts/free-port.ts';
import { canConnect, until } from '../process.ts';
import { type Member, type MemberOptions, Members } from './members.ts';

const WASM = join(import.meta.dirname, '../../../examples/hello-rust/hello-rust.wasm');
const HELLO = 'default/hello';
const MINUTE_MS = 60_000;
/** The node that things happen to is the nearest to this place. */
const NEAR_THIRD = '50,139';

describe('back in rotation', () => {
  let members: Members;
  let nats: ChildProcess;
  let natsPort: number;
  let [first, second, third, gateway]: Member[] = [];
  const component = new Uint8Array(readFileSync(WASM));

  const optionsOf = (id: string): MemberOptions => ({
    id,
    seeds: [first, second].flatMap((member) => (member === undefined ? [] : [member.at('mesh')])),
    longitude: id === 'third' ? 139 : 8,
    config: ['gossip.id_wait_ms = 20_000', '[nats]', `url = "nats://127.0.0.1:${natsPort}"`],
  });

  const startThird = (name: string, more: Partial<MemberOptions> = {}): Promise<Member> =>
    members.startNode(name, { ...optionsOf('third'), ...more });

  before(async () => {
    members = await Members.create();
    natsPort = await freePort();
    const store = members.folder('nats');
    mkdirSync(store);
    const args = ['-a', '127.0.0.1', '-p', String(natsPort), '-js', '-sd', store];
    nats = spawn(findNatsServer().path, args, { stdio: 'ignore' });
    await until(() => canConnect(natsPort), 'nats-server to listen');
    first = await members.startNode('first', optionsOf('first'));
    [second, third, gateway] = await Promise.all([
      members.startNode('second', optionsOf('second')),
      members.startNode('third', optionsOf('third')),
      members.startGateway('gateway', { id: 'gateway', seeds: [first.at('mesh')] }),
    ]);
    await Promise.all([first, second, third, gateway].map((member) => member.untilReady()));
    const deployed = await members.deploy(first, HELLO, component);
    assert.equal(deployed.status, 201, await deployed.text());
    await untilInRotation(third);
  });

  after(async () => {
    await members.stop();
    nats.kill('SIGKILL');
  });

  /** The node that answered; empty when none did. */
  const get = async (location: string): Promise<string> => {
    const response = await fetch(`http://${gateway?.at('address')}/${HELLO}/`, {
      headers: { 'popmesh-client-location': location },
    });
    await response.text();
    return response.status === 200 ? (response.headers.get('popmesh-node') ?? '') : '';
  };

  /** The others hold what this very process says, and the gateway sends it what is near. */
  async function untilInRotation(member: Member, t?: TestContext): Promise<void> {
    const sinceMs = performance.now();
    let seen = '';
    const isIn = async (): Promise<boolean> => {
      const status = await members.statusOf(first as Member, 'third');
      const by = await get(NEAR_THIRD);
      seen = JSON.stringify({ status, by, pid: member.child.pid });
      return status?.pid === member.child.pid && status?.state === 'ready' && by === 'third';
    };
    await until(isIn, 'the third to be in rotation').catch((error) => {
      throw new Error(`${error.message}: ${seen}\n${member.log.slice(-3000)}`);
    });
    t?.diagnostic(`back in rotation after ${Math.round(performance.now() - sinceMs)} ms`);
  }

  const untilElsewhere = (): Promise<void> =>
    until(
      async () => /^(?:first|second)$/.test(await get(NEAR_THIRD)),
      'the gateway to send it nothing',
    );

  const untilSaid = (member: Member, text: RegExp): Promise<void> =>
    until(() => text.test(member.log), `${member.id} to say ${text}`);

  test('a second process with one id waits, disturbs nobody, and takes over from one that drains', async (t) => {
    const old = third as Member;
    const young = await startThird('third-b');
    await untilSaid(young, /another process with this id is alive: waiting/);
    await untilSaid(old, /another process with this id was started/);
    const { status, reason } = await young.readyz();
    assert.equal(status, 503);
    assert.match(reason, /another process with the id third is alive at 127\.0\.0\.1:/);
    assert.equal((await old.readyz()).status, 200);
    assert.equal((await members.statusOf(first as Member, 'third'))?.pid, old.child.pid);
    assert.equal(await get(NEAR_THIRD), 'third');
    old.child.kill('SIGTERM');
    await untilInRotation(young, t);
    assert.equal(await old.exited, 0);
    assert.equal((await young.readyz()).status, 200);
    third = young;
  });

  test('the younger of two ends with code 2 when the older stays; gateways alike', async () => {
    const config = ['gossip.id_wait_ms = 1000'];
    const [node, twin] = await Promise.all([
      startThird('third-c', { config }),
      members.startGateway('gateway-b', {
        id: 'gateway',
        seeds: [(first as Member).at('mesh')],
        config,
      }),
    ]);
    for (const [member, older] of [
      [node, third],
      [twin, gateway],
    ] as const) {
      assert.equal(await member.exited, 2, member.log);
      const why = `another process with the id ${member.id} is alive at ${older?.at('mesh')}`;
      assert.ok(member.log.includes(why), `${why}\n${member.log}`);
      assert.match(member.log, /"id_in_use"/);
    }
    assert.equal(await get(NEAR_THIRD), 'third');
  });

  test('a wiped disk and a clock 3 minutes behind', async (t) => {
    await third?.kill();
    third = await startThird('third-d', { offsetMs: -3 * MINUTE_MS });
    await untilInRotation(third, t);
  });

  test('a clock 10 minutes ahead: not ready, its writes are refused, and corrected it is back', async (t) => {
    await third?.kill();
    const skewed = await startThird('third-d', { offsetMs: 10 * MINUTE_MS });
    third = skewed;
    const status = () => members.statusOf(first as Member, 'third');
    await until(async () => (await status())?.pid === skewed.child.pid, 'its announcement');
    await until(async () => /ms ahead of/.test((await skewed.readyz()).reason), 'readyz to say so');
    assert.equal((await skewed.readyz()).status, 503);
    await until(async () => /ms ahead of/.test((await status())?.notReadyReason ?? ''), 'status');
    const aheadMs = (await status())?.clockAheadMs ?? 0;
    assert.ok(Math.abs(aheadMs - 10 * MINUTE_MS) < 5000, `${aheadMs}`);
    await untilElsewhere();

    const refused = await members.deploy(skewed, 'default/other', component);
    const { error } = (await refused.json()) as {
      error: { code: string; details: { aheadMs: number } };
    };
    assert.deepEqual([refused.status, error.code], [503, 'clock_skewed']);
    assert.ok(Math.abs(error.details.aheadMs - 10 * MINUTE_MS) < 5000);
    const metrics = await (await fetch(`http://${skewed.at('api')}/metrics`)).text();
    const metric = Number(/^popmesh_clock_ahead_ms (-?\d+)/m.exec(metrics)?.[1]);
    assert.ok(Math.abs(metric - 10 * MINUTE_MS) < 5000, `${metric}`);
    for (const member of [first, second]) {
      assert.equal((await members.statusOf(member as Member, member?.id ?? ''))?.state, 'ready');
    }

    skewed.setClock(0);
    await untilInRotation(skewed, t);
    const accepted = await members.deploy(skewed, 'default/other', component);
    assert.equal(accepted.status, 201, await accepted.text());
  });

  test('a clock that jumps while its node serves takes it out, and back', async (t) => {
    const jumped = third as Member;
    jumped.setClock(-10 * MINUTE_MS);
    await until(async () => /ms behind/.test((await jumped.readyz()).reason), 'readyz to say so');
    const refused = await members.deploy(jumped, 'default/other', component);
    assert.equal(refused.status, 503, await refused.text());
    await untilElsewhere();
    jumped.setClock(0);
    await untilInRotation(jumped, t);
    // A gateway, too, says so; what it is asked meanwhile it answers.
    const wrong = gateway as Member;
    wrong.setClock(10 * MINUTE_MS);
    await until(async () => /ms ahead of/.test((await wrong.readyz()).reason), 'readyz to say so');
    assert.equal(await get(NEAR_THIRD), 'third');
    wrong.setClock(0);
    await wrong.untilReady();
  });

  test('all disks are restored from JetStream', async (t) => {
    await Promise.all([first, second, third].map((member) => member?.kill()));
    for (const name of ['first', 'second', 'third-d']) {
      rmSync(join(members.folder(name), 'data'), { recursive: true, force: true });
    }
    const seeds = [(gateway as Member).at('mesh')];
    [first, second, third] = await Promise.all([
      members.startNode('first', { ...optionsOf('first'), seeds }),
      members.startNode('second', { ...optionsOf('second'), seeds }),
      members.startNode('third-d', { ...optionsOf('third'), seeds }),
    ]);
    await untilInRotation(third, t);
    for (const id of ['first', 'second', 'third']) {
      await until(
        async () => (await members.statusOf(first as Member, id))?.state === 'ready',
        `${id} to be ready`,
      );
    }
  });
});
