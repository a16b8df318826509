import { WASI_ASYNC_EXPORTS, WASI_ASYNC_IMPORTS } from '../prepare/generate-options.ts';

/**
 * How jco transpiles a component for this host. Refused: marking more stream calls as
 * asynchronous, since each suspension costs about as much as ten plain calls.
 */
export const wasiTranspileOptions = Object.freeze({
  instantiation: 'async',
  asyncMode: 'jspi',
  asyncImports: WASI_ASYNC_IMPORTS,
  asyncExports: WASI_ASYNC_EXPORTS,
} as const);
