/** Ways to fail, each on a line that the log must name. */

class Shop {
  open(name: string): never {
    throw new RangeError(`no ${name} here`); // line 5
  }
}

const fail = async (): Promise<void> => {
  await null;
  throw new TypeError('later'); // line 11
};

export default {
  async fetch(
    request: Request,
    _env: unknown,
    ctx: { waitUntil(work: Promise<unknown>): void },
  ): Promise<Response> {
    const path = new URL(request.url).pathname;
    if (path === '/throw') new Shop().open('tea');
    if (path === '/reject') await fail();
    if (path === '/wait') ctx.waitUntil(fail());
    if (path === '/log') console.error(new Error('seen')); // line 25
    if (path === '/timer') {
      setTimeout(() => {
        throw new SyntaxError('in a timer'); // line 28
      }, 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (path === '/unhandled') void fail();
    if (path === '/levels') {
      console.debug('d');
      console.log('l');
      console.info('i');
      console.warn('w');
      console.error('e');
      console.trace('t');
    }
    return new Response('ok');
  },
};
