/** A failure with the name of the DOMException that the guest throws for it. */

export type FailureName =
  | 'DataError'
  | 'InvalidAccessError'
  | 'NotSupportedError'
  | 'OperationError'
  | 'QuotaExceededError';

export class CryptoFailure extends Error {
  constructor(name: FailureName, message: string) {
    super(message);
    this.name = name;
  }

  /** What node:crypto says about keys and data is told as it is: it names no secret. */
  static from(caught: unknown): CryptoFailure {
    if (caught instanceof CryptoFailure) return caught;
    const message = caught instanceof Error ? caught.message : 'the operation failed';
    return new CryptoFailure('OperationError', message.replaceAll('\n', ' '));
  }
}

/** Malformed input of the caller's, as WebCrypto tells it from a failed operation. */
export function orDataError<T>(run: () => T): T {
  try {
    return run();
  } catch (caught) {
    if (caught instanceof CryptoFailure) throw caught;
    throw new CryptoFailure('DataError', (caught as Error).message.replaceAll('\n', ' '));
  }
}
