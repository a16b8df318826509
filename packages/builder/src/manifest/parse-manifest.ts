import { PopmeshError } from '@popmesh/contracts';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { type Manifest, manifestSchema } from './schema.ts';
import { suggest } from './suggestion.ts';
import { lineOfKey } from './toml-lines.ts';

/** Text of a popmesh.toml to its checked form; all problems at once, each with its line. */

export const MANIFEST_BYTES_MAX = 256 * 1024;
const PROBLEMS_SHOWN_MAX = 20;

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly text: string;
}

/** Throws `invalid_config`; `file` is only shown. */
export function parseManifest(text: string, file: string): Manifest {
  if (Buffer.byteLength(text) > MANIFEST_BYTES_MAX) {
    throw new PopmeshError('invalid_config', `${file} is larger than ${MANIFEST_BYTES_MAX} bytes`);
  }
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (caught) {
    if (!(caught instanceof TomlError)) throw PopmeshError.from(caught, 'invalid_config');
    const reason = caught.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '');
    throw new PopmeshError(
      'invalid_config',
      `${file}:${caught.line}:${caught.column}: ${reason}\n\n${caught.codeblock.trimEnd()}`,
      { details: { file, line: caught.line, column: caught.column } },
    );
  }
  const result = manifestSchema.safeParse(raw);
  if (result.success) return result.data;
  throw problemsError(
    text,
    file,
    result.error.issues.flatMap((issue) => problemsOf(issue, raw)),
  );
}

function problemsError(text: string, file: string, problems: readonly Problem[]): PopmeshError {
  const lined = problems
    .map((problem) => ({ ...problem, line: lineOfKey(text, problem.path) }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const shown = lined
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map(({ line, path, text: reason }) =>
      [file, ...(line === undefined ? [] : [line])].join(':').concat(`: ${dotted(path)}${reason}`),
    );
  const rest = lined.length - shown.length;
  if (rest > 0) shown.push(`… and ${rest} more`);
  const first = lined[0]?.line;
  return new PopmeshError('invalid_config', shown.join('\n'), {
    hint: 'All keys are listed in packages/builder/README.md.',
    details: { file, problems: lined.length, ...(first === undefined ? {} : { line: first }) },
  });
}

const dotted = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === 'number'
        ? `${text}[${part}]`
        : text + (text === '' ? '' : '.') + String(part),
    '',
  );

function problemsOf(issue: z.core.$ZodIssue, raw: unknown): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => {
      const meant = suggest(key, known) ?? elsewhere(key);
      const question = meant === undefined ? '' : `; did you mean ${meant}?`;
      return { path: [...issue.path, key], text: ` is not a known key${question}` };
    });
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({ path: issue.path, text: `: ${inner.message}` }));
  }
  const value = valueAt(raw, issue.path);
  if (value === undefined) return [{ path: issue.path, text: ' is required' }];
  return [{ path: issue.path, text: ` = ${shownValue(value)}: ${messageOf(issue)}` }];
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_small' && issue.origin !== 'string') {
    return `the least is ${String(issue.minimum)}`;
  }
  if (issue.code === 'too_big' && issue.origin === 'array') {
    return `at most ${String(issue.maximum)} entries`;
  }
  if (issue.code === 'too_big' && issue.origin !== 'string') {
    return `the most is ${String(issue.maximum)}`;
  }
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return `use ${article(issue.expected)}`;
  }
  return issue.message;
}

const article = (type: string): string =>
  type === 'array' ? 'a list: [ … ]' : type === 'object' ? 'a table' : `a ${type}`;

function shownValue(value: unknown): string {
  const text = JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

const valueAt = (raw: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null
        ? (value as Record<PropertyKey, unknown>)[part]
        : undefined,
    raw,
  );

/** The keys of the (strict) table at `path`. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: z.core.$ZodType = manifestSchema;
  for (const part of path) {
    schema = unwrap(schema);
    if (!(schema instanceof z.ZodObject)) return [];
    const next: z.core.$ZodType | undefined = schema.shape[String(part)];
    if (next === undefined) return [];
    schema = next;
  }
  schema = unwrap(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.unwrap());
  }
  return schema;
}

/** A key of a sub-table written at the top (or in the wrong one) is found by its whole name. */
function elsewhere(key: string): string | undefined {
  for (const table of ['limits', 'scaling', 'build']) {
    const meant = suggest(key, knownKeys([table]));
    if (meant !== undefined) return `${meant} in [${table}]`;
  }
  const top = suggest(key, knownKeys([]));
  return top === undefined ? undefined : `${top} at the top of the file`;
}
