import { PopmeshError } from '@popmesh/contracts';

/**
 * Reads `multipart/form-data` piece by piece as it comes: each piece costs what its bytes cost,
 * and a part, a header or a byte too many ends it there. Refused: `formData()`, which takes the
 * whole body first and then held the event loop for 7 s over 820,000 empty parts; a library,
 * since what an upload needs of the format is this page.
 */

export interface FormPart {
  readonly name: string;
  readonly isFile: boolean;
  readonly bytes: Uint8Array;
}

export interface FormLimits {
  readonly partsMax: number;
  /** Of the lines before the content of one part. */
  readonly headerBytesMax: number;
  /** Content of a part by its name, in bytes; throws, where it may not be there at all. */
  readonly bytesMax: (name: string) => number;
  readonly tooLarge: (name: string) => PopmeshError;
}

const CRLF = Buffer.from('\r\n');
const HEADERS_END = Buffer.from('\r\n\r\n');
const BOUNDARY_LENGTH_MAX = 70;

/** `boundary` of a content type; undefined where there is none that is valid. */
export function boundaryOf(contentType: string): string | undefined {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]*)"|([^\s;"]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain ?? '';
  const isValid = /^[\w'()+,\-./:=? ]*[\w'()+,\-./:=?]$/.test(boundary);
  return isValid && boundary.length <= BOUNDARY_LENGTH_MAX ? boundary : undefined;
}

type State = 'preamble' | 'boundary' | 'headers' | 'content' | 'over';

export class FormReader {
  readonly parts: FormPart[] = [];
  readonly #limits: FormLimits;
  readonly #delimiter: Buffer;
  #state: State = 'preamble';
  /** Never longer than a delimiter or a part's headers, and one piece. */
  #rest: Buffer;
  #count = 0;
  #name = '';
  #isFile = false;
  #content: Buffer[] = [];
  #contentBytes = 0;

  constructor(boundary: string, limits: FormLimits) {
    this.#limits = limits;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
    // The first delimiter may stand at the very beginning.
    this.#rest = CRLF;
  }

  push(piece: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#rest, piece]);
    while (this.#step()) {}
  }

  /** Throws where something is missing at the end. */
  end(): FormPart[] {
    if (this.#state !== 'over') throw malformed('it ends before its last boundary');
    return this.parts;
  }

  /** False when more must come first. */
  #step(): boolean {
    switch (this.#state) {
      case 'preamble':
      case 'content':
        return this.#readContent();
      case 'boundary':
        return this.#readBoundary();
      case 'headers':
        return this.#readHeaders();
      case 'over':
        // What follows the last boundary is nothing.
        this.#rest = Buffer.alloc(0);
        return false;
    }
  }

  #readContent(): boolean {
    const at = this.#rest.indexOf(this.#delimiter);
    const end = at >= 0 ? at : Math.max(0, this.#rest.length - this.#delimiter.length + 1);
    if (this.#state === 'content') this.#take(this.#rest.subarray(0, end));
    if (at < 0) {
      this.#rest = this.#rest.subarray(end);
      return false;
    }
    if (this.#state === 'content') this.#finish();
    this.#rest = this.#rest.subarray(at + this.#delimiter.length);
    this.#state = 'boundary';
    return true;
  }

  #take(bytes: Buffer): void {
    this.#contentBytes += bytes.length;
    if (this.#contentBytes > this.#limits.bytesMax(this.#name)) {
      throw this.#limits.tooLarge(this.#name);
    }
    if (bytes.length > 0) this.#content.push(bytes);
  }

  #finish(): void {
    if (this.parts.some(({ name }) => name === this.#name)) {
      throw malformed(`the part ${JSON.stringify(this.#name)} comes twice`);
    }
    const bytes = Buffer.concat(this.#content);
    this.parts.push({ name: this.#name, isFile: this.#isFile, bytes });
    this.#content = [];
    this.#contentBytes = 0;
  }

  /** Two dashes are the end; a line break begins the next part. */
  #readBoundary(): boolean {
    if (this.#rest.length < 2) return false;
    const [first, second] = this.#rest;
    if (first === 0x2d && second === 0x2d) this.#state = 'over';
    else if (first === 0x0d && second === 0x0a) {
      if (++this.#count > this.#limits.partsMax) {
        throw malformed(`it has more than ${this.#limits.partsMax} parts`);
      }
      this.#state = 'headers';
      // With the line break, so that a part without any header ends like the others.
      return true;
    } else throw malformed('something follows a boundary');
    this.#rest = this.#rest.subarray(2);
    return true;
  }

  #readHeaders(): boolean {
    const at = this.#rest.indexOf(HEADERS_END);
    if (
      at > this.#limits.headerBytesMax ||
      (at < 0 && this.#rest.length > this.#limits.headerBytesMax)
    ) {
      throw malformed(`a part has more than ${this.#limits.headerBytesMax} bytes of headers`);
    }
    if (at < 0) return false;
    const { name, isFile } = dispositionOf(this.#rest.subarray(0, at).toString('utf8'));
    this.#name = name;
    this.#isFile = isFile;
    // Throws for a part that may not be there.
    this.#limits.bytesMax(name);
    // An empty content is followed by its delimiter, whose line break is this one's.
    this.#rest = this.#rest.subarray(at + HEADERS_END.length);
    this.#state = 'content';
    return true;
  }
}

function dispositionOf(headers: string): { name: string; isFile: boolean } {
  const line = headers.split('\r\n').find((it) => /^content-disposition:/i.test(it)) ?? '';
  const name = /^[^:]+:\s*form-data\s*;(?:.*;)?\s*name="([^"]*)"/i.exec(line)?.[1];
  if (name === undefined) throw malformed('a part has no name');
  return { name, isFile: /;\s*filename\*?=/i.test(line) };
}

const malformed = (what: string): PopmeshError =>
  new PopmeshError('invalid_argument', `the body is not usable as multipart/form-data: ${what}`);
