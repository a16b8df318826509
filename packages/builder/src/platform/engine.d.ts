/** What QuickJS and the world give; everything else in this folder is ours. */

declare module 'popmesh:function/host@0.2.0' {
  type WireBody =
    | { tag: 'none' }
    | { tag: 'text'; val: string }
    | { tag: 'bytes'; val: Uint8Array }
    | { tag: 'pipe'; val: number };
  type CryptoOutcome =
    | { tag: 'bytes'; val: Uint8Array }
    | { tag: 'json'; val: string }
    | { tag: 'failed'; val: string };
  interface WireRequest {
    method: string;
    url: string;
    headers: string;
    body: WireBody;
  }
  interface WireResponse {
    status: number;
    headers: string;
    body: WireBody;
  }
  interface Host {
    config(): string;
    now(): number;
    monotonic(): number;
    random(length: number): Uint8Array;
    log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
    report(message: string, stack: string): void;
    respond(id: number, status: number, headers: string, text: string): void;
    respondBytes(id: number, status: number, headers: string, bytes: Uint8Array): void;
    respondPipe(id: number, status: number, headers: string, pipe: number): void;
    bodyText(id: number): string;
    bodyBytes(id: number): Uint8Array;
    timer(wait: number, ms: number): number;
    timerCancel(wait: number): void;
    fetch(wait: number, request: WireRequest): void;
    fetchTake(wait: number): { tag: 'ok'; val: WireResponse } | { tag: 'failed'; val: string };
    fetchAbort(wait: number): void;
    pipeOpen(): number;
    pipeWrite(wait: number, pipe: number, bytes: Uint8Array): number;
    pipeClose(pipe: number, error: string): void;
    pipeReady(wait: number, pipe: number): number;
    pipeTake(pipe: number): Uint8Array;
    pipeCancel(pipe: number): void;
    gone(wait: number, id: number): void;
    retain(id: number): void;
    release(id: number): void;
    urlParse(url: string, base: string): string;
    urlSet(href: string, part: string, value: string): string;
    utf8Encode(text: string): Uint8Array;
    utf8Decode(bytes: Uint8Array): string;
    compress(format: string, input: number): number;
    crypto(operation: string, parameters: string, data: Uint8Array[]): CryptoOutcome;
  }
  const host: Host;

  export type { CryptoOutcome, Host, WireBody, WireRequest, WireResponse };
  export default host;
}

declare module 'popmesh:author' {
  const author: Record<string, unknown>;
  export = author;
}

declare function atob(text: string): string;
declare function btoa(text: string): string;
// biome-ignore lint/suspicious/noShadowRestrictedNames: the engine has them, TypeScript hides them
declare function escape(text: string): string;
// biome-ignore lint/suspicious/noShadowRestrictedNames: as above
declare function unescape(text: string): string;
declare function queueMicrotask(callback: () => void): void;

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
}
