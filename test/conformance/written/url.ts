import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Inputs of the web-platform-tests' urltestdata.json, with what it says of each: whether parsing
 * fails. From @wordpress/url, the one package on npm that we know to carry some of that file; of
 * the package nothing else is used. (The file is BSD-3-Clause, the package's code GPL.)
 */

export interface WptUrl {
  readonly input: string;
  readonly failure?: boolean;
}

/**
 * Names whose Punycode decodes to nothing useful: the copy that npm has is of 2020 and refuses
 * them; Node 26 and a function take them.
 */
export const DISPUTED: readonly string[] = [
  'http://a.b.c.xn--pokxncvks',
  'http://10.0.0.xn--pokxncvks',
  'file://xn--/p',
];

const packageFolder = dirname(
  createRequire(import.meta.url).resolve('@wordpress/url/package.json'),
);

export const wptUrls = (): WptUrl[] =>
  JSON.parse(readFileSync(join(packageFolder, 'src/test/fixtures/wpt-data.json'), 'utf8'));
