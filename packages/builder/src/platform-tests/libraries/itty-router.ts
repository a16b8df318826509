import { AutoRouter, cors, type IRequest, StatusError } from 'itty-router';

const { preflight } = cors({ origin: 'https://a.test' });
const books = [{ id: 1, title: 'Purity' }];

const router = AutoRouter({ before: [preflight] });
router
  .get('/books', () => books)
  .get('/books/:id', ({ id }: IRequest) => books.find((book) => book.id === Number(id)))
  .post('/books', async (request: IRequest) => ({ got: await request.json() }))
  .get('/search', ({ query }: IRequest) => query)
  .get('/fail', () => {
    throw new StatusError(418, 'teapot');
  });

export default router;
