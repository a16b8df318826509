import { PopmeshError } from '@popmesh/contracts';
import { type DeployManifest, manifestSchema } from './schemas.ts';

/**
 * Reads an upload with its caps held at every step: the declared length before
 * the first byte, the real length while reading, each part after.
 */

export const MANIFEST_BYTES_MAX = 256 * 1024;
/** Boundaries and part headers. */
const FRAMING_BYTES_MAX = 16 * 1024;
export const JSON_BODY_BYTES_MAX = 64 * 1024;

export const tooLarge = (limit: string, max: number): PopmeshError =>
  new PopmeshError('payload_too_large', `larger than ${max} bytes`, {
    hint: 'The operator sets this limit in node.toml, [limits].',
    details: { limit, max },
  });

/** Throws before reading when the declared length is above the cap, or is no length. */
export async function readCapped(
  request: Request,
  limit: string,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = request.headers.get('content-length');
  if (declared !== null && !(Number(declared) <= bytesMax)) throw tooLarge(limit, bytesMax);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > bytesMax) throw tooLarge(limit, bytesMax);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export interface Upload {
  readonly manifest: DeployManifest;
  readonly component: Uint8Array;
}

export async function readUpload(request: Request, componentBytesMax: number): Promise<Upload> {
  const type = request.headers.get('content-type') ?? '';
  if (!type.toLowerCase().startsWith('multipart/form-data')) {
    throw invalid('the body must be multipart/form-data with the parts manifest and component');
  }
  const body = await readCapped(
    request,
    'component_mb',
    componentBytesMax + MANIFEST_BYTES_MAX + FRAMING_BYTES_MAX,
  );
  let form: FormData;
  try {
    form = await new Response(body, { headers: { 'content-type': type } }).formData();
  } catch (cause) {
    throw invalid('the body is not readable as multipart/form-data', cause);
  }
  const component = form.get('component');
  if (!(component instanceof Blob)) throw invalid('the part "component" is missing, or not a file');
  if (component.size > componentBytesMax) throw tooLarge('component_mb', componentBytesMax);
  const manifest = form.get('manifest');
  if (manifest === null) throw invalid('the part "manifest" is missing');
  if ((typeof manifest === 'string' ? manifest.length : manifest.size) > MANIFEST_BYTES_MAX) {
    throw tooLarge('manifest_bytes', MANIFEST_BYTES_MAX);
  }
  return {
    manifest: parseManifest(typeof manifest === 'string' ? manifest : await manifest.text()),
    component: new Uint8Array(await component.arrayBuffer()),
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
