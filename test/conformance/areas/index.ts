import { abort } from './abort.ts';
import type { Area } from './area.ts';
import { clone } from './clone.ts';
import { compression } from './compression.ts';
import { webCrypto } from './crypto.ts';
import { blobs, headers, requests, responses } from './fetch.ts';
import { streams } from './streams.ts';
import { base64, encoding } from './text.ts';
import { searchParams, url } from './url.ts';

export const AREAS: Readonly<Record<string, Area>> = {
  URL: url,
  URLSearchParams: searchParams,
  'TextEncoder, TextDecoder': encoding,
  'atob, btoa': base64,
  Headers: headers,
  Request: requests,
  Response: responses,
  'Blob, FormData': blobs,
  Streams: streams,
  CompressionStream: compression,
  'AbortSignal, EventTarget': abort,
  structuredClone: clone,
  'crypto.subtle': webCrypto,
};
