import { leb } from '../check/bytes.ts';

/** Small component binaries made by hand, for tests of the walker. */

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d];
const COMPONENT = [...PREAMBLE, 0x0d, 0x00, 0x01, 0x00];
const CORE = [...PREAMBLE, 0x01, 0x00, 0x00, 0x00];

export { leb };

export const text = (value: string): number[] => {
  const bytes = [...Buffer.from(value)];
  return [...leb(bytes.length), ...bytes];
};

export const section = (id: number, body: readonly number[]): number[] => [
  id,
  ...leb(body.length),
  ...body,
];

export const coreModule = (...sections: readonly number[][]): number[] => [
  ...CORE,
  ...sections.flat(),
];

export const component = (...sections: readonly number[][]): Uint8Array =>
  Uint8Array.from([...COMPONENT, ...sections.flat()]);

export const nested = (inner: Uint8Array): number[] => section(4, [...inner]);

/** `handle` as a function export. */
export const handleExport: number[] = section(11, [1, 0, ...text('handle'), 1, 0, 0]);

export const httpExport: number[] = section(11, [
  1,
  0,
  ...text('wasi:http/incoming-handler@0.2.3'),
  5,
  0,
  0,
]);

/** Imports of instances. */
export const imports = (...names: readonly string[]): number[] =>
  section(10, [names.length, ...names.flatMap((name) => [0, ...text(name), 5, 0])]);
