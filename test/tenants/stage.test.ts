/**
 * A tenant who has broken out of its executor, with that process's user: its private folder is a
 * way to nothing, its neighbours' files are what they were, and one component in the place of
 * another is found when it is loaded.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildGuest, countingGuest } from '../../packages/runtime/src/testing/guests.ts';
import { isAlive } from '../hostile/process-facts.ts';
import { Subject, Target } from '../hostile/subject.ts';
import { until } from '../integration/process.ts';

const JAILBREAK = join(import.meta.dirname, '../../packages/runtime/src/testing/jailbreak.ts');
const skip = process.getuid?.() !== 0 && 'needs root: executors have users of their own only then';

describe('with the user of an executor', { skip }, () => {
  let subject: Subject;
  let executors: string;
  const pids = new Map<string, number>();

  before(async () => {
    subject = await Subject.start();
    executors = join(subject.mesh.dataDirectoryOf('fra-1'), 'runtime', 'executors');
    for (const tenant of ['alice', 'mallory']) {
      const others = subject.executors();
      await subject.deploy(`${tenant}/fn`, await buildGuest(countingGuest(tenant)));
      assert.match(await answer(tenant), new RegExp(`^${tenant} `));
      pids.set(tenant, subject.executors().find((it) => !others.includes(it)) ?? 0);
    }
  });
  after(() => subject?.stop());

  const answer = async (tenant: string): Promise<string> =>
    (await (await Target.of(subject, `${tenant}/fn`)).call('/')).text;
  const uidOf = (tenant: string): number =>
    Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pids.get(tenant)}/status`, 'utf8'))?.[1]);
  const stageOf = (tenant: string): string => {
    const gid = uidOf(tenant);
    const own = readdirSync(executors).find((it) => statSync(join(executors, it)).gid === gid);
    assert.ok(own !== undefined, `${tenant} has no folder`);
    return join(executors, own);
  };

  test('nothing can be planted, and what the daemon does next changes nothing elsewhere', async (context) => {
    const uid = uidOf('mallory');
    if (uid === 0) return context.skip('other users cannot come to the code here');
    const stage = stageOf('mallory');
    const [component = ''] = readdirSync(stage);
    const elsewhere = join(subject.mesh.directory, 'elsewhere');
    mkdirSync(elsewhere, { mode: 0o700 });
    const args = [stage, component, 'manifest.json', elsewhere];
    const child = fork(JAILBREAK, args, { uid, gid: uid, env: {} });
    const [possible] = await once(child, 'message');
    assert.deepEqual(possible, ['read']);
    await subject.deploy('mallory/again', await buildGuest(countingGuest('again')));
    await subject.deploy('alice/again', await buildGuest(countingGuest('again')));
    assert.deepEqual(readdirSync(elsewhere), []);
    assert.equal(statSync(elsewhere).mode & 0o777, 0o700);
    assert.match(await answer('alice'), /^alice /);
    context.diagnostic(`of 11 things that uid ${uid} tried, possible: ${possible}`);
  });

  test('one component in the place of another is found when it is loaded', async () => {
    const [mine = ''] = readdirSync(stageOf('mallory'));
    const stage = stageOf('alice');
    const names = readdirSync(stage).filter((it) => it !== mine);
    for (const name of names) {
      rmSync(join(stage, name), { recursive: true });
      cpSync(join(stageOf('mallory'), mine), join(stage, name), { recursive: true });
    }
    const pid = pids.get('alice') ?? 0;
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid), 'the executor to be gone');
    await until(async () => {
      const target = await Target.of(subject, 'alice/fn');
      const { status, text } = await target
        .call('/', { alone: true })
        .catch(() => ({ status: 0, text: '' }));
      assert.doesNotMatch(text, /mallory/);
      return status === 200;
    }, 'it to answer again');
  });
});
