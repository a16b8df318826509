import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PopmeshError } from '@popmesh/contracts';
import fc from 'fast-check';
import { absoluteUrl, readRequestHead, splitPath } from './request-head.ts';
import { RESPONSE_HEAD_LIMITS, ResponseHeaders } from './response-head.ts';

describe('request heads', () => {
  test('control headers are taken, hop-by-hop ones dropped, the rest passed in order', () => {
    const head = readRequestHead(
      [
        'Host',
        'a.b',
        'POPMESH-Function',
        'ns/fn',
        'popmesh-timeout-ms',
        '250',
        'popmesh-pop',
        'fra',
        'Connection',
        'keep-alive',
        'Transfer-Encoding',
        'chunked',
        'Accept',
        '*/*',
      ],
      'PUT',
      '/x',
    );
    assert.deepEqual([head.method, head.target], ['PUT', '/x']);
    assert.equal(head.functionId, 'ns/fn');
    assert.equal(head.timeoutMs, 250);
    assert.equal(head.chunked, true);
    assert.equal(head.lines, 'host: a.b\npopmesh-pop: fra\naccept: */*\n');
  });

  test('the short way to a URL gives what the long way gives', () => {
    const targets = fc.oneof(
      fc.webPath().map((path) => (path.startsWith('/') ? path : `/${path}`)),
      fc.constantFrom('/a/./b', '/a/%2e%2E/b', '/a?b#c', '/é', '/a b', '//x', '/\\x', '/a?x=/../'),
    );
    const hosts = fc.oneof(
      fc.webAuthority(),
      fc.constantFrom('a:80', 'a:443', 'A.b', '127.1', '0x7f.1', '1.2.3.4:08', '[::1]:8', 'xn--a'),
    );
    fc.assert(
      fc.property(fc.constantFrom('http', 'https'), hosts, targets, (scheme, host, target) => {
        const expected = URL.parse(`${scheme}://${host}${target}`)?.href;
        let actual: string | undefined;
        try {
          actual = absoluteUrl(scheme, host, target);
        } catch (error) {
          assert.equal((error as PopmeshError).code, 'invalid_argument');
        }
        assert.equal(actual, expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test('a path gives its function up and keeps the rest', () => {
    assert.deepEqual(splitPath('/ns/fn'), { functionId: 'ns/fn', target: '/' });
    assert.deepEqual(splitPath('/ns/fn?x'), { functionId: 'ns/fn', target: '/?x' });
    assert.deepEqual(splitPath('/ns/fn/a?x'), { functionId: 'ns/fn', target: '/a?x' });
    assert.equal(splitPath('/ns'), undefined);
    assert.equal(splitPath('/ns/Fn_/x'), undefined);
  });
});

describe('response heads', () => {
  const read = (lines: string) => new ResponseHeaders().read(lines).flat;
  const code = (lines: string) => {
    try {
      read(lines);
      return 'ok';
    } catch (error) {
      return (error as PopmeshError).code;
    }
  };

  test('nothing that Node would refuse gets through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (lines) => {
        let flat: readonly string[];
        try {
          flat = read(lines);
        } catch (error) {
          assert.equal((error as PopmeshError).code, 'invalid_response');
          return;
        }
        for (let i = 0; i < flat.length; i += 2) {
          assert.match(flat[i] ?? '', /^[!#$%&'*+.^_`|~0-9a-z-]+$/);
          assert.doesNotMatch(flat[i + 1] ?? '', /[\r\n\0]/);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('bounds, and what is not the function’s to say', () => {
    assert.equal(code('a: b\rc\n'), 'invalid_response');
    assert.equal(code('a'), 'invalid_response');
    assert.equal(code(': b'), 'invalid_response');
    assert.equal(code(`a: ${'x'.repeat(RESPONSE_HEAD_LIMITS.bytesMax)}`), 'invalid_response');
    assert.equal(code('a: b\n'.repeat(RESPONSE_HEAD_LIMITS.headersMax + 1)), 'invalid_response');
    assert.deepEqual(read('Content-Length: 5\nDate: x\nPopmesh-Pop: x\nX-A: 1\n'), ['x-a', '1']);
    assert.deepEqual(read('x: é€'), ['x', Buffer.from('é€').toString('latin1')]);
  });
});
