import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, openRig, prepareFixture, readAll } from './fixture.ts';

/**
 * Where jco's text is not the known one, its own way is taken, for one function or for all:
 * slower, and right. Components of other toolchains and the next jco may come to this.
 */

const never = new AbortController().signal;

const CHANGES: Readonly<Record<string, (glue: string) => string>> = {
  'nothing is lowered': (glue) => `${glue}\n// as with a second component within: instanceFlags1\n`,
  'a function that waits is not lowered': (glue) =>
    glue.replace('= async function(arg0, arg1, arg2) {', '= async function(arg0, arg1, arg2 ) {'),
  'functions that do not wait are not lowered': (glue) =>
    glue.replace(/\b(rsc0\.(?:entries|consume|write|body|checkWrite))\(\)/g, '$1( )'),
};

for (const [name, change] of Object.entries(CHANGES)) {
  test(`${name}: a guest answers, echoes, waits, logs, traps and ends`, async (t) => {
    let changed = false;
    const fixture = await prepareFixture((glue) => {
      const made = change(glue);
      changed = made !== glue;
      return made;
    });
    t.after(() => fixture.close());
    assert.ok(changed, 'the text to change is not there any more');
    const { instance, logs, retained } = await openRig(fixture.files, { GREETING: 'Hej' });
    const text = async (path: string, id: number): Promise<string> =>
      String(await readAll((await instance.handle(id, get(path), never)).body));
    const greeting = 'Hej from Rust in the middle of nowhere\n';
    for (let call = 0; call < 20; call++) assert.equal(await text('/', call), greeting);
    const bytes = Buffer.alloc(300_000, 'abcdefg');
    const request = { ...get('/echo'), body: { kind: 'bytes' as const, bytes } };
    const { body } = await instance.handle(30, request, never);
    assert.ok(bytes.equals(await readAll(body)));
    assert.deepEqual(await Promise.all([text('/sleep?5', 31), text('/', 32), text('/log', 33)]), [
      'slept 5 ms\n',
      greeting,
      'look at: popmesh logs hello-rust\n',
    ]);
    assert.deepEqual(
      logs.map(({ requestId }) => requestId),
      [33, 33],
    );
    await assert.rejects(instance.handle(40, get('/panic'), never), { code: 'function_trapped' });
    assert.equal(instance.broken, true);
    assert.equal(retained.size, 0);
    const other = await openRig(fixture.files);
    const sleeping = other.instance.handle(1, get('/sleep?60000'), never);
    setImmediate(() => other.instance.dispose());
    await assert.rejects(sleeping, { code: 'cancelled' });
  });
}
