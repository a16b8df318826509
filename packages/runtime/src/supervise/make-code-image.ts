import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DIGEST_FILE, digestOfImage, IMAGE_FILE, LOADER_FILE } from './code-image-files.ts';

/**
 * Entry of the one-shot process that makes a code image (code-image.ts), in the folder that it
 * is given: everything that the executor's entries import, found by following them.
 */

const ENTRY = new URL('../executor/main.ts', import.meta.url);
const LOADER = new URL('../executor/image-loader.ts', import.meta.url);
const CONTRACTS = '@popmesh/contracts';
/** What stripped code imports: static, dynamic, and entries of workers. */
const IMPORTS =
  /\b(?:from|import)\s*\(?\s*'([^'\n]+)'|new URL\(\s*'([^'\n]+\.ts)',\s*import\.meta\.url\s*\)/g;

/** By URL; what is not one of our own modules is left to Node. */
async function collect(): Promise<Record<string, string>> {
  const sources: Record<string, string> = {};
  const contracts = import.meta.resolve(CONTRACTS);
  const waiting = [ENTRY.href];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    if (sources[url] !== undefined) continue;
    const source = stripTypeScriptTypes(await readFile(fileURLToPath(url), 'utf8'));
    sources[url] = source;
    for (const [, imported = '', entry = ''] of source.matchAll(IMPORTS)) {
      const specifier = imported || entry;
      if (specifier === CONTRACTS) waiting.push(contracts);
      else if (specifier.startsWith('.')) waiting.push(new URL(specifier, url).href);
    }
  }
  return sources;
}

async function make(directory: string): Promise<void> {
  const temporary = `${directory}.new`;
  await mkdir(temporary, { recursive: true });
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(join(temporary, name), text);
    await chmod(join(temporary, name), 0o644);
  };
  const names = { [CONTRACTS]: import.meta.resolve(CONTRACTS) };
  await write(IMAGE_FILE, JSON.stringify({ names, sources: await collect() }));
  await write(LOADER_FILE, stripTypeScriptTypes(await readFile(LOADER, 'utf8')));
  await write(DIGEST_FILE, await digestOfImage(temporary));
  // Executors may run as users of their own.
  for (const folder of [dirname(directory), temporary]) await chmod(folder, 0o755);
  await rename(temporary, directory);
}

// tidy-allow: the entry of a process of its own
await make(process.argv[2] ?? '');
