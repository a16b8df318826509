import { type ErrorCode, PopmeshError } from '@popmesh/contracts';

/**
 * What a failed trial means for the upload: it cannot run, and why; or this node could not say, and
 * then the deploy may be tried again.
 */

const CANNOT_RUN: ReadonlySet<ErrorCode> = new Set([
  'invalid_component',
  'import_not_allowed',
  'function_trapped',
  'function_threw',
  'cpu_limit_exceeded',
  'memory_limit_exceeded',
  'timeout_exceeded',
  // It has ended its worker, or its process more than once.
  'executor_failed',
]);

export function verdictOf(caught: unknown, memoryMb: number): PopmeshError {
  const error = PopmeshError.from(caught);
  if (!CANNOT_RUN.has(error.code)) return error;
  const { code, message, details, cause } = error;
  return new PopmeshError('invalid_component', `The component does not start: ${message}`, {
    hint: error.hint ?? hintFor(code, memoryMb),
    details: { ...details, reason: code },
    cause,
  });
}

function hintFor(code: ErrorCode, memoryMb: number): string {
  switch (code) {
    case 'invalid_component':
    case 'import_not_allowed':
      return 'Build it without newer or experimental features of WebAssembly.';
    case 'timeout_exceeded':
    case 'cpu_limit_exceeded':
      return 'What it does when it is instantiated must end by itself: look for a loop there.';
    default:
      return `What it does when it is instantiated must not fail, and has ${memoryMb} MB of memory (limits.memory_mb).`;
  }
}
