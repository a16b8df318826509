import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { html } from 'hono/html';
import { logger } from 'hono/logger';
import { secureHeaders } from 'hono/secure-headers';

/** An ordinary Hono application: nothing in it knows popmesh. */

interface Book {
  readonly id: number;
  readonly title: string;
}

const books: Book[] = [
  { id: 1, title: 'The Mythical Man-Month' },
  { id: 2, title: 'A Discipline of Programming' },
];

const app = new Hono();

app.use('/api/*', cors());
app.use('/page/*', secureHeaders());
app.use('/logged', logger());

app.get('/', (c) => c.text('Hello from Hono!\n'));
app.get('/logged', (c) => c.text('logged'));
app.get('/api/books', (c) => c.json(books));
app.get('/api/books/:id', (c) => {
  const book = books.find(({ id }) => id === Number(c.req.param('id')));
  return book ? c.json(book) : c.json({ error: 'no such book' }, 404);
});
app.post('/api/books', async (c) => {
  const { title } = await c.req.json<{ title: string }>();
  return c.json({ id: books.length + 1, title }, 201);
});
app.get('/page/:name', (c) =>
  c.html(
    html`<!doctype html><title>${c.req.param('name')}</title><h1>Hello, ${c.req.param('name')}!</h1>`,
  ),
);
app.get('/search', (c) => c.json({ q: c.req.query('q') ?? null, all: c.req.queries('tag') ?? [] }));

app.onError((error, c) => c.json({ error: error.message }, 500));
app.notFound((c) => c.json({ error: 'not found' }, 404));

export default app;
