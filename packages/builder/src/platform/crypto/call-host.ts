import { host, requireRunning } from '../host.ts';

/** The host's side of crypto.subtle (runtime/src/worker/crypto), with its failures as DOMExceptions. */

export function callHost(
  operation: string,
  parameters: object,
  data: Uint8Array[] = [],
): Uint8Array | string {
  requireRunning('crypto.subtle');
  const outcome = host.crypto(operation, JSON.stringify(parameters), data);
  if (outcome.tag !== 'failed') return outcome.val;
  const colon = outcome.val.indexOf(': ');
  throw new DOMException(outcome.val.slice(colon + 2), outcome.val.slice(0, colon));
}

export const forBytes = (operation: string, parameters: object, data?: Uint8Array[]): Uint8Array =>
  callHost(operation, parameters, data) as Uint8Array;

export const forJson = (operation: string, parameters: object, data?: Uint8Array[]): unknown =>
  JSON.parse(callHost(operation, parameters, data) as string);

export const toBuffer = (bytes: Uint8Array): ArrayBuffer =>
  (bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()).buffer as ArrayBuffer;
