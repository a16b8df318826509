import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, FunctionRecordSchema, HostClaimSchema } from '@popmesh/protocol';
import fc from 'fast-check';
import { Directory } from './directory.ts';
import { findFunction } from './request-target.ts';

const directory = new Directory('example.net');
for (const [namespace, name, ...paths] of [
  ['alice', 'echo', '/*'],
  ['alice', 'admin', '/admin/*', '/exact'],
  ['bob', 'shop'],
] as const) {
  directory.apply({
    id: `${namespace}/${name}`,
    revision: 1n,
    record: create(FunctionRecordSchema, {
      namespace,
      name,
      versions: [
        {
          number: 1,
          acceptedRevision: 1n,
          config: { routes: paths.map((path) => ({ host: 'alice.example', path })) },
        },
      ],
      lastVersion: 1,
    }),
  });
}
directory.applyClaim(create(HostClaimSchema, { host: 'alice.example', namespace: 'alice' }));

const find = (host: string, url: string): string => {
  const found = findFunction(directory, host, url);
  return typeof found === 'object' ? `${found.entry.id} ${found.path}` : (found ?? 'none');
};

test('a path that leads elsewhere once it is read is refused', () => {
  for (const [host, url] of [
    ['1.1.1.1', '/alice/echo/../../bob/shop/x'],
    ['1.1.1.1', '/alice/echo/%2e%2e/%2E%2e/bob/shop/x'],
    ['1.1.1.1', '/alice/echo/.%2e/../bob/shop'],
    ['1.1.1.1', '/alice/echo/../admin/x'],
    ['1.1.1.1', '/alice/echo/..'],
    ['1.1.1.1', '/alice/echo/../echo/x'],
    ['1.1.1.1', '/./alice/echo/'],
    ['1.1.1.1', '/alice/echo\\..\\..\\bob\\shop'],
    ['1.1.1.1', '/alice/echo/x#/../..'],
    ['alice.example', '/x/../admin/users'],
    ['alice.example', '/admin/../x'],
    ['alice.example', '/./exact'],
    ['alice.example', '\\admin/x'],
    ['alice.example', '/x\\y?a=1'],
    ['alice.example', '/x?a=1#/../y'],
    ['alice.example', '/exact#x'],
    ['alice.example', '/admin/..?a=/./'],
  ] as const) {
    assert.equal(find(host, url), 'ambiguous', url);
  }
});

test('what is the same in both readings goes on as it was sent', () => {
  for (const [host, url, found] of [
    ['1.1.1.1', '/alice/echo/a/../b', 'alice/echo /a/../b'],
    ['1.1.1.1', '/alice/echo/./', 'alice/echo /./'],
    ['1.1.1.1', '/alice/echo//bob/shop', 'alice/echo //bob/shop'],
    ['1.1.1.1', '/alice/echo/a?x=/../y', 'alice/echo /a?x=/../y'],
    ['1.1.1.1', '/alice/echo/a?path=C:\\x\\..\\y', 'alice/echo /a?path=C:\\x\\..\\y'],
    ['alice.example', '/admin?re=\\d+', 'alice/admin /admin?re=\\d+'],
    ['1.1.1.1', '/alice/echo/..%2f..%2fbob%2fshop', 'alice/echo /..%2f..%2fbob%2fshop'],
    ['1.1.1.1', '/alice/echo/%5c..%5cx', 'alice/echo /%5c..%5cx'],
    ['1.1.1.1', '/alice/echo/.well-known/x', 'alice/echo /.well-known/x'],
    ['1.1.1.1', '/alice/echo/a..b/...', 'alice/echo /a..b/...'],
    ['1.1.1.1', '//alice/echo/x', 'none'],
    ['alice.example', '/x/../y', 'alice/echo /x/../y'],
    ['alice.example', '/admin/a/../b', 'alice/admin /admin/a/../b'],
    ['alice.example', '/admin%2fx', 'alice/echo /admin%2fx'],
    ['alice.example', '//admin/x', 'alice/echo //admin/x'],
    ['echo.alice.example.net', '/../../bob/shop', 'alice/echo /../../bob/shop'],
    ['alice.example', '/../x', 'alice/echo /../x'],
  ] as const) {
    assert.equal(find(host, url), found, url);
  }
});

test('whatever the target: the function that gets it is the one that its reading names', () => {
  const part = fc.constantFrom(
    'alice',
    'bob',
    'echo',
    'shop',
    'admin',
    'exact',
    '.',
    '..',
    '%2e',
    '.%2E',
    '',
    '%2f',
    'x',
  );
  const target = fc
    .tuple(fc.array(part, { minLength: 1, maxLength: 7 }), fc.constantFrom('', '?a=/../b'))
    .map(([parts, query]) => `/${parts.join('/')}${query}`);
  fc.assert(
    fc.property(target, fc.constantFrom('1.1.1.1', 'alice.example'), (url, host) => {
      const found = findFunction(directory, host, url);
      if (found === 'ambiguous') return;
      const [path = '', query = ''] = url.split(/(?=\?)/);
      const read = directory.find(host, new URL(`http://h${path}`).pathname + query);
      assert.equal(found?.entry, read?.entry);
      if (found === undefined) return;
      // What the function's own URL parser makes of it.
      const [seen = ''] = found.path.split('?');
      assert.equal(new URL(`http://h${seen}`).pathname + query, read?.path);
    }),
    { numRuns: 2000 },
  );
});
