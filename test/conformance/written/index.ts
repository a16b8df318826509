import { abortPrograms } from './abort.ts';
import { clonePrograms } from './clone.ts';
import { base64Programs, encodingPrograms } from './encoding.ts';
import { headersPrograms, requestPrograms } from './fetch.ts';
import { responsePrograms } from './response.ts';
import { streamPartPrograms } from './stream-parts.ts';
import { streamPrograms } from './streams.ts';
import { wptUrls } from './url.ts';

/** Inputs that are listed and not generated, by area and kind. */
export const LISTED: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> = {
  URL: { wpt: wptUrls() },
  'TextEncoder, TextDecoder': { written: Object.keys(encodingPrograms) },
  'atob, btoa': { written: Object.keys(base64Programs) },
  Headers: { written: Object.keys(headersPrograms) },
  Request: { written: Object.keys(requestPrograms) },
  Response: { written: Object.keys(responsePrograms) },
  Streams: { written: [...Object.keys(streamPrograms), ...Object.keys(streamPartPrograms)] },
  'AbortSignal, EventTarget': { written: Object.keys(abortPrograms) },
  structuredClone: { written: Object.keys(clonePrograms) },
};
