import { PopmeshError } from '@popmesh/contracts';

/** What requests and deploys are told when there is no slot for them. */

export function notStarted({ isSpent }: { readonly isSpent: boolean }, max: number): PopmeshError {
  const details = { limit: 'slotStartMs', max };
  return isSpent
    ? new PopmeshError('timeout_exceeded', 'The function did not start in time', { details })
    : new PopmeshError('unavailable', 'The function had too little time to start', { details });
}

export const ignoreOverload = (error: unknown): void => {
  if (!(error instanceof PopmeshError) || error.code !== 'overloaded') throw error;
};

export const overloaded = (message: string): PopmeshError =>
  new PopmeshError('overloaded', message);

export const stopping = (): PopmeshError =>
  new PopmeshError('unavailable', 'The executor is stopping');
