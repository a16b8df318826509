import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from '../program.ts';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];

test('a private CA: what to do is said, and --ca or POPMESH_CA does it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-ca-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const at = (file: string): string => join(folder, file);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl('req', '-x509', ...KEY, '-subj', '/CN=CA', '-keyout', at('ca.key'), '-out', at('ca.pem'));
  openssl('req', ...KEY, '-subj', '/CN=node', '-keyout', at('key.pem'), '-out', at('csr.pem'));
  writeFileSync(at('ext'), 'subjectAltName=IP:127.0.0.1\n');
  const sign = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '1'];
  openssl(
    ...[
      'x509',
      '-req',
      '-in',
      at('csr.pem'),
      ...sign,
      '-extfile',
      at('ext'),
      '-out',
      at('cert.pem'),
    ],
  );
  const server = createServer(
    { cert: readFileSync(at('cert.pem')), key: readFileSync(at('key.pem')) },
    (_, response) => response.end('{"functions":[]}'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;

  // In this order, since what is believed is so for a whole process: this one.
  const run = async (env: Record<string, string>, ...args: string[]) => {
    let stdout = '';
    await runCli(['list', '--json', ...args], {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: () => {} },
      env: { HOME: folder, ...env },
      cwd: folder,
      now: Date.now,
      ask: undefined,
      interrupted: new AbortController().signal,
    });
    return JSON.parse(stdout) as {
      functions?: unknown[];
      error?: { code: string; message: string; hint: string };
    };
  };
  const api = ['--api', `https://127.0.0.1:${port}`];
  assert.match((await run({}, ...api)).error?.hint ?? '', /give the mesh's with --ca/);
  assert.equal((await run({}, ...api, '--ca', 'key.pem')).error?.code, 'invalid_config');
  assert.equal((await run({}, ...api, '--ca', 'no.pem')).error?.code, 'invalid_config');
  assert.deepEqual((await run({ POPMESH_CA: at('ca.pem') }, ...api)).functions, []);
  assert.deepEqual((await run({}, ...api, '--ca', 'ca.pem')).functions, []);
  const other = await run({}, '--api', `https://localhost:${port}`, '--ca', 'ca.pem');
  assert.match(other.error?.hint ?? '', /does not name localhost/);
  server.closeAllConnections();
});
