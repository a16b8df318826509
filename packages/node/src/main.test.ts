import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compileCache } from '../../../scripts/test-environment.ts';
import type { NodeConfigInput } from './config.ts';
import { exampleComponent, TestMesh, until } from './testing/mesh.test-support.ts';

/** The node as a process of its own: what signals and a hard end do to it. */

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const HELLO = 'default/hello';

async function configFile(mesh: TestMesh, id: string): Promise<string> {
  const { dataDir, pop, mesh: keys }: NodeConfigInput = await mesh.config(id);
  const file = join(mesh.folder, `${id}.toml`);
  await writeFile(
    file,
    `id = "${id}"
data_dir = "${dataDir}"
[pop]
code = "${pop.code}"
region = "${pop.region}"
latitude = ${pop.latitude}
longitude = ${pop.longitude}
[mesh]
root_public_key = "${keys.rootPublicKey}"
identity_file = "${keys.identityFile}"
profile = "local"
[drain]
notice_ms = 10
`,
  );
  return file;
}

async function run(t: TestContext, file: string) {
  const startedMs = performance.now();
  const child = fork(main, ['--config', file], {
    execPath: process.execPath,
    env: {
      ...compileCache(),
      ...(process.env.NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS: process.env.NODE_OPTIONS }),
    },
    silent: true,
  });
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stderr);
  const errors = text(child.stderr);
  let soFar = '';
  child.stderr.on('data', (data) => {
    soFar += data;
  });
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  const ready = new Promise<{ api: string }>((resolve, reject) => {
    child.on('message', (message: { type: string; api: string }) => {
      if (message.type === 'ready') {
        t.diagnostic(`ready after ${Math.round(performance.now() - startedMs)} ms`);
        resolve(message);
      }
    });
    exit.then(() => reject(new Error('ended before it was ready')));
  });
  ready.catch(() => {});
  return { child, ready, exit, errors, log: () => soFar };
}

/** The parent is told after five seconds at most, which on a slow machine is too soon. */
const untilServing = (api: string) =>
  until(async () => (await fetch(`http://${api}/readyz`)).status === 200);

test('starts, serves, is killed, starts again with its functions, drains', async (t) => {
  const mesh = await TestMesh.create(t);
  const file = await configFile(mesh, 'one');
  const first = await run(t, file);
  const { api } = await first.ready;
  await untilServing(api);
  const authorization = `Bearer ${mesh.token}`;
  const form = new FormData();
  form.set('manifest', '{}');
  form.set('component', new Blob([Buffer.from(await exampleComponent())]));
  const deployed = await fetch(`http://${api}/v1/functions/${HELLO}/versions`, {
    method: 'POST',
    headers: { authorization },
    body: form,
  });
  assert.equal(deployed.status, 201, await deployed.text());
  first.child.kill('SIGKILL');
  await first.exit;

  const second = await run(t, file);
  const again = await second.ready;
  await untilServing(again.api);
  const status = (await (
    await fetch(`http://${again.api}/v1/status`, { headers: { authorization } })
  ).json()) as { nodes: { functionsReady: number; dataPlanes: { address: string }[] }[] };
  assert.equal(status.nodes[0]?.functionsReady, 1);
  const plane = status.nodes[0]?.dataPlanes[0]?.address;
  assert.match(await (await fetch(`http://${plane}/${HELLO}/`)).text(), /Hello/);

  // The folder has an owner, which a second process is told of.
  const rival = await run(t, file);
  assert.equal(await rival.exit, 2);
  assert.match(await rival.errors, new RegExp(`one is in use by process ${second.child.pid}\\n`));
  assert.match(await rival.errors, /folder_in_use/);

  // SIGHUP: what can change does, and a broken file changes nothing.
  const leaked = await mesh.issueToken({ namespaces: ['*'], jti: 'leaked' });
  const ask = async () =>
    (
      await fetch(`http://${again.api}/v1/status`, {
        headers: { authorization: `Bearer ${leaked}` },
      })
    ).status;
  const settings = await readFile(file, 'utf8');
  const hangUp = async (text: string, told: RegExp) => {
    await writeFile(file, text);
    second.child.kill('SIGHUP');
    await until(() => told.test(second.log()));
  };
  assert.equal(await ask(), 200);
  await hangUp(settings.replace('notice_ms = 10', 'notice_ms = "soon"'), /SIGHUP changed nothing/);
  assert.match(second.log(), /line \d+: drain\.notice_ms/);
  await hangUp(
    `${settings.replace('notice_ms = 10', 'notice_ms = 11')}[auth]\nrevoked_token_ids = ["leaked"]\n`,
    /"changed":\["auth\.revoked_token_ids"\],"needRestart":\["drain\.notice_ms"\]/,
  );
  assert.equal(await ask(), 401);
  await hangUp(settings, /"changed":\["auth\.revoked_token_ids"\],"needRestart":\[\]/);
  assert.equal(await ask(), 200);

  // The script that started us passes on what the whole group got: two copies are one signal.
  second.child.kill('SIGTERM');
  second.child.kill('SIGTERM');
  assert.equal(await second.exit, 0);
  const log = await second.errors;
  assert.doesNotMatch(log, /still held after the stop|closing failed/);
  assert.ok(!log.includes(mesh.token), 'a token in the log');
});

test('an identity that others can read is refused with exit code 2 and one clear error', async (t) => {
  const mesh = await TestMesh.create(t);
  const file = await configFile(mesh, 'one');
  await chmod(join(mesh.folder, 'one.identity.json'), 0o640);
  const { exit, errors } = await run(t, file);
  assert.equal(await exit, 2);
  assert.match(await errors, /can be read by others\nhint: .*chmod 600/);
});

test('a config with mistakes is refused with all of them', async (t) => {
  const mesh = await TestMesh.create(t);
  const file = join(mesh.folder, 'bad.toml');
  await writeFile(file, 'id = "No"\nsurprise = 1\n[listen]\nhost = "0.0.0.0"\n');
  const { exit, errors } = await run(t, file);
  assert.equal(await exit, 2);
  assert.match(await errors, /line 1: id: must be a DNS label[\s\S]*line 2: surprise: unknown key/);
});
