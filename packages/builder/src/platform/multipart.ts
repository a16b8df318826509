import { bytesOf, File } from './blob.ts';
import { concatBytes } from './buffer-source.ts';
import { FormData } from './form-data.ts';
import { random } from './random.ts';
import { URLSearchParams } from './url-search-params.ts';
import { bytesToLatin1, decodeUtf8, encodeUtf8, latin1ToBytes } from './utf8.ts';

/** FormData to and from bodies: multipart/form-data both ways, and urlencoded reading. */

const CRLF = '\r\n';
/** A bound on parts, so that a body of boundaries alone cannot make millions of objects. */
const PARTS_MAX = 10_000;

const escapeName = (text: string): string =>
  text.replace(/\r?\n|\r/g, CRLF).replace(/[\r\n"]/g, (c) => encodeURIComponent(c));

export function serialiseForm(form: FormData): { bytes: Uint8Array; type: string } {
  const boundary = `----popmesh${`${random()}`.slice(2)}${`${random()}`.slice(2)}`;
  const parts: Uint8Array[] = [];
  for (const [name, value] of form) {
    const head = `--${boundary}${CRLF}content-disposition: form-data; name="${escapeName(name)}"`;
    if (typeof value === 'string') {
      const text = value.replace(/\r?\n|\r/g, CRLF);
      parts.push(encodeUtf8(`${head}${CRLF}${CRLF}${text}${CRLF}`));
      continue;
    }
    const type = value.type === '' ? 'application/octet-stream' : value.type;
    const file = value.name.replace(/[\r\n"]/g, (c) => encodeURIComponent(c));
    parts.push(
      encodeUtf8(`${head}; filename="${file}"${CRLF}content-type: ${type}${CRLF}${CRLF}`),
      bytesOf(value),
      encodeUtf8(CRLF),
    );
  }
  parts.push(encodeUtf8(`--${boundary}--${CRLF}`));
  return { bytes: concatBytes(parts), type: `multipart/form-data; boundary=${boundary}` };
}

export function parseForm(bytes: Uint8Array, contentType: string): FormData {
  const [essence = ''] = contentType.split(';');
  const type = essence.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') {
    const form = new FormData();
    for (const [name, value] of new URLSearchParams(decodeUtf8(bytes, false))) {
      form.append(name, value);
    }
    return form;
  }
  if (type === 'multipart/form-data') {
    const found = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
    const boundary = found?.[1] ?? found?.[2];
    if (boundary !== undefined) return parseMultipart(bytes, boundary);
  }
  throw new TypeError(`The body is not a form: its content-type is ${JSON.stringify(contentType)}`);
}

const MALFORMED = 'The body is not well-formed multipart/form-data';

/** Over a latin1 string, one char a byte: searching strings is native, searching bytes is not. */
function parseMultipart(bytes: Uint8Array, boundary: string): FormData {
  const form = new FormData();
  const body = bytesToLatin1(bytes);
  const delimiter = `--${boundary}`;
  let at = body.startsWith(delimiter) ? 0 : body.indexOf(`${CRLF}${delimiter}`) + 2;
  if (at === 1) throw new TypeError(MALFORMED);
  for (let count = 0; ; count++) {
    at += delimiter.length;
    if (body.startsWith('--', at)) return form;
    if (count === PARTS_MAX) throw new TypeError(`More than ${PARTS_MAX} form parts`);
    const lineEnd = body.indexOf(CRLF, at);
    const headEnd = body.indexOf(`${CRLF}${CRLF}`, lineEnd);
    const next = body.indexOf(`${CRLF}${delimiter}`, headEnd + 2);
    if (lineEnd < 0 || headEnd < 0 || next < 0) throw new TypeError(MALFORMED);
    addPart(form, body.slice(lineEnd, headEnd), body.slice(headEnd + 4, next));
    at = next + 2;
  }
}

const utf8 = (latin1: string): string => decodeUtf8(latin1ToBytes(latin1), false);

function addPart(form: FormData, head: string, content: string): void {
  const disposition = /\r\ncontent-disposition:\s*form-data(;[^\r]*)/i.exec(head)?.[1];
  const name = disposition === undefined ? undefined : parameter(disposition, 'name');
  if (disposition === undefined || name === undefined) throw new TypeError(MALFORMED);
  const fileName = parameter(disposition, 'filename');
  if (fileName === undefined) form.append(name, utf8(content));
  else {
    const type = /\r\ncontent-type:\s*([^\r]*)/i.exec(head)?.[1]?.trim() ?? 'text/plain';
    form.append(name, new File([latin1ToBytes(content)], fileName, { type }));
  }
}

function parameter(disposition: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]*))`, 'i').exec(disposition);
  const value = found?.[1] ?? found?.[2];
  if (value === undefined) return undefined;
  return utf8(value).replace(/%(0A|0D|22)/gi, (escaped) => decodeURIComponent(escaped));
}
