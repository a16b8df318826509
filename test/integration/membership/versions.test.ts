/**
 * Two nodes that each made a version 3 without knowing of the other end with both, on every disk
 * and in every audit log; and a node that cannot run the live version goes on with an older one
 * over kill -9 of its executors and of itself. Daemons are processes of their own.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../process.ts';
import { type Member, Members } from './members.ts';

const FN = 'default/hello';
const exampleWasm = join(import.meta.dirname, '../../../examples/hello-rust/hello-rust.wasm');
/** Less memory than the hungry version begins with. */
const SMALL = ['[runtime.limits.memory_mb]', 'default = 4', 'ceiling = 4'];

/** The example, whose memory is 8 MB at the start. */
function hungry(component: Uint8Array): Uint8Array {
  const bytes = Buffer.from(component);
  const at = bytes.indexOf(Buffer.from([5, 3, 1, 0, 17]));
  assert.ok(at > 0);
  bytes[at + 4] = 127;
  return new Uint8Array(bytes);
}

interface Version {
  readonly version: number;
  readonly was?: number;
  readonly live: boolean;
}

describe('versions of a split mesh', () => {
  const component = new Uint8Array(readFileSync(exampleWasm));
  let members: Members;
  let wide: Member;
  let small: Member;

  const startWide = (seeds: readonly string[] = []): Promise<Member> =>
    members.startNode('wide', { id: 'wide', seeds });
  const startSmall = (seeds: readonly string[] = []): Promise<Member> =>
    members.startNode('small', { id: 'small', seeds, config: SMALL });

  async function json<T>(member: Member, path: string, init: RequestInit = {}): Promise<T> {
    const response = await members.call(member, path, init);
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  async function deployed(member: Member, bytes: Uint8Array) {
    const response = await members.deploy(member, FN, bytes);
    const text = await response.text();
    assert.equal(response.status, 201, text);
    return JSON.parse(text) as { version: number; revision: string };
  }

  /** Straight to the data plane of the node, as a gateway does. */
  async function versionAt(member: Member): Promise<string> {
    const { nodes } = await json<{
      nodes: { id: string; dataPlanes: { namespace: string; address: string }[] }[];
    }>(member, '/v1/status');
    const plane = nodes.find(({ id }) => id === member.id)?.dataPlanes[0];
    if (plane === undefined) return 'no data plane';
    const answer = await fetch(`http://${plane.address}/${FN}/`).catch(() => undefined);
    await answer?.text();
    return answer?.status === 200
      ? (answer.headers.get('popmesh-version') ?? '')
      : `${answer?.status}`;
  }

  const untilServed = (member: Member, version: number): Promise<void> =>
    until(
      async () => (await versionAt(member)) === String(version),
      `${member.id} to serve version ${version}`,
    );

  const versions = async (member: Member): Promise<Version[]> =>
    (await json<{ versions: Version[] }>(member, `/v1/functions/${FN}/versions`)).versions;

  const audited = (name: string): string[] =>
    readFileSync(join(members.folder(name), 'data', 'audit.log'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { action: string; what: string })
      .filter(({ action }) => action === 'conflict')
      .map(({ what }) => what);

  before(async () => {
    members = await Members.create();
    wide = await startWide();
    await wide.untilReady();
    small = await startSmall([wide.at('mesh')]);
    await small.untilReady();
  });

  after(() => members.stop());

  test('a node that cannot run the live version serves the one before, whatever is killed', async () => {
    await deployed(wide, component);
    await Promise.all([untilServed(wide, 1), untilServed(small, 1)]);
    const second = await deployed(wide, hungry(component));
    await untilServed(wide, 2);
    await until(async () => {
      const { nodes } = await json<{ nodes: { id: string; state: string }[] }>(
        wide,
        `/v1/functions/${FN}/rollout?revision=${second.revision}`,
      );
      return nodes.some(({ id, state }) => id === 'small' && state === 'failed');
    }, 'the failure to be announced');
    assert.equal(await versionAt(small), '1');

    const { pid } = small.child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    for (const child of children.trim().split(' ')) process.kill(Number(child), 'SIGKILL');
    await untilServed(small, 1);

    await small.kill('SIGKILL');
    small = await startSmall([wide.at('mesh')]);
    await small.untilReady();
    assert.equal(await versionAt(small), '1');
    assert.equal(await versionAt(wide), '2');
  });

  test('both sides made version 3: both are kept under two numbers, and all are told', async () => {
    await wide.kill('SIGKILL');
    const there = await deployed(small, component);
    assert.equal(there.version, 3);
    await untilServed(small, 3);
    await small.kill('SIGKILL');
    wide = await startWide();
    await until(async () => (await members.call(wide, '/v1/status')).ok, 'the API of wide');
    const here = await deployed(wide, component);
    assert.equal(here.version, 3);

    small = await startSmall([wide.at('mesh')]);
    const late = await members.startNode('late', { id: 'late', seeds: [wide.at('mesh')] });
    for (const member of [wide, small, late]) {
      await until(async () => {
        const found = await members.call(member, `/v1/functions/${FN}/versions`);
        if (!found.ok) return false;
        const { versions: kept } = (await found.json()) as { versions: Version[] };
        return kept.length === 4;
      }, `${member.id} to hold all four`);
      const kept = await versions(member);
      assert.deepEqual(
        kept.map(({ version, was, live }) => [version, was, live]),
        [
          [4, 3, true],
          [3, undefined, false],
          [2, undefined, false],
          [1, undefined, false],
        ],
        member.id,
      );
      await until(() => audited(member.id).length > 0, `the audit line of ${member.id}`);
      assert.match(audited(member.id)[0] ?? '', /version 3 of .* and version 4 \(was 3\) of/);
      const { notices } = await json<{ notices: { kind: string }[] }>(
        member,
        `/v1/functions/${FN}`,
      );
      assert.deepEqual(
        notices.map(({ kind }) => kind),
        ['conflict'],
      );
    }
    for (const version of [3, 4]) {
      await json(wide, `/v1/functions/${FN}/rollback`, {
        method: 'POST',
        body: JSON.stringify({ version }),
      });
      await Promise.all([wide, small, late].map((member) => untilServed(member, version)));
    }
    const told = await json<{ warnings: string[] }>(
      wide,
      `/v1/functions/${FN}/rollout?revision=${there.revision}`,
    );
    assert.match(told.warnings[0] ?? '', /without knowing of each other/);
  });
});
