import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** Where jco and what its own wasm runs on are installed; the child may read these only. */

const jco = createRequire(import.meta.url).resolve('@bytecodealliance/jco-transpile/component');

/** `…/node_modules/@scope/name` of a file inside that package. */
function packageFolder(file: string): string {
  const marker = '/node_modules/';
  const at = file.lastIndexOf(marker) + marker.length;
  return `${file.slice(0, at)}${file.slice(at).split('/').slice(0, 2).join('/')}`;
}

export function jcoFolders(): string[] {
  const shim = createRequire(jco).resolve('@bytecodealliance/preview2-shim');
  const fs = createRequire(shim).resolve('@bytecodealliance/jco-node-fs');
  return [
    ...[jco, shim, fs].map((file) => packageFolder(file)),
    // The links that lead from one package to the next.
    ...[jco, shim].map((file) => dirname(packageFolder(file))),
  ];
}

export function jcoVersion(): string {
  const text = readFileSync(`${packageFolder(jco)}/package.json`, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
