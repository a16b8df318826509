import { readFileSync } from 'node:fs';
import { componentEmbed, componentNew, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { ALLOWED_INTERFACES } from '../check/allow-list.ts';
import { ByteReader } from '../check/bytes.ts';
import type { HostWorld, Signatures } from '../check/signatures.ts';
import type { DoorName } from '../worker/door.ts';

/**
 * Makes `check/generated/host-worlds.ts` from the WIT of what this node hosts: proto/wit, and the
 * wasi packages that jco ships. A test compares the two, so that neither changes alone.
 */

/** The newest 0.2 that jco has; a later one may only have more in it. */
export const WASI_VERSION = '0.2.12';
const PACKAGES = ['io', 'clocks', 'random', 'filesystem', 'sockets', 'cli', 'http'];
const FUNCTION_WIT = new URL('../../../../proto/wit/function.wit', import.meta.url);

const BUILTIN = '../../node_modules/@bytecodealliance/jco/lib/wit/builtin';
const wasiFile = (name: string): string =>
  readFileSync(
    new URL(`${BUILTIN}/${WASI_VERSION}/wasi-${name}/package.wit`, import.meta.url),
    'utf8',
  );

/** All of wasi as packages inside another file. */
export const wasiPackages = (): string =>
  PACKAGES.map((name) => {
    const text = wasiFile(name);
    const [line = '', id = ''] = /^package ([^;]+);/m.exec(text) ?? [];
    return `package ${id} {\n${text.replace(line, '')}\n}\n`;
  }).join('');

export const functionPackage = (): string => readFileSync(FUNCTION_WIT, 'utf8');

/** All that may be imported; and as an import too, for its type, what has to be exported. */
const SOURCES: readonly { door: DoorName; world: string; wit: () => string }[] = [
  {
    door: 'popmesh:function',
    world: 'function',
    wit: () => functionPackage().replaceAll(/export (handle|settle):/g, 'import $1:'),
  },
  {
    door: 'wasi:http',
    world: 'all',
    wit: () =>
      `package popmesh:check;\nworld all {\n${[
        ...ALLOWED_INTERFACES['wasi:http'],
        'wasi:http/incoming-handler',
      ]
        .map((name) => `import ${name}@${WASI_VERSION};\n`)
        .join('')}}\n${wasiPackages()}`,
  },
];

/** A component of that world whose core module does nothing. */
export async function dummyOf(witSource: string, world: string): Promise<Uint8Array> {
  return new Uint8Array(
    await componentNew(await componentEmbed({ witSource, world, dummy: true }), []),
  );
}

/** What comes before the first core module: types, aliases and imports. */
function preludeOf(component: Uint8Array): Uint8Array {
  const reader = new ByteReader(component, 8);
  let end = 8;
  while (!reader.done && reader.byte('section id') !== 1) {
    reader.slice(reader.u32('section size'), 'section');
    end = reader.offset;
  }
  return component.slice(0, end);
}

/** Index spaces, read from the text that wasm-tools prints: four shapes of line, two spaces in. */
function indicesOf(text: string): Omit<HostWorld, 'prelude'> {
  const instances: Record<string, number> = {};
  const types: Record<string, number> = {};
  let typeCount = 0;
  const handlers: { name: string; type: number }[] = [];
  let declared: string[] = [];
  for (const line of text.split('\n')) {
    if (/^ {2}\((?:type |alias export|import "[a-z-]+" \(type )/.test(line)) typeCount++;
    const [, exported] = /^ {6}\(export \(;\d+;\) "([^"]+)" \(type /.exec(line) ?? [];
    if (exported !== undefined) declared.push(exported);
    const [, name = '', instance, type] =
      /^ {2}\(import "([^"]+)" \(instance \(;(\d+);\) \(type (\d+)\)/.exec(line) ?? [];
    if (instance !== undefined) {
      const plain = name.slice(0, name.lastIndexOf('@'));
      instances[plain] = Number(instance);
      for (const it of declared) types[it] ??= Number(instance);
      declared = [];
      if (plain === 'wasi:http/incoming-handler') handlers.push({ name, type: Number(type) });
    }
    const [, own = '', of] =
      /^ {2}\(import "([a-z]+)" \(func \(;\d+;\) \(type (\d+)\)/.exec(line) ?? [];
    if (of !== undefined) handlers.push({ name: own, type: Number(of) });
  }
  if (handlers.length === 0) throw new Error('no handler in the world');
  return { instances, types, typeCount, handlers };
}

/** Every function of every interface as its WIT says it, under the name that it has in a binary. */
export function signaturesIn(wit: string): Signatures {
  const text = wit
    .replace(/\/\/.*$/gm, '')
    .replace(/@unstable\([^)]*\)[^;]*;/g, '')
    .replace(/@[a-z]+\([^)]*\)/g, '')
    .replace(/\s+/g, ' ');
  const all: Record<string, Record<string, string>> = {};
  const pack = /package ([a-z-]+:[a-z-]+)@/.exec(text)?.[1];
  for (const [, face, body = ''] of blocksOf(text, 'interface')) {
    const functions: Record<string, string> = {};
    let rest = body;
    for (const [whole = '', resource, members = ''] of blocksOf(body, 'resource')) {
      rest = rest.replace(whole, '');
      for (const [, parameters = ''] of members.matchAll(/constructor(\([^;]*);/g))
        functions[`[constructor]${resource}`] = `constructor${tidy(parameters)}`;
      for (const [, name, still, signature = ''] of members.matchAll(FUNCTION))
        functions[`[${still === undefined ? 'method' : 'static'}]${resource}.${name}`] =
          tidy(signature);
    }
    for (const [, name = '', , signature = ''] of rest.matchAll(FUNCTION))
      functions[name] = tidy(signature);
    all[`${pack}/${face}`] = functions;
  }
  return all;
}

const FUNCTION = /%?([a-zA-Z0-9-]+): (static )?((?:async )?func\([^;]*);/g;
const tidy = (signature: string): string =>
  signature.replace(/,? \)/g, ')').replace(/%/g, '').replace(/\( /g, '(').trim();

/** `keyword name { … }`, with as many braces closed as opened. */
function blocksOf(text: string, keyword: string): string[][] {
  const blocks: string[][] = [];
  for (const match of text.matchAll(new RegExp(`${keyword} %?([a-z0-9-]+) \\{`, 'g'))) {
    let [depth, end] = [1, match.index + match[0].length];
    for (; depth > 0 && end < text.length; end++) {
      if (text[end] === '{') depth++;
      else if (text[end] === '}') depth--;
    }
    const whole = text.slice(match.index, end);
    blocks.push([whole, match[1] ?? '', whole.slice(match[0].length, -1)]);
  }
  return blocks;
}

export async function hostWorldsSource(): Promise<string> {
  const worlds: Partial<Record<DoorName, HostWorld>> = {};
  for (const { door, world, wit } of SOURCES) {
    const prelude = preludeOf(await dummyOf(wit(), world));
    worlds[door] = {
      ...indicesOf(await print(prelude)),
      prelude: Buffer.from(prelude).toString('base64'),
    };
  }
  const signatures: Signatures = Object.assign(
    {},
    ...[functionPackage(), ...PACKAGES.map(wasiFile)].map(signaturesIn),
    {
      '': Object.fromEntries(
        [...functionPackage().matchAll(/export ([a-z]+): (async func\([^;]*);/g)].map(
          ([, name = '', signature = '']) => [name, signature],
        ),
      ),
    },
  );
  return [
    '/** Written by `node packages/runtime/src/testing/write-host-worlds.ts`. Do not edit. */',
    "import type { DoorName } from '../../worker/door.ts';",
    "import type { HostWorld, Signatures } from '../signatures.ts';",
    '',
    `export const HOST_WORLDS: Readonly<Record<DoorName, HostWorld>> = ${JSON.stringify(worlds, null, 2)};`,
    '',
    `export const SIGNATURES: Signatures = ${JSON.stringify(signatures, null, 2)};`,
    '',
  ].join('\n');
}
