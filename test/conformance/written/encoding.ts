import { errorName, outcome } from '../areas/area.ts';
import type { Programs } from './programs.ts';

/** Labels, byte order marks, surrogates and state between calls. */

const decode = (label: string, ...bytes: number[]): string =>
  new TextDecoder(label).decode(Uint8Array.from(bytes));

/** All labels of the Encoding standard for the encodings that are there. */
const LABELS: Readonly<Record<string, string>> = {
  'utf-8': 'unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8',
  'utf-16le': 'csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le',
  'utf-16be': 'unicodefffe utf-16be',
  'windows-1252':
    'ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252',
};

const labelled = (): Programs =>
  Object.fromEntries(
    Object.entries(LABELS).flatMap(([name, labels]) =>
      labels
        .split(' ')
        .map((label) => [
          `label ${label}`,
          () => [
            new TextDecoder(label).encoding,
            new TextDecoder(label.toUpperCase()).encoding,
            new TextDecoder(`\t${label}\r\n`).encoding === name,
          ],
        ]),
    ),
  );

export const encodingPrograms: Programs = {
  ...labelled(),
  'labels that are refused': async () =>
    await Promise.all(
      ['', 'utf-7', 'utf-8\0', '\vutf-8', 'replacement', 'iso-2022-cn', 'utf8x'].map((label) =>
        outcome(() => new TextDecoder(label)),
      ),
    ),
  'windows-1252, all of it': () =>
    Array.from({ length: 256 }, (_, byte) => decode('windows-1252', byte).codePointAt(0)),
  'a mark is left out once': () => [
    decode('utf-8', 0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 0x61),
    decode('utf-16le', 0xff, 0xfe, 0x61, 0),
    decode('utf-16be', 0xfe, 0xff, 0, 0x61),
  ],
  'the mark of another encoding stays': () => [
    decode('utf-16le', 0xfe, 0xff),
    decode('utf-8', 0xfe, 0xff),
  ],
  'ignoreBOM keeps it': () =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.of(0xef, 0xbb, 0xbf)),
  'a mark in pieces': () => {
    const decoder = new TextDecoder();
    return [0xef, 0xbb, 0xbf, 0x61].map((byte) =>
      decoder.decode(Uint8Array.of(byte), { stream: true }),
    );
  },
  'after an end, the mark counts again': () => {
    const decoder = new TextDecoder();
    const bytes = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61);
    return [decoder.decode(bytes), decoder.decode(bytes)];
  },
  'a character in pieces': () => {
    const decoder = new TextDecoder();
    return [0xf0, 0x9f, 0x98, 0x80].map((byte) =>
      decoder.decode(Uint8Array.of(byte), { stream: true }),
    );
  },
  'a character that breaks off': () => {
    const decoder = new TextDecoder();
    return [
      decoder.decode(Uint8Array.of(0xf0, 0x9f), { stream: true }),
      decoder.decode(),
      decoder.decode(Uint8Array.of(0x61)),
    ];
  },
  'fatal: each way to be wrong': async () =>
    await Promise.all(
      [
        [0xff],
        [0xc0, 0x80],
        [0xe0, 0x80, 0x80],
        [0xed, 0xa0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [0xc3],
        [0x80],
      ].map((bytes) =>
        outcome(() => new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))),
      ),
    ),
  'fatal: usable again afterwards': async () => {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    return [
      await outcome(() => decoder.decode(Uint8Array.of(0xff))),
      decoder.decode(Uint8Array.of(0x61)),
    ];
  },
  'replacement: as many as there are parts': () => [
    decode('utf-8', 0xe2, 0x82, 0x41),
    decode('utf-8', 0xf0, 0x80, 0x80, 0x41),
    decode('utf-8', 0xed, 0xa0, 0x80),
    decode('utf-16le', 0, 0xd8, 0x61, 0),
    decode('utf-16le', 0x61),
  ],
  'decode: what it takes': async () => {
    const bytes = Uint8Array.of(0x61, 0x62, 0x63, 0x64);
    return [
      new TextDecoder().decode(bytes.buffer),
      new TextDecoder().decode(new DataView(bytes.buffer, 1, 2)),
      new TextDecoder().decode(new Uint16Array(bytes.buffer)),
      new TextDecoder().decode(),
      new TextDecoder().decode(undefined),
      await outcome(() => new TextDecoder().decode('x' as never)),
      await outcome(() => new TextDecoder().decode([1] as never)),
    ];
  },
  'encode: lone surrogates': () => [...new TextEncoder().encode('\ud800a\udc00\ud83d\ude00')],
  'encode: of nothing': () => [
    new TextEncoder().encode().length,
    new TextEncoder().encode(undefined).length,
    new TextEncoder().encode(null as never).length,
  ],
  'encodeInto: never half a character': () =>
    [0, 1, 2, 3, 4, 5].map((size) => {
      const to = new Uint8Array(size);
      return [new TextEncoder().encodeInto('a\u{1f600}', to), [...to]];
    }),
  'encodeInto: a lone surrogate takes three': () => {
    const to = new Uint8Array(4);
    return [new TextEncoder().encodeInto('\ud800x', to), [...to]];
  },
  'encodeInto: only bytes': () =>
    outcome(() => new TextEncoder().encodeInto('a', new Uint16Array(1) as never)),
  'what they say of themselves': () => {
    const decoder = new TextDecoder('latin1', { fatal: true, ignoreBOM: true });
    return [decoder.encoding, decoder.fatal, decoder.ignoreBOM, new TextEncoder().encoding];
  },
  'TextEncoderStream: a pair in two chunks': async () => {
    const stream = ReadableStream.from(['\ud83d', '\ude00', '\ud83d']).pipeThrough(
      new TextEncoderStream(),
    );
    const bytes: number[] = [];
    for await (const part of stream as unknown as AsyncIterable<Uint8Array>) bytes.push(...part);
    return bytes;
  },
  'TextDecoderStream: fatal ends the stream': async () => {
    const stream = ReadableStream.from([Uint8Array.of(0x61), Uint8Array.of(0xff)]).pipeThrough(
      new TextDecoderStream('utf-8', { fatal: true }),
    );
    const seen: unknown[] = [];
    try {
      for await (const part of stream as unknown as AsyncIterable<string>) seen.push(part);
    } catch (error) {
      seen.push(errorName(error));
    }
    return seen;
  },
  'TextDecoderStream: what it says of itself': () => {
    const it = new TextDecoderStream('utf-16be', { ignoreBOM: true });
    return [it.encoding, it.fatal, it.ignoreBOM];
  },
};

export const base64Programs: Programs = {
  'atob: spaces are passed over': () => atob(' Y\tW\nJ\fj\r '),
  'atob: a no-break space is not a space': () => outcome(() => atob('YW\u00a0Jj')),
  'atob: padding': async () =>
    await Promise.all(
      ['YQ', 'YQ=', 'YQ==', 'YQ===', 'YWI=', 'YWI==', 'Y', 'Y===', '=', '==', '===='].map((text) =>
        outcome(() => atob(text)),
      ),
    ),
  'atob: padding in the middle': async () => [
    await outcome(() => atob('YQ==YQ==')),
    await outcome(() => atob('Y=Q=')),
  ],
  'atob: spare bits are dropped': () => [atob('YR=='), atob('YWK=')],
  'atob: other values': async () =>
    await Promise.all(
      [null, undefined, 12, true, {}, [1]].map((value) => outcome(() => atob(value as never))),
    ),
  'atob: the other alphabet': async () => [
    await outcome(() => atob('-_')),
    await outcome(() => atob('a-b_')),
  ],
  'atob: all bytes': () =>
    atob('AAH+/w==')
      .split('')
      .map((it) => it.charCodeAt(0)),
  'atob, btoa: without an argument': async () => [
    await outcome(() => (atob as unknown as () => string)()),
    await outcome(() => (btoa as unknown as () => string)()),
  ],
  'btoa: above 255': async () => [
    await outcome(() => btoa('\u0100')),
    await outcome(() => btoa('a\ud83d\ude00')),
    btoa('\xff'),
  ],
  'btoa: other values': () => [null, undefined, 12, true].map((value) => btoa(value as never)),
  'btoa: lengths': () => ['', 'a', 'ab', 'abc', 'abcd'].map((text) => btoa(text)),
  'the error has a code': () => {
    try {
      atob('*');
    } catch (error) {
      return [errorName(error), (error as DOMException).code];
    }
    return undefined;
  },
};
