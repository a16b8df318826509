import { IoError } from './io-error.ts';
import { err } from './result.ts';

/**
 * `wasi:filesystem` of a world without files: there are no preopens, so a guest never holds
 * a descriptor. The classes are there because the glue asks for them; whatever is called on
 * a forged one fails.
 */

const NOT_PERMITTED = Object.freeze(err('not-permitted'));
const refuse = () => NOT_PERMITTED;

export class Descriptor {
  isSameObject(): boolean {
    return false;
  }
}

const DESCRIPTOR_METHODS = [
  'readViaStream',
  'writeViaStream',
  'appendViaStream',
  'advise',
  'syncData',
  'getFlags',
  'getType',
  'setSize',
  'setTimes',
  'read',
  'write',
  'readDirectory',
  'sync',
  'createDirectoryAt',
  'stat',
  'statAt',
  'setTimesAt',
  'linkAt',
  'openAt',
  'readlinkAt',
  'removeDirectoryAt',
  'renameAt',
  'symlinkAt',
  'unlinkFileAt',
  'metadataHash',
  'metadataHashAt',
];
for (const name of DESCRIPTOR_METHODS) {
  Object.defineProperty(Descriptor.prototype, name, { value: refuse });
}

export class DirectoryEntryStream {
  readDirectoryEntry() {
    return NOT_PERMITTED;
  }
}

export const getDirectories = (): never[] => [];

export function filesystemErrorCode(error: IoError): undefined {
  if (!(error instanceof IoError)) throw new TypeError('filesystem-error-code: not an error');
  return undefined;
}
