/** Where in the TOML text a key stands. A scan of lines, since the parser keeps no positions. */

export const snakeCase = (key: string): string =>
  /^[A-Z0-9_]+$/.test(key) ? key : key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** 1-based; undefined when the key is not written in the text (it is missing, or came from elsewhere). */
export function lineOfKey(text: string, path: readonly string[]): number | undefined {
  const wanted = path.map(snakeCase).join('.');
  let section = '';
  let found: number | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?\s*([\w.\-\s"]+?)\s*\]\]?/.exec(line)?.[1];
    if (header !== undefined) section = header.replace(/["\s]/g, '');
    const key = header === undefined ? /^\s*([\w.\-"]+)\s*=/.exec(line)?.[1] : undefined;
    const here =
      key === undefined ? section : [section, key.replaceAll('"', '')].filter(Boolean).join('.');
    if (header === undefined && key === undefined) continue;
    if (here === wanted) return index + 1;
    // A problem inside an inline table or array is told at the line that holds it.
    if (key !== undefined && wanted.startsWith(`${here}.`)) found ??= index + 1;
  }
  return found;
}
