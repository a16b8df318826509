/** Why a member is not in the mesh stands in its log within seconds, and it does not say ready. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../process.ts';
import { type Member, Members } from './members.ts';

const OPENSSL = '/usr/bin/openssl';
const skip = existsSync(OPENSSL) ? undefined : `${OPENSSL} is not there`;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

const openssl = (...args: string[]): void => {
  execFileSync(OPENSSL, args, { stdio: 'pipe' });
};

describe('failures to join', { skip }, () => {
  let members: Members;
  let first: Member;

  const at = (file: string): string => join(members.directory, file);

  function authority(name: string): void {
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, ...files);
  }

  /** Lines of the configuration for a certificate of that kind. */
  function certificate(name: string, ca: string, extension: string, days = '1'): string[] {
    const [key, csr, pem, ext] = ['key', 'csr', 'pem', 'ext'].map((end) => at(`${name}.${end}`));
    openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', `${key}`, '-out', `${csr}`);
    writeFileSync(`${ext}`, extension);
    const by = ['-CA', at(`${ca}.pem`), '-CAkey', at(`${ca}.key`), '-CAcreateserial'];
    const out = ['-days', days, '-extfile', `${ext}`, '-out', `${pem}`];
    openssl('x509', '-req', '-in', `${csr}`, ...by, ...out);
    return ['[tls]', `cert = "${pem}"`, `key = "${key}"`, `ca = "${at(`${ca}.pem`)}"`];
  }

  before(async () => {
    members = await Members.create();
    authority('ours');
    authority('theirs');
    first = await members.startNode('first', {
      id: 'first',
      config: certificate('first', 'ours', 'subjectAltName=IP:127.0.0.1'),
    });
    await first.untilReady();
  });

  after(() => members.stop());

  const IP = 'subjectAltName=IP:127.0.0.1';
  const cases: readonly [name: string, config: () => string[], why: RegExp][] = [
    ['wrong-ca', () => certificate('wrong-ca', 'theirs', IP), /certificate|self.signed|issuer/i],
    [
      'expired',
      () => certificate('expired', 'ours', IP, '-1'),
      /certificate of this member expired at/,
    ],
    [
      'server-only',
      () => certificate('server-only', 'ours', `${IP}\nextendedKeyUsage=serverAuth`),
      /may not be used for clientAuth/,
    ],
    ['plain', () => [], /./],
  ];

  test('each is told, with its reason, and the member is not ready', async (t) => {
    const started = cases.map(async ([name, config, why]) => {
      const lines = config();
      const member = await members.startNode(name, {
        id: name,
        seeds: [first.at('mesh')],
        config: lines,
      });
      const told = () => member.lines().find(({ msg }) => msg === 'the mesh could not be joined');
      await until(() => told() !== undefined, `${name} to say why`);
      // By its own clock: from its first word to this one.
      const times = [member.lines()[0]?.time, told()?.time].map((time) => Date.parse(String(time)));
      const tookMs = (times[1] ?? 0) - (times[0] ?? 0);
      t.diagnostic(`${name} after ${tookMs} ms: ${told()?.error}`);
      assert.equal(told()?.level, 'warn');
      assert.match(String(told()?.error), why);
      const { status, reason } = await member.readyz();
      assert.equal(status, 503);
      assert.match(reason, /no other member could be reached/);
      await until(() => /up, not ready yet: no other member/.test(member.log), 'the log to say so');
      assert.doesNotMatch(member.log, /popmesh node: ready/);
    });
    await Promise.all(started);
  });

  test('a certificate without the address of its member: its suspicion has a reason', async (t) => {
    const config = certificate('nameless', 'ours', 'subjectAltName=DNS:nameless.invalid');
    await members.startNode('nameless', { id: 'nameless', seeds: [first.at('mesh')], config });
    const told = () =>
      first.lines().find(({ msg, id }) => /does not answer us/.test(`${msg}`) && id === 'nameless');
    await until(() => told() !== undefined, 'the first to say why');
    t.diagnostic(String(told()?.error));
    assert.match(String(told()?.error), /IP|altname|certificate/i);
  });
});
