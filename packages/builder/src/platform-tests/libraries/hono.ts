import { Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { getCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { etag } from 'hono/etag';
import { HTTPException } from 'hono/http-exception';
import { jwt, sign } from 'hono/jwt';
import { secureHeaders } from 'hono/secure-headers';
import { stream, streamSSE } from 'hono/streaming';
import { validator } from 'hono/validator';

/** The middlewares that lean on the platform: crypto, cookies, streams, forms. */

const SECRET = 'a secret for tests only';
const app = new Hono();

app.use('/etag/*', etag());
app.use('/bearer/*', bearerAuth({ token: 'abc' }));
app.use('/jwt/*', jwt({ secret: SECRET, alg: 'HS256' }));
app.use('/secure', secureHeaders());
app.get('/etag/a', (c) => c.text('tagged'));
app.get('/bearer/a', (c) => c.text('in'));
app.get('/token', async (c) => c.text(await sign({ sub: 'ada' }, SECRET)));
app.get('/jwt/a', (c) => c.json(c.get('jwtPayload')));
app.get('/secure', (c) => c.text('safe'));
app.get('/cookie', async (c) => {
  await setSignedCookie(c, 'seen', 'yes', SECRET);
  return c.json({
    plain: getCookie(c, 'a') ?? null,
    signed: await getSignedCookie(c, SECRET, 'seen'),
  });
});
app.get('/stream', (c) =>
  stream(c, async (out) => {
    for (const part of ['a', 'b', 'c']) {
      await out.write(part);
      await out.sleep(1);
    }
  }),
);
app.get('/events', (c) =>
  streamSSE(c, async (out) => {
    await out.writeSSE({ data: 'one', id: '1' });
    await out.writeSSE({ data: 'two', event: 'more' });
  }),
);
app.post(
  '/form',
  validator('form', (value) => value),
  (c) => c.json(c.req.valid('form')),
);
app.onError((error, c) =>
  error instanceof HTTPException ? error.getResponse() : c.text(`failed: ${error.message}`, 500),
);
app.get('/fail', () => {
  throw new Error('on purpose');
});

export default app;
