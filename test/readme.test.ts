/** Every command and snippet of README.md, run as a newcomer would, against a real `npm start`. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../scripts/free-port.ts';
import { canConnect, until } from './integration/process.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
/** A guard against hanging, for machines of any speed. */
const COMMAND_MS_MAX = 400_000;

const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1] as string,
  );

interface Ran {
  readonly code: number;
  readonly output: string;
}

describe('README.md', () => {
  const shell = blocks('sh');
  let folder: string;
  let port: number;
  let mesh: ChildProcess;
  let screen = '';

  /** As typed, but on our port and from a folder of our own. */
  const adapted = (block: string): string =>
    block.replaceAll('8080', String(port)).replaceAll('$PWD', root);

  const run = (block: string, preamble = ''): Promise<Ran> =>
    new Promise((resolve, reject) => {
      const script = `shopt -s expand_aliases\nset -e\n${preamble}\n${adapted(block)}`;
      const child = spawn('bash', ['-c', script], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: COMMAND_MS_MAX,
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          output += chunk;
        });
      }
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? -1, output }));
    });

  const alias = (): string =>
    (/^alias .*$/m.exec(readme) as RegExpExecArray)[0].replaceAll('$PWD', root);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'popmesh-readme-'));
    port = await freePort();
    mesh = spawn(
      'npm',
      ['start', '--', '--port', String(port), '--state', join(folder, '.popmesh')],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    for (const stream of [mesh.stdout, mesh.stderr]) {
      stream?.on('data', (chunk) => {
        screen += chunk;
      });
    }
    await until(() => {
      if (mesh.exitCode !== null) throw new Error(`npm start ended:\n${screen}`);
      // Its last line: the first appears while the rest is still being written.
      return /popmesh is up[\s\S]*Ctrl-C ends everything/.test(screen);
    }, 'the screen of npm start');
  });

  after(async () => {
    if (mesh.exitCode === null) process.kill(-(mesh.pid as number), 'SIGINT');
    await until(() => mesh.exitCode !== null || mesh.signalCode !== null, 'npm start to end');
    assert.match(screen, /nothing is left running/);
    assert.equal(await canConnect(port), false);
    rmSync(folder, { recursive: true, force: true });
  });

  test('has the commands that this test knows how to run', () => {
    assert.deepEqual(
      shell.map((block) => block.split('\n')[0]),
      [
        'npm start',
        'npm test',
        "curl -i -H 'popmesh-client-location: 52.52,13.40' http://hello-js.localhost:8080/",
        'alias popmesh="$PWD/scripts/popmesh.mjs"',
        'popmesh init my-function --lang ts',
      ],
    );
    // This very run is `npm test`; running it from inside would never end.
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    assert.equal(scripts.test, 'node scripts/test.mjs');
    assert.match(readFileSync(join(root, '.ci/run'), 'utf8'), /^npm test$/m);
  });

  test('the screen shows what is promised', () => {
    for (const text of [
      'hello-js.localhost',
      'hono-app.localhost',
      'hello-rust.localhost',
      'kill -9',
      'deploy',
    ]) {
      assert.ok(screen.includes(text), `${text} is missing:\n${screen}`);
    }
    assert.match(screen, /popmesh is up.* in [\d.]+ s/);
  });

  test('Berlin, New York and Tokyo are answered from their places', async () => {
    const { code, output } = await run(shell[2] as string);
    assert.equal(code, 0, output);
    const pops = [...output.matchAll(/^popmesh-pop: (\w+)/gm)].map((match) => match[1]);
    assert.deepEqual(pops, ['fra', 'iad', 'sin'], output);
    assert.equal(output.match(/^HTTP\/1\.1 200/gm)?.length, 3, output);
  });

  test('Singapore is killed, the next place answers, and it comes back', async () => {
    // All the while, since for how long it is away depends on the machine.
    let asking = true;
    const headers = { 'popmesh-client-location': '35.68,139.69' };
    const asked = (async (): Promise<(string | null)[]> => {
      const pops: (string | null)[] = [];
      while (asking) {
        const answer = await fetch(`http://127.0.0.1:${port}/default/hello-rust/`, { headers });
        await answer.text();
        assert.equal(answer.status, 200);
        pops.push(answer.headers.get('popmesh-pop'));
      }
      return pops;
    })();
    asked.catch(() => {});
    const { code, output } = await run(shell[3] as string);
    assert.equal(code, 0, output);
    assert.match(output, /^HTTP\/1\.1 200/m);
    await until(() => /sin-1 is back/.test(screen), 'Singapore to be back');
    asking = false;
    const pops = await asked;
    // The executor outlives its daemon for the moment that it takes to notice, and answers.
    assert.ok(
      pops.some((pop) => pop !== 'sin'),
      'another place answered for Tokyo',
    );
  });

  test('a function of one’s own is made, deployed and answers', async () => {
    const { code, output } = await run(shell[4] as string, alias());
    assert.equal(code, 0, output);
    assert.match(output, /http:\/\/my-function\.localhost/);
  });

  test('the TypeScript snippet is a function', async () => {
    const [snippet, ...more] = blocks('ts');
    assert.equal(more.length, 0);
    writeFileSync(join(folder, 'my-function', 'index.ts'), snippet as string);
    const { code, output } = await run(
      'popmesh deploy my-function\ncurl -s http://my-function.localhost:8080/there',
      alias(),
    );
    assert.equal(code, 0, output);
    assert.match(output, /\{"hello":"\/there"\}/);
  });

  test('the other commands it names exist', async () => {
    const names = [...readme.matchAll(/`popmesh ([a-z]+)/g)].map((match) => match[1] as string);
    const { output } = await run('popmesh --help', alias());
    for (const name of new Set([
      ...names,
      'list',
      'status',
      'versions',
      'gateway',
      'mesh',
      'delete',
    ])) {
      assert.match(output, new RegExp(`^\\s+${name}\\b`, 'm'), name);
    }
    for (const [, path] of readme.matchAll(/\]\(([^)#]+)\)/g)) {
      readFileSync(
        join(root, /\.\w+$/.test(path as string) ? (path as string) : `${path}/README.md`),
      );
    }
  });
});
