import { AbortController, AbortSignal } from './abort.ts';
import { Blob, File } from './blob.ts';
import { PlatformDate, performance } from './clock.ts';
import { CompressionStream, DecompressionStream } from './compression.ts';
import { console } from './console/console.ts';
import { CryptoKey } from './crypto/crypto-key.ts';
import { SubtleCrypto } from './crypto/subtle.ts';
import { defineGlobal } from './define.ts';
import { TextDecoder, TextEncoder } from './encoding.ts';
import { CustomEvent, Event, EventTarget } from './events.ts';
import { fetch } from './fetch.ts';
import { FormData } from './form-data.ts';
import { globalEvents, PromiseRejectionEvent } from './global-events.ts';
import { Headers } from './headers.ts';
import { PlatformFinalizationRegistry, queueMicrotask } from './jobs.ts';
import { getRandomValues, random, randomUUID } from './random.ts';
import { reportError } from './report.ts';
import { Request } from './request.ts';
import { Response } from './response.ts';
import * as streams from './streams.ts';
import { structuredClone } from './structured-clone.ts';
import { clearTimer, setInterval, setTimeout } from './timers.ts';
import { URL } from './url.ts';
import { URLSearchParams } from './url-search-params.ts';

/** Every global, in one list. */

const GLOBALS: Readonly<Record<string, unknown>> = {
  self: globalThis,
  AbortController,
  AbortSignal,
  Blob,
  CompressionStream,
  CryptoKey,
  CustomEvent,
  Date: PlatformDate,
  DecompressionStream,
  Event,
  EventTarget,
  File,
  FinalizationRegistry: PlatformFinalizationRegistry,
  FormData,
  Headers,
  PromiseRejectionEvent,
  Request,
  Response,
  SubtleCrypto,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  ...streams,
  addEventListener: globalEvents.addEventListener.bind(globalEvents),
  clearInterval: clearTimer,
  clearTimeout: clearTimer,
  console,
  crypto: Object.freeze({ getRandomValues, randomUUID, subtle: new SubtleCrypto() }),
  dispatchEvent: globalEvents.dispatchEvent.bind(globalEvents),
  fetch,
  navigator: Object.freeze({ userAgent: 'popmesh', language: 'en', hardwareConcurrency: 1 }),
  onunhandledrejection: null,
  performance,
  queueMicrotask,
  removeEventListener: globalEvents.removeEventListener.bind(globalEvents),
  reportError,
  setInterval,
  setTimeout,
  structuredClone,
};

for (const [name, value] of Object.entries(GLOBALS)) {
  defineGlobal(name, value);
  // The bundler renames classes that refer to themselves or that collide.
  if (typeof value === 'function' && /^[A-Z]/.test(name)) {
    Object.defineProperty(value, 'name', { value: name, configurable: true });
  }
}
Object.defineProperty(Math, 'random', { value: random, writable: true, configurable: true });
// The engine's binding layer is no business of the author's.
Reflect.deleteProperty(globalThis, 'wit');
