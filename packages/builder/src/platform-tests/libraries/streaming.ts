/** Streams that only go on while somebody reads, and signals that end things. */

const CHUNK = new Uint8Array(64 * 1024).fill(97);
let pulled = 0;
let cancelled = 'no';

const endless = (): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull(controller) {
      pulled++;
      controller.enqueue(CHUNK);
    },
    cancel(reason) {
      cancelled = String((reason as Error)?.name);
    },
  });

const routes: Record<string, (request: Request) => Response | Promise<Response>> = {
  '/endless': () => new Response(endless()),
  '/state': () => Response.json({ pulled, cancelled }),
  '/upper': (request) =>
    new Response(
      request.body
        ?.pipeThrough(new TextDecoderStream())
        .pipeThrough(
          new TransformStream<string, string>({
            transform: (text, controller) => controller.enqueue(text.toUpperCase()),
          }),
        )
        .pipeThrough(new TextEncoderStream()),
    ),
  '/timeout': async () => {
    const signal = AbortSignal.timeout(20);
    const sink = new WritableStream({
      write: () => new Promise((resolve) => setTimeout(resolve, 5)),
    });
    const ended = await endless()
      .pipeTo(sink, { signal })
      .then(
        () => 'ended',
        (error: Error) => error.name,
      );
    return Response.json([ended, signal.aborted, (signal.reason as Error).name]);
  },
};

export default {
  fetch: (request: Request) =>
    routes[new URL(request.url).pathname]?.(request) ?? new Response('none', { status: 404 }),
};
