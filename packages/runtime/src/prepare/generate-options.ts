import type { GenerateOptions } from '@bytecodealliance/jco-transpile/component';
import type { DoorName } from '../worker/door.ts';

/** Imports of a `wasi:http` component that may wait: jco wraps them for JSPI. */
export const WASI_ASYNC_IMPORTS: readonly string[] = [
  'wasi:io/poll#poll',
  'wasi:io/poll#[method]pollable.block',
  'wasi:io/streams#[method]input-stream.blocking-read',
  'wasi:io/streams#[method]input-stream.blocking-skip',
  'wasi:io/streams#[method]output-stream.blocking-flush',
  'wasi:io/streams#[method]output-stream.blocking-write-and-flush',
  'wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush',
  'wasi:io/streams#[method]output-stream.blocking-splice',
];

export const WASI_ASYNC_EXPORTS: readonly string[] = ['wasi:http/incoming-handler#handle'];

/** What the child says when it stands, before it has read a byte of the component. */
export const CHILD_STANDS = 0x2b;

/** Name of the glue module among the files. */
export const GLUE_FILE = 'component.js';

/**
 * Instantiation mode only: the glue never chooses its own imports. No core module is
 * inlined (`base64Cutoff: 0`), so that every one gets its memory maximum rewritten.
 */
export function generateOptions(door: DoorName): GenerateOptions {
  return {
    name: 'component',
    map: [],
    instantiation: { tag: 'async' },
    validLiftingOptimization: true,
    noComponentErrorWrapping: true,
    noNodejsCompat: true,
    noTypescript: true,
    noNamespacedExports: door === 'popmesh:function',
    tlaCompat: false,
    base64Cutoff: 0,
    ...(door === 'wasi:http'
      ? {
          asyncMode: {
            tag: 'jspi',
            val: { imports: [...WASI_ASYNC_IMPORTS], exports: [...WASI_ASYNC_EXPORTS] },
          },
        }
      : {}),
  };
}
