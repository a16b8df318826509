import { PopmeshError } from '@popmesh/contracts';

/** What requests and deploys are told when there is no slot for them. */

export const ignoreOverload = (error: unknown): void => {
  if (!(error instanceof PopmeshError) || error.code !== 'overloaded') throw error;
};

export const overloaded = (message: string): PopmeshError =>
  new PopmeshError('overloaded', message);

export const stopping = (): PopmeshError =>
  new PopmeshError('unavailable', 'The executor is stopping');
