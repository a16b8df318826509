import { readFileSync } from 'node:fs';
import { PopmeshError } from '@popmesh/contracts';
import { parse, TomlError } from 'smol-toml';
import type { ZodType } from 'zod';
import { environmentValues, withConvertedValues } from './config-environment.ts';
import { lineOfKey, snakeCase } from './config-lines.ts';
import { camelKeys, deepFreeze, mergeTrees, nest, type Tree } from './config-tree.ts';
import { unknownKeys } from './config-unknown-keys.ts';

/**
 * One loader for every daemon: file, then environment, then overrides, into one
 * strict schema. All problems are told at once, each with its path as the author
 * wrote it; a value that is wrong is refused, never replaced by a default.
 */

export interface LoadConfigOptions<T> {
  readonly schema: ZodType<T>;
  /** TOML, snake_case keys. */
  readonly file?: string;
  /** Read as `<PREFIX>SECTION__KEY_NAME`; needs `envPrefix`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly envPrefix?: string;
  /** Already camelCase: from flags or code. They win over everything. */
  readonly overrides?: object;
}

type Path = readonly PropertyKey[];

export const CONFIG_FILE_BYTES_MAX = 1024 * 1024;

export function loadConfig<T>(options: LoadConfigOptions<T>): T {
  const text = options.file === undefined ? '' : readText(options.file);
  const fromFile = camelKeys(parseToml(text, options.file)) as Tree;
  const prefix = options.envPrefix;
  const environment =
    options.env === undefined || prefix === undefined ? [] : environmentValues(options.env, prefix);
  let input = fromFile;
  for (const { path, value } of environment) input = mergeTrees(input, nest(path, value));
  if (options.overrides !== undefined) input = mergeTrees(input, options.overrides as Tree);

  let result = options.schema.safeParse(input);
  if (!result.success && environment.length > 0) {
    input = withConvertedValues(input, environment, result.error.issues);
    result = options.schema.safeParse(input);
  }
  const problems = new Map<string, string>();
  const add = (path: Path, message: string): void => {
    const name = path.map((part) => snakeCase(String(part))).join('.');
    const line = lineOfKey(text, path.map(String));
    const where = line === undefined ? '' : `line ${line}: `;
    if (!problems.has(name))
      problems.set(name, `${where}${name === '' ? '' : `${name}: `}${message}`);
  };
  for (const path of unknownKeys(options.schema, input)) add(path, 'unknown key');
  for (const issue of result.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) add([...issue.path, key], 'unknown key');
    } else add(issue.path, issue.message);
  }
  if (problems.size > 0 || !result.success) {
    const name = options.file ?? 'the configuration';
    throw new PopmeshError(
      'invalid_config',
      `${name} has ${problems.size === 1 ? 'a problem' : `${problems.size} problems`}:\n${[...problems.values()].map((line) => `  ${line}`).join('\n')}`,
      { details: { problems: problems.size } },
    );
  }
  return deepFreeze(result.data);
}

function readText(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= CONFIG_FILE_BYTES_MAX) return bytes.toString('utf8');
  } catch (cause) {
    throw new PopmeshError('invalid_config', `cannot read ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
  throw new PopmeshError('invalid_config', `${file} is larger than ${CONFIG_FILE_BYTES_MAX} bytes`);
}

function parseToml(text: string, file: string | undefined): Tree {
  try {
    return parse(text) as Tree;
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const reason = cause.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '');
    // Without the cause: it quotes the lines around the place, and those may hold secrets.
    throw new PopmeshError('invalid_config', `${file}:${cause.line}:${cause.column}: ${reason}`);
  }
}
