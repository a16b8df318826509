import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import fc from 'fast-check';
import { boundaryOf, type FormPart, FormReader } from './multipart.ts';

const limits = {
  partsMax: 4,
  headerBytesMax: 1_024,
  bytesMax: () => 1_000_000,
  tooLarge: (name: string) => new PopmeshError('payload_too_large', name),
};

async function encoded(form: FormData): Promise<{ bytes: Uint8Array; boundary: string }> {
  const response = new Response(form);
  const boundary = boundaryOf(response.headers.get('content-type') ?? '') ?? '';
  return { bytes: new Uint8Array(await response.arrayBuffer()), boundary };
}

/** In pieces that end where `cuts` say. */
function read(boundary: string, bytes: Uint8Array, cuts: readonly number[] = []): FormPart[] {
  const reader = new FormReader(boundary, limits);
  let from = 0;
  for (const cut of [...cuts.map((it) => it % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  )) {
    reader.push(bytes.subarray(from, cut));
    from = cut;
  }
  return reader.end();
}

test('it reads what FormData writes, in whatever pieces that comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ unit: fc.constantFrom('\r', '\n', '-', 'a', '\r\n--'), maxLength: 40 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      async (content, text, cuts) => {
        const form = new FormData();
        form.set('manifest', text);
        form.set('component', new Blob([new Uint8Array(content)]), 'component.wasm');
        const { bytes, boundary } = await encoded(form);
        const [manifest, component] = read(boundary, bytes, cuts);
        // FormData itself makes every line break of a text one of two characters.
        const broken = text.replace(/\r\n?|\n/g, '\r\n');
        assert.deepEqual(manifest, { name: 'manifest', isFile: false, bytes: Buffer.from(broken) });
        assert.equal(component?.isFile, true);
        assert.deepEqual(Buffer.from(component?.bytes ?? []), Buffer.from(content));
      },
    ),
  );
});

const part = (name: string, content = ''): string =>
  `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`;

test('what is not a form, or too much of one, ends where that is seen', () => {
  const bad: readonly [string, RegExp][] = [
    ['', /ends before/],
    ['--b', /ends before/],
    [part('a'), /ends before/],
    ['--b--'.slice(0, 4), /ends before/],
    [`${part('a')}--bxx`, /follows a boundary/],
    [`--b\r\n\r\ncontent\r\n--b--`, /no name/],
    [`--b\r\n${'x: y\r\n'.repeat(500)}`, /bytes of headers/],
    [`${part('a')}${part('a')}--b--`, /twice/],
    [`${[1, 2, 3, 4, 5].map((it) => part(`p${it}`)).join('')}--b--`, /more than 4 parts/],
    ['--b\r\n'.repeat(100), /.*/],
  ];
  for (const [text, expected] of bad) {
    assert.throws(() => read('b', Buffer.from(text)), expected, JSON.stringify(text.slice(0, 80)));
  }
  assert.deepEqual(read('b', Buffer.from('preamble\r\n--b--epilogue')), []);
  assert.throws(() => read('b', Buffer.from(part('a', 'x'.repeat(1_000_100)))), {
    code: 'payload_too_large',
  });
});

test('820,000 parts cost what the first few do', () => {
  const body = Buffer.from(part('').repeat(100_000));
  const reader = new FormReader('b', limits);
  let bytes = 0;
  assert.throws(() => {
    for (; bytes < body.length; bytes += 65_536) reader.push(body.subarray(bytes, bytes + 65_536));
  }, /twice|more than 4 parts/);
  assert.equal(bytes, 0, 'in the first piece');
});

test('a boundary is one that the format allows', () => {
  assert.equal(boundaryOf('multipart/form-data; boundary=abc'), 'abc');
  assert.equal(boundaryOf('multipart/form-data; charset=x; boundary="a b"'), 'a b');
  for (const bad of ['', 'multipart/form-data', 'x; boundary=', 'x; boundary="a "']) {
    assert.equal(boundaryOf(bad), undefined, bad);
  }
  assert.equal(boundaryOf(`x; boundary=${'a'.repeat(71)}`), undefined);
});
