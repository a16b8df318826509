import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PopmeshError, parseName } from '@popmesh/contracts';

/** A new function's folder from a template; the templates are ordinary files, tested by building them. */

export const LANGUAGES = ['ts', 'js', 'rust'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface InitOptions {
  readonly name: string;
  readonly lang: Language;
}

const TEMPLATES = fileURLToPath(new URL('../templates/', import.meta.url));
/** What may be in a folder that is taken over: nothing that we would write over. */
const PLACEHOLDER = /FUNCTION_NAME/g;

/** Answers the paths written, relative to `folder`. Throws `conflict` rather than overwrite. */
export async function initProject(folder: string, { name, lang }: InitOptions): Promise<string[]> {
  parseName(name, 'function name');
  const template = join(TEMPLATES, lang);
  const files = await templateFiles(template);
  const present = new Set(await readdir(folder, { recursive: true }).catch(() => []));
  const taken = files.map(({ target }) => target).filter((target) => present.has(target));
  if (taken.length > 0) {
    throw new PopmeshError('conflict', `${folder} already has ${taken.join(', ')}`, {
      hint: 'Choose a new folder; nothing was written.',
    });
  }
  for (const { source, target } of files) {
    const path = join(folder, target);
    await mkdir(dirname(path), { recursive: true });
    const text = (await readFile(source, 'utf8')).replace(PLACEHOLDER, name);
    // `wx`: a file that appeared in between is not overwritten either.
    await writeFile(path, text, { flag: 'wx' });
  }
  return files.map(({ target }) => target);
}

/** A leading `_` stands for a dot, so that a template's .gitignore does not act on the template. */
async function templateFiles(template: string): Promise<{ source: string; target: string }[]> {
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((source) => ({ source, target: relative(template, source).replace(/(^|\/)_/g, '$1.') }));
}
