/**
 * Uploads that are broken on purpose: hundreds by hand, by cutting and by seeded mutation.
 * Each is refused with a code, or is valid and then runs within its limits; the daemon does
 * not notice, and takes a good one afterwards.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  dummyOf,
  functionPackage,
  WASI_VERSION,
  wasiPackages,
} from '../../packages/runtime/src/testing/host-worlds-source.ts';
import { byLength, sampled } from '../../scripts/test-length.ts';
import { until } from '../integration/process.ts';
import { boundariesOf, join, type Section, sectionsOf, withMemoryPages } from './binaries.ts';
import { factsOf, format, type ProcessFacts } from './process-facts.ts';
import { randomFrom } from './random.ts';
import { buildHostile, Subject, Target } from './subject.ts';
import { generatedUploads, type Upload } from './uploads-generated.ts';

const root = joinPath(import.meta.dirname, '../..');
const rust = new Uint8Array(readFileSync(joinPath(root, 'examples/hello-rust/hello-rust.wasm')));
const SEED = Number(process.env.HOSTILE_SEED ?? 20_261_121);
/** A token has two uploads at once. */
const AT_ONCE = 2;
const STATUS_OF: Readonly<Record<string, number>> = {
  invalid_component: 422,
  import_not_allowed: 422,
  payload_too_large: 413,
};

describe('hostile uploads', () => {
  let subject: Subject;
  let was: ProcessFacts;
  let refused = 0;

  before(async () => {
    subject = await Subject.start();
    await subject.deploy('good/first', rust);
    assert.equal((await (await Target.of(subject, 'good/first')).call('/')).status, 200);
    was = factsOf(subject.nodePid);
  });
  after(() => subject?.stop());

  /** Sends them, a few at once; gives back those that were taken. */
  async function send(uploads: readonly Upload[]): Promise<string[]> {
    const accepted: string[] = [];
    const waiting = [...uploads.entries()];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [at, { name, bytes, code }] = next;
        const id = `bad/upload-${at}`;
        const outcome = await subject.upload(id, bytes, { limits: { timeoutMs: 1_000 } });
        if (!('refused' in outcome)) {
          assert.equal(code, undefined, `${name} was accepted`);
          accepted.push(id);
          continue;
        }
        const { refused: no } = outcome;
        refused++;
        if (code !== undefined) assert.equal(no.code, code, `${name}: ${JSON.stringify(no)}`);
        assert.equal(no.status, STATUS_OF[no.code], `${name}: ${JSON.stringify(no)}`);
        assert.notEqual(no.message, '', name);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return accepted;
  }

  async function stillWell(): Promise<void> {
    assert.equal(subject.mesh.pidOf('fra-1'), subject.nodePid);
    assert.equal((await (await Target.of(subject, 'good/first')).call('/')).status, 200);
  }

  test('made by hand: sizes, counts, depths, names, imports', async (context) => {
    const uploads = sampled(generatedUploads(), 2);
    context.diagnostic(`${uploads.length} components`);
    await send(uploads);
    await stillWell();
  });

  test('a real component, cut or altered at each of its sections', async (context) => {
    const at = boundariesOf(rust);
    const random = randomFrom(SEED);
    const uploads = sampled(at.slice(0, -1), 4).flatMap((offset): Upload[] => {
      const altered = rust.slice();
      const change = [[99], [0, 0xff, 0xff, 0xff, 0xff, 0x0f], [4, 0xff, 0xff, 0xff, 0x7f]];
      altered.set(change[random(change.length)] ?? [], offset);
      return [
        // What follows the last export is for people only: without it, it is whole.
        { name: `cut at ${offset}`, bytes: rust.slice(0, offset) },
        { name: `altered at ${offset}`, bytes: altered, code: 'invalid_component' },
      ];
    });
    context.diagnostic(`${uploads.length} components, ${at.length - 1} sections`);
    assert.ok(uploads.length >= byLength(100, 400), `${uploads.length}`);
    const whole = await send(uploads);
    assert.ok(whole.length <= 5, `${whole.length} cut ones were accepted`);
    await stillWell();
  });

  test('seeded mutations: refused, or valid and then within limits', async (context) => {
    const random = randomFrom(SEED);
    context.diagnostic(`HOSTILE_SEED=${SEED}`);
    const sections = sectionsOf(rust);
    const header = rust.subarray(0, 8);
    const uploads: Upload[] = [];
    const pick = (): number => random(sections.length);
    for (let i = 0; i < byLength(2, 5); i++) {
      const [a, b] = [pick(), pick()];
      const [first, second] = [sections[a] as Section, sections[b] as Section];
      uploads.push(
        { name: `without section ${a}`, bytes: join(header, sections.toSpliced(a, 1)) },
        { name: `section ${a} twice`, bytes: join(header, sections.toSpliced(a, 0, first)) },
        {
          name: `sections ${a} and ${b} changed`,
          bytes: join(header, sections.with(a, second).with(b, first)),
        },
      );
    }
    for (let i = 0; i < byLength(3, 10); i++) {
      const bytes = rust.slice();
      const flips = 1 + random(4);
      for (let flip = 0; flip < flips; flip++) bytes[random(bytes.length)] = random(256);
      uploads.push({ name: `flips ${i}`, bytes });
    }
    const accepted = await send(uploads);
    context.diagnostic(`${uploads.length} components, ${accepted.length} of them valid`);
    for (const id of accepted) {
      const one = await Target.of(subject, id);
      const { status } = await one.call('/').catch(() => ({ status: 0 }));
      assert.ok([200, 404, 500, 502, 503, 504].includes(status), `${id}: ${status}`);
      await subject.mesh.control(`/v1/functions/${id}`, { method: 'DELETE' });
    }
    await stillWell();
  });

  test('more memory to begin with than the limit allows', async () => {
    const bytes = withMemoryPages(rust, 2_049);
    await send([{ name: '2,049 pages of 2,048', bytes, code: 'invalid_component' }]);
    const [id] = await send([{ name: '100 pages', bytes: withMemoryPages(rust, 100) }]);
    assert.notEqual(id, undefined);
    await subject.mesh.control(`/v1/functions/${id}`, { method: 'DELETE' });
  });

  test('a function of the host that is not there: import_not_allowed', async () => {
    const js = Buffer.from(await buildHostile());
    const other = Buffer.from(
      js.toString('latin1').replaceAll('timer-cancel', 'timer-kancel'),
      'latin1',
    );
    await send([{ name: 'timer-kancel', bytes: other, code: 'import_not_allowed' }]);
    await stillWell();
  });

  test('functions of the host with other types, each named: import_not_allowed', async () => {
    const proxy = `package a:b;\nworld w { include wasi:http/proxy@${WASI_VERSION}; }\n`;
    const changed: [string, string, string, string][] = [
      ['retain', functionPackage(), 'retain: func(id: u32)', 'retain: func(id: string)'],
      ['compress', functionPackage(), 'input: u32) -> u32', 'input: u32) -> u64'],
      ['get-stdout', proxy + wasiPackages(), 'get-stdout: func()', 'get-stdout: func(a: u8)'],
      ['evil', proxy + wasiPackages(), 'get-stdout: func()', 'evil: func(); get-stdout: func()'],
    ];
    for (const [at, [name, wit, from, to]] of changed.entries()) {
      assert.ok(wit.includes(from), from);
      const bytes = await dummyOf(wit.replace(from, to), at < 2 ? 'function' : 'w');
      const outcome = await subject.upload(`bad/types-${at}`, bytes);
      assert.ok('refused' in outcome, name);
      const { status, code, message } = outcome.refused;
      assert.deepEqual({ status, code }, { status: 422, code: 'import_not_allowed' }, message);
      assert.ok(message.includes(`"${name}"`), message);
    }
    await stillWell();
  });

  test('more bytes than a component may have: 413 payload_too_large', async () => {
    const bytes = Buffer.concat([rust, new Uint8Array(51 << 20)]);
    await send([{ name: '51 MB', bytes, code: 'payload_too_large' }]);
    await stillWell();
  });

  test('afterwards a good one is taken, and all is as it was', async (context) => {
    context.diagnostic(`${refused} refused`);
    assert.ok(refused >= byLength(150, 600), `${refused}`);
    await subject.deploy('good/second', rust);
    assert.equal((await (await Target.of(subject, 'good/second')).call('/')).status, 200);
    const children = () => subject.children().length;
    await until(() => children() === subject.executors().length, 'no child to be left');
    const handles = () => factsOf(subject.nodePid).handles;
    await until(() => handles() <= was.handles + 16, 'handles to be closed');
    const now = factsOf(subject.nodePid);
    context.diagnostic(`the daemon: ${format(was)} before, ${format(now)} after`);
    assert.ok(now.rssMb <= was.rssMb + 200, 'memory');
  });
});
