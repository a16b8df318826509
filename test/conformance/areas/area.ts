/**
 * What an area of the Web platform is checked with. `run` gets a plain JSON input and answers
 * something; the same module runs in Node and in a function, and the answers are compared.
 */

export type Run = (input: never) => unknown;
export type Area = Readonly<Record<string, Run>>;

/** Canonical JSON of whatever came out: values that JSON would lose are named. */
export function show(value: unknown): unknown {
  if (value === undefined) return '<undefined>';
  if (typeof value === 'bigint') return `<${value}n>`;
  if (typeof value === 'number' && !(Number.isFinite(value) && !Object.is(value, -0))) {
    return `<${Object.is(value, -0) ? '-0' : value}>`;
  }
  if (typeof value === 'symbol' || typeof value === 'function') return `<${typeof value}>`;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof ArrayBuffer) return { buffer: [...new Uint8Array(value)] };
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map(show);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, show(item)]));
}

/** The kind of an error, never its words: those are each engine's own. */
export function errorName(error: unknown): string {
  if (error instanceof DOMException) return `DOMException ${error.name}`;
  return error instanceof Error ? error.name : `thrown ${String(error)}`;
}

export async function outcome(run: () => unknown): Promise<unknown> {
  try {
    return show(await run());
  } catch (error) {
    return { error: errorName(error) };
  }
}

export const bytesOf = (numbers: readonly number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(numbers);
