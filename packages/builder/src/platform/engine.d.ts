/** What QuickJS and the world give; everything else in this folder is ours. */

declare module 'popmesh:function/host@0.1.0' {
  interface Future {
    read(): Promise<number>;
    drop(): void;
  }
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
    timer(id: number, ms: number): Future;
    timerCancel(id: number): void;
    fetch(id: number, request: WireRequest): Future;
    fetchTake(id: number): { tag: 'ok'; val: WireResponse } | { tag: 'failed'; val: string };
    fetchAbort(id: number): void;
    pipeOpen(): number;
    pipeWrite(pipe: number, bytes: Uint8Array): Future;
    pipeClose(pipe: number, error: string): void;
    pipeReady(pipe: number): Future;
    pipeTake(pipe: number): Uint8Array;
    pipeCancel(pipe: number): void;
    gone(id: number): Future;
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

  export type { CryptoOutcome, Future, Host, WireBody, WireRequest, WireResponse };
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
