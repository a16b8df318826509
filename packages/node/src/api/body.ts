import { type Clock, PopmeshError } from '@popmesh/contracts';
import { atLeastRate } from './least-rate.ts';
import { boundaryOf, FormReader } from './multipart.ts';
import { type DeployManifest, manifestSchema } from './schemas.ts';

/**
 * Reads an upload with its caps held at every step: the declared length before
 * the first byte, the rate, the parts and the real length while reading.
 */

export const MANIFEST_BYTES_MAX = 256 * 1024;
/** Boundaries and part headers. */
const FRAMING_BYTES_MAX = 16 * 1024;
const JSON_BODY_BYTES_MAX = 64 * 1024;
/** Two are needed; what else comes along is read and dropped. */
const PARTS_MAX = 8;
const PART_HEADER_BYTES_MAX = 4 * 1024;
const OTHER_PART_BYTES_MAX = 4 * 1024;

/** So many may be of any size; of more, the average counts. */
const PIECES_FREE = 4_096;
const PIECE_BYTES_LEAST = 64;

type BodyClock = Pick<Clock, 'monotonic' | 'setTimer'>;

export const tooLarge = (limit: string, max: number): PopmeshError =>
  new PopmeshError('payload_too_large', `larger than ${max} bytes`, {
    hint: 'The operator sets this limit in node.toml, [limits].',
    details: { limit, max },
  });

const tooManyPieces = (): PopmeshError =>
  new PopmeshError('payload_too_large', 'the body comes in too many small chunks', {
    hint: `Send chunks of ${PIECE_BYTES_LEAST} bytes or more, or no chunks at all.`,
    details: { limit: 'body_pieces', max: PIECES_FREE },
  });

/** Throws before reading when the declared length is above the cap, or is no length. */
async function* capped(
  request: Request,
  limit: string,
  bytesMax: number,
  clock: BodyClock,
): AsyncGenerator<Uint8Array> {
  const declared = request.headers.get('content-length');
  if (declared !== null && !(Number(declared) <= bytesMax)) throw tooLarge(limit, bytesMax);
  if (request.body === null) return;
  let length = 0;
  let pieces = 0;
  for await (const part of atLeastRate(request.body, clock)) {
    length += part.length;
    // Chunks of one byte cost us a hundred and 4 µs each: 50 MB of them held a node for minutes.
    if (++pieces > PIECES_FREE && length < pieces * PIECE_BYTES_LEAST) throw tooManyPieces();
    if (length > bytesMax) throw tooLarge(limit, bytesMax);
    yield part;
  }
}

async function readCapped(
  request: Request,
  limit: string,
  bytesMax: number,
  clock: BodyClock,
): Promise<Uint8Array<ArrayBuffer>> {
  return Buffer.concat(await Array.fromAsync(capped(request, limit, bytesMax, clock)));
}

/** The same request with its body read, and no larger than JSON of ours is. */
export async function withCappedJson(request: Request, clock: BodyClock): Promise<Request> {
  const body = await readCapped(request, 'json_body_bytes', JSON_BODY_BYTES_MAX, clock);
  return new Request(request.url, {
    method: request.method,
    headers: { 'content-type': 'application/json' },
    body: body.length === 0 ? '{}' : body,
  });
}

export interface Upload {
  readonly manifest: DeployManifest;
  readonly component: Uint8Array;
}

export async function readUpload(
  request: Request,
  componentBytesMax: number,
  clock: BodyClock,
): Promise<Upload> {
  const type = request.headers.get('content-type') ?? '';
  const boundary = boundaryOf(type);
  if (!type.toLowerCase().startsWith('multipart/form-data') || boundary === undefined) {
    throw invalid('the body must be multipart/form-data with the parts manifest and component');
  }
  const bytesMax = new Map([
    ['component', componentBytesMax],
    ['manifest', MANIFEST_BYTES_MAX],
  ]);
  const form = new FormReader(boundary, {
    partsMax: PARTS_MAX,
    headerBytesMax: PART_HEADER_BYTES_MAX,
    bytesMax: (name) => bytesMax.get(name) ?? OTHER_PART_BYTES_MAX,
    tooLarge: (name) => {
      if (name === 'component') return tooLarge('component_mb', componentBytesMax);
      return tooLarge(
        name === 'manifest' ? 'manifest_bytes' : 'part_bytes',
        bytesMax.get(name) ?? OTHER_PART_BYTES_MAX,
      );
    },
  });
  const totalMax = componentBytesMax + MANIFEST_BYTES_MAX + FRAMING_BYTES_MAX;
  for await (const piece of capped(request, 'component_mb', totalMax, clock)) form.push(piece);
  const parts = new Map(form.end().map((part) => [part.name, part]));
  const component = parts.get('component');
  if (component?.isFile !== true) throw invalid('the part "component" is missing, or not a file');
  const manifest = parts.get('manifest');
  if (manifest === undefined) throw invalid('the part "manifest" is missing');
  return {
    manifest: parseManifest(Buffer.from(manifest.bytes).toString('utf8')),
    component: component.bytes,
  };
}

function parseManifest(text: string): DeployManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid('the part "manifest" is not JSON', cause);
  }
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw invalidInput('manifest', parsed.error.issues);
}

/** All problems at once, each with its path. */
export const invalidInput = (
  what: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): PopmeshError =>
  invalid(
    issues
      .slice(0, 20)
      .map(({ path, message }) => `${[what, ...path.map(String)].join('.')}: ${message}`)
      .join('; '),
  );

const invalid = (message: string, cause?: unknown): PopmeshError =>
  new PopmeshError('invalid_argument', message, { cause });
