import fc, { type Arbitrary } from 'fast-check';

/** Parts that inputs are made of: ordinary ones, and those where implementations part. */

export const of = (...values: string[]): Arbitrary<string> => fc.constantFrom(...values);
export const words = (text: string): string[] => text.split(' ');
export const joined = (unit: Arbitrary<string>, maxLength = 8): Arbitrary<string> =>
  fc.array(unit, { maxLength }).map((parts) => parts.join(''));
export const bytes = (maxLength = 24): Arbitrary<number[]> => fc.array(fc.nat(255), { maxLength });
export const oneIn = <T>(n: number, rare: Arbitrary<T>, usual: Arbitrary<T>): Arbitrary<T> =>
  fc.oneof({ weight: 1, arbitrary: rare }, { weight: n - 1, arbitrary: usual });

export const urlPiece = of(
  ...words(
    'http:// https:// HTTP:/ ws:// wss: file:/// ftp:// data: a: // / /. /.. %2e %2E. %2f . .. ? ?? # @ : :80 :443 :8080 :0 :65536',
  ),
  ...words(
    'example.com EXAMPLE.com 1.2.3.4 0x7f.1 127.1 [::1] [1::8.9] xn--a-8ga a--b b-.c é.com a_b 256 %41 %zz',
  ),
  ...words('\' " < > | ^ { } ~ + & = ; , \\ ü ß 日本 \u{1f600} user:pw@ u@ path/to q=1&r=2 C: C|'),
  '\t',
  ' ',
  '\n',
  '\0',
  '\u00ad',
  '\ud800',
);
export const anyUrl = fc.oneof(
  { weight: 3, arbitrary: joined(urlPiece).map((rest) => `http://a.test${rest}`) },
  { weight: 2, arbitrary: joined(urlPiece).map((rest) => `file:///${rest}`) },
  { weight: 4, arbitrary: joined(urlPiece) },
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
);
export const goodUrl = of(
  ...words(
    'http://a.test/ https://u:p@b.test:8080/x/y?q#h file:///c:/d data:text/plain,x http://[::1]:1/ x:y',
  ),
);
export const querySafe = joined(
  of('a', '=', '&', '+', '%20', '%C3%A9', 'é', '\u{1f600}', '\ud800', '?'),
  12,
);
export const queryAscii = joined(
  of('a', 'b', '=', '&', '+', '%', '%20', '%f', '%ff', '%C3', '%A9', '?', '~', "'", '*'),
  12,
);
export const query = fc.oneof(querySafe, queryAscii);
export const word = of('a', 'b', 'A', '', 'é', '\ud83d', 'a b', '\u{1f600}', '~', '=');

export const malformed = fc.oneof(
  fc.array(
    fc.constantFrom(
      0x61,
      0x80,
      0xbf,
      0xc0,
      0xc1,
      0xc3,
      0xa9,
      0xe0,
      0xe2,
      0x82,
      0xac,
      0xed,
      0xa0,
      0xef,
      0xbb,
      0xf0,
      0x9f,
      0x98,
      0xf4,
      0x90,
      0xf5,
      0xfe,
      0xff,
      0xd8,
      0xdc,
      0x00,
    ),
    { maxLength: 16 },
  ),
  bytes(40),
);
export const encodingName = of('utf-8', 'utf-8', 'utf-16le', 'utf-16be', 'latin1');
export const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 700 }),
  joined(of('a', '\ud800', '\udc00', 'é', '€', '\u{10ffff}', '\ufeff', '\0')),
);

export const headerName = of(
  'a',
  'B',
  'x-a',
  'set-cookie',
  'Set-Cookie',
  'content-type',
  'accept',
  'é',
  'a b',
  '',
  'a:',
  '!#$',
);
export const headerValue = oneIn(
  5,
  joined(of(' ', '\t', '\n', '\r', '\0', '\x7f', '\x80', 'é', 'Ā', ',')),
  of('1', ' 2 ', 'a, b', '', 'é'),
);
export const pairs = (maxLength = 4): Arbitrary<[string, string][]> =>
  fc.array(fc.tuple(headerName, headerValue), { maxLength });
export const goodPairs = fc.array(
  fc.tuple(of('a', 'X-b', 'content-type', 'set-cookie'), of('1', 'b c', 'text/x', '')),
  { maxLength: 3 },
);

export const body = fc.record({
  kind: fc.constantFrom('none', 'text', 'bytes', 'params', 'blob', 'stream', 'buffer'),
  text: of('', 'a=1&b=é', '{"a":[1,2]}', '\ufeff{}', 'x', '\ud800', 'é'.repeat(40)),
});
export const reads = fc.array(
  fc.constantFrom('text', 'json', 'bytes', 'arrayBuffer', 'blob', 'formData', 'clone', 'body'),
  { minLength: 1, maxLength: 3 },
);
export const method = of(
  'GET',
  'get',
  'POST',
  'put',
  'patch',
  'DELETE',
  'HEAD',
  'options',
  'CONNECT',
  'trace',
  'a b',
  'QUERY',
  '',
);
export const request = fc.record(
  {
    url: oneIn(6, anyUrl, goodUrl),
    method: oneIn(3, method, of('POST', 'put')),
    headers: oneIn(4, pairs(), goodPairs),
    redirect: fc.constantFrom('follow', 'manual', 'error'),
    body,
    reads,
  },
  { requiredKeys: ['url', 'body', 'reads'] },
);
export const response = fc.record(
  {
    status: fc.constantFrom(200, 201, 204, 205, 301, 304, 404, 500, 599, 600, 199, 101, 0),
    statusText: of('', 'OK', 'é', 'a\nb', 'Ā'),
    headers: oneIn(4, pairs(), goodPairs),
    body,
    reads,
  },
  { requiredKeys: ['body', 'reads'] },
);

export const steps = <T>(step: Arbitrary<T>, maxLength = 12): Arbitrary<T[]> =>
  fc.array(step, { minLength: 1, maxLength });
export const readableStep: Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('enqueue'), fc.nat(9)) },
  { weight: 4, arbitrary: fc.constant(['read']) },
  { weight: 2, arbitrary: fc.constant(['turn']) },
  { weight: 1, arbitrary: fc.constantFrom(['close'], ['error'], ['cancel'], ['release'], ['tee']) },
);
export const flags = fc.record({
  preventClose: fc.boolean(),
  preventAbort: fc.boolean(),
  preventCancel: fc.boolean(),
});

export const abortStep: Arbitrary<unknown> = fc.oneof(
  fc.tuple(fc.constant('abort'), fc.nat(9), fc.option(of('why', ''))),
  fc.tuple(fc.constantFrom('listen', 'once', 'throw'), fc.nat(9)),
  fc.tuple(fc.constant('any'), fc.array(fc.nat(9), { maxLength: 3 })),
);

export const leaf: Arbitrary<unknown> = fc.oneof(
  fc.tuple(
    fc.constant('plain'),
    fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null)),
  ),
  fc.tuple(fc.constantFrom('date', 'bigint', 'number'), fc.nat(1e9)),
  fc.tuple(fc.constant('regexp'), of('a', '(b|c)+'), of('', 'g', 'iu')),
  fc.tuple(fc.constant('buffer'), bytes(5)),
  fc.tuple(
    fc.constant('view'),
    fc.constantFrom(
      'Uint8Array',
      'Int8Array',
      'Uint8ClampedArray',
      'Uint16Array',
      'Int32Array',
      'Float32Array',
      'Float64Array',
      'BigInt64Array',
      'DataView',
    ),
    bytes(5),
  ),
  fc.tuple(
    fc.constant('error'),
    of('Error', 'TypeError', 'RangeError', 'SyntaxError', 'EvalError'),
    fc.string(),
  ),
  fc.tuple(fc.constant('boxed'), fc.oneof(fc.boolean(), fc.integer(), fc.string({ maxLength: 2 }))),
  fc.tuple(fc.constant('cycle'), fc.nat(3)),
  fc.tuple(fc.constant('sparse'), fc.nat(3)),
);
export const special = fc.tuple(
  fc.constant('refused'),
  of(
    ...words(
      'function symbol weakmap weakset promise weakref custom arguments null getter hidden symbols domexception extra cause lastIndex subclass mapped',
    ),
  ),
);
export const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    leaf,
    oneIn(6, special as Arbitrary<unknown>, leaf),
    fc.tuple(fc.constantFrom('array', 'set'), fc.array(tie('tree'), { maxLength: 3 })),
    fc.tuple(
      fc.constantFrom('object', 'proto'),
      fc.array(fc.tuple(of('a', 'b', '__proto__', '1'), tie('tree')), { maxLength: 3 }),
    ),
    fc.tuple(fc.constant('map'), fc.array(fc.tuple(tie('tree'), tie('tree')), { maxLength: 2 })),
  ),
}));

export const hash = of('SHA-1', 'sha-256', 'SHA-384', 'SHA-512');
export const exactly = (length: number): Arbitrary<number[]> =>
  fc.array(fc.nat(255), { minLength: length, maxLength: length });
export const aesKey = fc.oneof(exactly(16), exactly(24), exactly(32));
export const curve = fc.constantFrom('P-256', 'P-384', 'P-521');
export const signAlgorithm = fc.oneof(
  fc.record({ name: fc.constant('ECDSA'), namedCurve: curve, hash }),
  fc.record({ name: fc.constant('Ed25519') }),
  fc.record({
    name: of('RSASSA-PKCS1-v1_5', 'RSA-PSS', 'RSA-OAEP'),
    hash: of('SHA-1', 'SHA-256', 'SHA-384'),
  }),
);
