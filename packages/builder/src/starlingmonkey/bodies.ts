import type { IncomingRequest, OutgoingBody } from 'wasi:http/types@0.2.12';
import type { OutputStream } from 'wasi:io/streams@0.2.12';

/** Bytes between the standard's streams and the Fetch API's, inside StarlingMonkey. */

const READ_BYTES = 65_536n;

/** A stream of the request's body, read as the author reads; `close` frees what is behind it. */
export function openBody(
  incoming: IncomingRequest,
): [body: ReadableStream<Uint8Array>, close: () => void] {
  const body = incoming.consume();
  const input = body.stream();
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    input[Symbol.dispose]();
    body[Symbol.dispose]();
    incoming[Symbol.dispose]();
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        let bytes: Uint8Array | undefined;
        try {
          if (open) bytes = input.blockingRead(READ_BYTES);
        } catch (error) {
          if ((error as { payload?: { tag?: string } }).payload?.tag !== 'closed') throw error;
        }
        if (bytes !== undefined && bytes.length > 0) controller.enqueue(bytes);
        else if (bytes === undefined) controller.close();
      },
      cancel: close,
    },
    // Nothing ahead of need: waiting here stops the whole instance.
    { highWaterMark: 0 },
  );
  return [stream, close];
}

export async function writeBody(
  body: ReadableStream<Uint8Array>,
  outgoing: OutgoingBody,
): Promise<void> {
  const output = outgoing.write();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      write(output, value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    output[Symbol.dispose]();
  }
}

function write(output: OutputStream, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const room = Number(output.checkWrite());
    if (room === 0) {
      const writable = output.subscribe();
      writable.block();
      writable[Symbol.dispose]();
      continue;
    }
    output.write(bytes.subarray(at, at + room));
    at += Math.min(room, bytes.length - at);
  }
}
