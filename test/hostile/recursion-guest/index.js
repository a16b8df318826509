// Says of each way to go deep how it ended, and how deep it was.
import { kinds, ways } from './ways.js';

async function outcome(run) {
  let levels = 0;
  try {
    await run(() => {
      levels++;
    });
    return { levels };
  } catch (error) {
    return { levels, threw: error instanceof Error ? error.name : typeof error };
  }
}

/** Where from: each may stand on another stack of the host. */
const places = {
  handler: (run) => outcome(run),
  timer: (run) => new Promise((resolve) => setTimeout(() => resolve(outcome(run)), 1)),
  microtask: (run) => new Promise((resolve) => queueMicrotask(() => resolve(outcome(run)))),
  'after an await': async (run) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return await outcome(run);
  },
};

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const run = ways[searchParams.get('way')];
    if (pathname === '/kinds') return Response.json(kinds);
    if (pathname === '/go') {
      return Response.json(await places[searchParams.get('from') ?? 'handler'](run));
    }
    if (pathname === '/stream') {
      const pull = async (controller) => {
        controller.enqueue(new TextEncoder().encode(JSON.stringify(await outcome(run))));
        controller.close();
      };
      return new Response(new ReadableStream({ pull }));
    }
    if (pathname === '/json') {
      return Response.json(await outcome(async () => void (await request.json())));
    }
    if (pathname === '/causes') {
      let error = new Error('first');
      for (let i = 0; i < 20_000; i++) error = new Error('next', { cause: error });
      console.log(error);
      return new Response('logged');
    }
    return new Response('hello');
  },
};
