/** What the adapter uses of the standard, as componentize-js presents it: an error result throws. */

declare module 'wasi:http/types@0.2.12' {
  import type { InputStream, OutputStream } from 'wasi:io/streams@0.2.12';

  type Method = { tag: string; val?: string };
  type FieldList = [name: string, value: Uint8Array][];

  class Fields {
    static fromList(entries: FieldList): Fields;
    entries(): FieldList;
    [Symbol.dispose](): void;
  }
  class IncomingBody {
    stream(): InputStream;
    [Symbol.dispose](): void;
  }
  class IncomingRequest {
    method(): Method;
    pathWithQuery(): string | undefined;
    scheme(): { tag: string; val?: string } | undefined;
    authority(): string | undefined;
    headers(): Fields;
    consume(): IncomingBody;
    [Symbol.dispose](): void;
  }
  class OutgoingBody {
    write(): OutputStream;
    static finish(body: OutgoingBody, trailers: Fields | undefined): void;
    [Symbol.dispose](): void;
  }
  class OutgoingResponse {
    constructor(headers: Fields);
    setStatusCode(status: number): void;
    body(): OutgoingBody;
  }
  class ResponseOutparam {
    static set(
      outparam: ResponseOutparam,
      result: { tag: 'ok'; val: OutgoingResponse } | { tag: 'err'; val: Method },
    ): void;
    [Symbol.dispose](): void;
  }

  export {
    Fields,
    IncomingBody,
    IncomingRequest,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
  };
}

declare module 'wasi:io/streams@0.2.12' {
  interface Pollable {
    block(): void;
    [Symbol.dispose](): void;
  }
  export interface InputStream {
    blockingRead(length: bigint): Uint8Array;
    [Symbol.dispose](): void;
  }
  export interface OutputStream {
    checkWrite(): bigint;
    write(bytes: Uint8Array): void;
    subscribe(): Pollable;
    [Symbol.dispose](): void;
  }
}

declare module 'wasi:cli/environment@0.2.12' {
  export function getEnvironment(): [string, string][];
}

declare module 'popmesh:author' {
  const author: Record<string, unknown>;
  export = author;
}
