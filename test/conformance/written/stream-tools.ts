import { errorName, outcome } from '../areas/area.ts';

/** Streams and small waits that the cases on streams share. */

export const turn = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await null;
};

export const of = (...chunks: unknown[]): ReadableStream =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

export const failing = (error: unknown, ...chunks: unknown[]): ReadableStream => {
  const left = [...chunks];
  return new ReadableStream({
    pull(controller) {
      if (left.length > 0) controller.enqueue(left.shift());
      else controller.error(error);
    },
  });
};

export const collect = async (stream: ReadableStream): Promise<unknown[]> => {
  const seen: unknown[] = [];
  const reader = stream.getReader();
  for (;;) {
    const part = await outcome(() => reader.read());
    seen.push(part);
    if (typeof part !== 'object' || part === null || 'error' in part) return seen;
    if ((part as { done?: boolean }).done === true) return seen;
  }
};

export const sink = (
  log: unknown[],
  over: NonNullable<ConstructorParameters<typeof WritableStream>[0]> = {},
): WritableStream =>
  new WritableStream({
    write: (chunk) => void log.push(['write', chunk]),
    close: () => void log.push('close'),
    abort: (reason) => void log.push(['abort', errorName(reason)]),
    ...over,
  });

export const bytes = (...numbers: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(numbers);
