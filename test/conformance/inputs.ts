import fc, { type Arbitrary } from 'fast-check';
import {
  abortStep,
  aesKey,
  anyUrl,
  bytes,
  curve,
  encodingName,
  exactly,
  flags,
  goodUrl,
  hash,
  headerName,
  headerValue,
  joined,
  malformed,
  method,
  of,
  oneIn,
  pairs,
  query,
  readableStep,
  request,
  response,
  signAlgorithm,
  special,
  steps,
  text,
  tree,
  urlPiece,
  word,
  words,
} from './generators.ts';

/** Generated inputs of each kind, the same in every run: the seed is part of the table. */

export const SEED = 20_261_121;

/** How many of each are made, and how. */
export const INPUTS: Readonly<
  Record<string, Readonly<Record<string, [number, Arbitrary<unknown>]>>>
> = {
  URL: {
    parse: [2_000, anyUrl],
    construct: [300, joined(urlPiece)],
    canParse: [300, anyUrl],
    relative: [1_500, fc.tuple(joined(urlPiece), fc.oneof(goodUrl, anyUrl))],
    setters: [
      1_000,
      fc.tuple(
        goodUrl,
        steps(
          fc.tuple(
            of(...words('href protocol username password host hostname port pathname search hash')),
            fc.oneof(joined(urlPiece, 3), urlPiece),
          ),
          4,
        ),
      ),
    ],
    searchParams: [300, fc.tuple(goodUrl, steps(fc.tuple(word, query), 3))],
  },
  URLSearchParams: {
    parse: [1_500, query],
    record: [200, fc.dictionary(word, word)],
    pairs: [200, fc.array(fc.array(word, { minLength: 2, maxLength: 2 }), { maxLength: 4 })],
    operations: [
      800,
      fc.tuple(
        query,
        steps(
          fc.oneof(
            fc.tuple(of('append', 'set'), word, word),
            fc.tuple(of('delete', 'has'), word, fc.option(word)),
            fc.tuple(of('get', 'getAll'), word),
            fc.constant(['sort']),
          ),
          6,
        ),
      ),
    ],
  },
  'TextEncoder, TextDecoder': {
    decode: [2_000, fc.tuple(encodingName, fc.boolean(), fc.boolean(), malformed)],
    stream: [1_000, fc.tuple(encodingName, fc.boolean(), fc.array(malformed, { maxLength: 5 }))],
    encode: [500, text],
    encodeInto: [500, fc.tuple(text, fc.nat(40))],
    labels: [
      200,
      of(
        ...words(
          'utf8 UTF-8 unicode11utf8 latin1 l1 ascii cp1252 x-cp1252 utf-16 ucs-2 utf-16be unicodefffe nope utf-7 utf-32 iso-8859-1 iso_8859-1:1987',
        ),
        ' utf-8\n',
        '\u00a0utf-8',
      ),
    ],
    decoderStream: [200, fc.tuple(of('utf-8', 'utf-16le'), fc.array(malformed, { maxLength: 4 }))],
    encoderStream: [200, fc.array(text, { maxLength: 4 })],
  },
  'atob, btoa': {
    atob: [
      1_500,
      fc.oneof(
        joined(of(...words('A Z a 0 + / = == - _ YQ YWI YWJj \f \t é')), 8),
        fc.base64String(),
        joined(of('Y', 'W', 'J', ' ', '\n', '='), 12),
      ),
    ],
    btoa: [
      500,
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 20 }),
        joined(of('\xff', '\0', 'a', '\u0100')),
      ),
    ],
    round: [300, bytes(60)],
  },
  Headers: {
    value: [
      800,
      fc.oneof(
        headerValue,
        joined(of(' ', '\t', 'a', '\n', '\r', '\0', '\x7f', '\x80', 'é', 'Ā', ',')),
      ),
    ],
    name: [400, fc.oneof(headerName, fc.string({ minLength: 1, maxLength: 3 }))],
    pairs: [300, fc.array(fc.array(headerName, { minLength: 1, maxLength: 3 }), { maxLength: 3 })],
    operations: [
      700,
      fc.tuple(
        pairs(),
        steps(
          fc.oneof(
            fc.tuple(of('append', 'set'), headerName, headerValue),
            fc.tuple(of('delete', 'get', 'has'), headerName),
          ),
          6,
        ),
      ),
    ],
  },
  Request: {
    create: [1_000, request],
    derive: [
      400,
      fc.tuple(
        request.map((it) => ({ ...it, url: 'http://d.test/' })),
        request,
      ),
    ],
    method: [100, fc.oneof(method, fc.string({ minLength: 1, maxLength: 3 }))],
  },
  Response: {
    create: [1_000, response],
    json: [
      300,
      fc.tuple(
        fc.jsonValue({ maxDepth: 3 }),
        response.map(({ body: _body, reads: _reads, ...init }) => init),
      ),
    ],
    redirect: [
      200,
      fc.tuple(fc.oneof(anyUrl, goodUrl), fc.constantFrom(301, 302, 303, 307, 308, 200, 304)),
    ],
    rewrap: [400, response],
  },
  'Blob, FormData': {
    slice: [
      400,
      fc.tuple(
        fc.array(bytes(6), { maxLength: 3 }),
        fc.integer({ min: -12, max: 12 }),
        fc.integer({ min: -12, max: 12 }),
        of('', 'a/B', '\u0100', 'text/plain;x=y'),
      ),
    ],
    text: [300, fc.array(text, { maxLength: 3 })],
    form: [
      300,
      fc.array(fc.tuple(of('a', 'b"', 'c\nd', 'é', ''), of('1', 'x\ry', 'é€', '', 'a\r\nb')), {
        maxLength: 4,
      }),
    ],
    multipart: [
      300,
      fc.tuple(
        joined(
          of(
            '--x',
            '\r\n',
            '\n',
            'content-disposition: form-data; name="a"',
            'Content-Disposition: form-data; name=b; filename="f"',
            'content-type: a/b',
            'text',
            '--x--',
          ),
          12,
        ),
        of(
          'multipart/form-data; boundary=x',
          'multipart/form-data; boundary="x"',
          'multipart/form-data',
        ),
      ),
    ],
  },
  Streams: {
    readable: [1_000, fc.tuple(fc.nat(3), steps(readableStep, 14))],
    transform: [500, fc.tuple(fc.nat(3), fc.nat(3), fc.array(fc.nat(14), { maxLength: 8 }))],
    writable: [
      500,
      fc.tuple(
        fc.nat(3),
        steps(fc.constantFrom('write', 'write', 'write', 'close', 'abort', 'fail'), 8),
      ),
    ],
    pipe: [
      400,
      fc.tuple(fc.array(fc.nat(5), { maxLength: 6 }), flags, fc.constantFrom(0, 3, 99, 100)),
    ],
    bytes: [
      300,
      fc.tuple(
        fc.array(bytes(8), { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 6 }),
      ),
    ],
    iterate: [100, fc.tuple(fc.array(fc.nat(5), { maxLength: 5 }), fc.nat(6))],
  },
  CompressionStream: {
    round: [
      700,
      fc.tuple(
        of('gzip', 'deflate', 'deflate-raw'),
        fc.array(bytes(30), { maxLength: 4 }),
        fc.constantFrom(1, 50),
      ),
    ],
    spoilt: [350, fc.tuple(of('gzip', 'deflate', 'deflate-raw'), bytes(40), fc.nat(6), bytes(3))],
    format: [20, of('gzip', 'GZIP', 'zip', '')],
  },
  'AbortSignal, EventTarget': {
    graph: [1_000, fc.tuple(fc.integer({ min: 1, max: 3 }), steps(abortStep))],
    made: [20, fc.option(of('why', ''))],
    request: [20, of('why', 'no')],
    events: [300, fc.array(of('a', 'bb', 'c'), { maxLength: 5 })],
  },
  structuredClone: {
    value: [2_000, tree],
    special: [100, special],
    transfer: [50, bytes(8)],
    transferWrong: [4, of('twice', 'object')],
  },
  'crypto.subtle': {
    digest: [200, fc.tuple(oneIn(8, of('MD5', 'SHA-3', ''), hash), bytes(200))],
    hmac: [300, fc.tuple(hash, bytes(150), bytes(100))],
    aes: [
      600,
      fc.oneof(
        fc.tuple(
          fc.constant('GCM'),
          aesKey,
          oneIn(5, bytes(20), exactly(12)),
          bytes(70),
          fc.record(
            {
              tagLength: fc.constantFrom(128, 96, 64, 100),
              additionalData: fc.constant(undefined),
            },
            { requiredKeys: [] },
          ),
        ),
        fc.tuple(
          fc.constant('CBC'),
          aesKey,
          oneIn(6, bytes(20), exactly(16)),
          bytes(70),
          fc.constant({}),
        ),
        fc.tuple(
          fc.constant('CTR'),
          aesKey,
          fc.oneof(
            exactly(16),
            exactly(12).map((it) => [...it, 255, 255, 255, 254]),
          ),
          bytes(90),
          fc.record({ length: fc.constantFrom(1, 2, 8, 32, 64, 128, 129, 0) }),
        ),
        fc.tuple(fc.constant('GCM'), bytes(33), exactly(12), bytes(8), fc.constant({})),
      ),
    ],
    derive: [
      200,
      fc.tuple(
        of('HKDF', 'PBKDF2'),
        hash,
        bytes(40),
        bytes(20),
        fc.constantFrom(0, 8, 12, 128, 256, 1000, 2048),
      ),
    ],
    wrap: [100, fc.tuple(aesKey, fc.oneof(exactly(16), exactly(32), exactly(40), bytes(20)))],
    pair: [40, fc.tuple(signAlgorithm, bytes(40))],
    agree: [
      20,
      fc.tuple(
        fc.oneof(
          fc.record({ name: fc.constant('ECDH'), namedCurve: curve }),
          fc.record({ name: fc.constant('X25519') }),
        ),
        fc.constantFrom(null, 128, 256, 100, 2000),
      ),
    ],
    refused: [
      400,
      fc.tuple(
        of('raw', 'jwk', 'spki', 'pkcs8', 'raw'),
        fc.constantFrom(
          { name: 'HMAC', hash: 'SHA-256' },
          { name: 'AES-GCM' },
          { name: 'HKDF' },
          { name: 'ECDSA', namedCurve: 'P-256' },
          { name: 'Ed25519' },
          { name: 'X25519' },
          { name: 'HMAC' },
          { name: 'nope' },
          { name: 'RSA-PSS', hash: 'SHA-1' },
        ),
        fc.oneof(
          exactly(32),
          bytes(20),
          fc.constantFrom(
            { kty: 'oct', k: 'AAECAwQFBgcICQoLDA0ODw' },
            { kty: 'oct', k: 'AAEC', alg: 'HS512' },
            { kty: 'oct', k: 'AAECAwQFBgcICQoLDA0ODw', key_ops: ['sign'] },
            { kty: 'EC', crv: 'P-256' },
            { kty: 'oct', k: 'AAECAwQFBgcICQoLDA0ODw', ext: false },
          ),
        ),
        fc.boolean(),
        fc.subarray(['sign', 'verify', 'encrypt', 'deriveBits']),
      ),
    ],
  },
};
