import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startGuest } from './build-guest.ts';
import { headers, messages, texts } from './cases.ts';
import { others } from './cases-others.ts';

/** Every case of cases.ts and cases-others.ts, in Node and in a real component. */

const groups = { headers, messages, texts, others };

const guest = startGuest({ file: fileURLToPath(new URL('./cases-guest.ts', import.meta.url)) });
let id = 0;

for (const [group, cases] of Object.entries(groups)) {
  for (const [name, run] of Object.entries(cases)) {
    test(`${group}: ${name} answers as Node does`, async () => {
      const { handle, host } = await guest;
      const expected = JSON.parse(JSON.stringify({ value: await run() }));
      const response = await handle(++id, {
        method: 'GET',
        url: `http://guest.test/${group}/${name}`,
        headers: '',
        body: { tag: 'none' },
      });
      assert.deepEqual(host.reports.splice(0), []);
      assert.equal(response.status, 200);
      assert.deepEqual(JSON.parse(String(response.body.val)), expected);
    });
  }
}
