import {
  importsOf,
  isTest,
  isTypeScript,
  type Problem,
  packageOf,
  type Rule,
} from './source-file.ts';

/** Rules that look at a package as a whole. */

const packageNames = (files: readonly { path: string }[]): string[] => [
  ...new Set(files.flatMap(({ path }) => packageOf(path) ?? [])),
];

export const readmes: Rule = (files) =>
  packageNames(files).flatMap((name) => {
    const path = `packages/${name}/README.md`;
    const text = files.find((file) => file.path === path)?.text;
    if (text === undefined) return [{ path, line: 1, message: 'every package has a README' }];
    const [title, blank, first] = text.split('\n');
    const fine = title === `# @popmesh/${name}` && blank === '' && /\S.{20}/.test(first ?? '');
    return fine
      ? []
      : [
          {
            path,
            line: 1,
            message: `must open with "# @popmesh/${name}", an empty line, and one sentence that says what it is for`,
          },
        ];
  });

export const oneDoor: Rule = (files) =>
  packageNames(files).flatMap((name) => {
    const path = `packages/${name}/package.json`;
    const text = files.find((file) => file.path === path)?.text;
    if (text === undefined) return [{ path, line: 1, message: 'every package has a package.json' }];
    const { exports } = JSON.parse(text) as { exports?: unknown };
    return JSON.stringify(exports) === '{".":"./src/index.ts"}'
      ? []
      : [
          {
            path,
            line: 1,
            message: 'src/index.ts is the only door: exports must be {".": "./src/index.ts"}',
          },
        ];
  });

/** Started by path, not imported. */
const ENTRY = /\/(?:index|main|child|entry|componentize-child)\.ts$|\.d\.ts$/;

export const orphans: Rule = (files) => {
  const sources = files.filter(({ path }) => isTypeScript(path) && packageOf(path) !== undefined);
  const imported = new Set(
    sources.flatMap((file) =>
      importsOf(file)
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => new URL(specifier, `file:///${file.path}`).pathname.slice(1)),
    ),
  );
  const problems: Problem[] = [];
  for (const { path } of sources) {
    if (
      imported.has(path) ||
      ENTRY.test(path) ||
      (isTest(path) && !path.endsWith('.test-support.ts'))
    )
      continue;
    const name = path.slice(path.lastIndexOf('/') + 1);
    // A file that another starts as a process or a worker is named in a URL or a path there.
    if (sources.some((file) => file.path !== path && file.text.includes(name))) continue;
    problems.push({ path, line: 1, message: 'nobody imports this file' });
  }
  return problems;
};
