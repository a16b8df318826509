import {
  codeOnly,
  isTest,
  isTypeScript,
  lineAt,
  type Problem,
  packageOf,
  type Rule,
} from './source-file.ts';

/** Rules that look at one file at a time. */

export const FILE_LINES_MAX = 500;

export const fileLength: Rule = (files) =>
  files
    .filter(({ path }) => /\.(?:ts|mjs|js)$/.test(path))
    .flatMap(({ path, text }) => {
      const lines = text.split('\n').length - 1;
      return lines <= FILE_LINES_MAX
        ? []
        : [
            {
              path,
              line: FILE_LINES_MAX,
              message: `${lines} lines; ${FILE_LINES_MAX} is the most: split it by what it does`,
            },
          ];
    });

/** Where the real clock, randomness, network and process may be touched. */
const MAY_TOUCH_THE_WORLD = [
  /^packages\/(?:daemon|cli)\//,
  /\/main\.ts$/,
  // Inside QuickJS these names are the guest's own globals.
  /^packages\/builder\/src\/platform\//,
  // Runs inside the guest, too.
  /^packages\/builder\/src\/starlingmonkey\/adapter\.ts$/,
  // The entry files of child processes and workers: they are composition roots.
  /^packages\/runtime\/src\/(?:executor\/main|worker\/main|prepare\/child)\.ts$/,
  /^packages\/builder\/src\/(?:starlingmonkey\/)?componentize-child\.ts$/,
];

const BANNED: readonly { pattern: RegExp; instead: string }[] = [
  { pattern: /\bDate\.now\(/g, instead: 'take a Clock' },
  { pattern: /\bnew Date\(\s*\)/g, instead: 'take a Clock' },
  { pattern: /\bperformance\.now\(/g, instead: 'take a Clock (`monotonic`)' },
  { pattern: /\bMath\.random\(/g, instead: 'take a Random' },
  {
    pattern: /(?<![.\w])set(?:Timeout|Interval)\(/g,
    instead: 'take a Clock (`sleep`, `setTimer`)',
  },
  // Not at the start of a line: that is where an interface declares a method of this name.
  {
    pattern: /(?:[=(,]|\b(?:await|return|void|yield))\s*fetch\(/g,
    instead: 'take the client as a parameter',
  },
  { pattern: /(?<![.\w])console\.\w+\(/g, instead: 'take a Logger' },
  {
    pattern: /(?<![.\w])process\.(?:env|exit|argv|cwd|on|once|kill|std\w+)\b/g,
    instead: 'only daemon, cli and main.ts know the process',
  },
];

/** A line may say why it is an exception: `// tidy-allow: <reason>` on it or above it. */
function isAllowed(lines: readonly string[], line: number): boolean {
  return [lines[line - 1], lines[line - 2]].some((text) =>
    /\/\/ tidy-allow: \S.{9}/.test(text ?? ''),
  );
}

export const bannedCalls: Rule = (files) => {
  const problems: Problem[] = [];
  for (const { path, text } of files) {
    if (!isTypeScript(path) || isTest(path) || packageOf(path) === undefined) continue;
    if (MAY_TOUCH_THE_WORLD.some((pattern) => pattern.test(path))) continue;
    const code = codeOnly(text);
    const lines = text.split('\n');
    for (const { pattern, instead } of BANNED) {
      for (const match of code.matchAll(pattern)) {
        const line = lineAt(code, match.index + 1);
        if (isAllowed(lines, line)) continue;
        problems.push({
          path,
          line,
          message: `${match[0].trim()} is not for this room: ${instead}`,
        });
      }
    }
  }
  return problems;
};

const NO_NAMES = /(?:^|\/)(?:utils?|common|shared|helpers?|misc|lib)(?:\/|\.[a-z]+$)/;

export const forbiddenNames: Rule = (files) =>
  files
    .filter(({ path }) => path.startsWith('packages/') && NO_NAMES.test(path))
    .map(({ path }) => ({
      path,
      line: 1,
      message: 'this name says nothing: name the file after what it holds',
    }));

export const leftovers: Rule = (files) => {
  const problems: Problem[] = [];
  // Put together, so that this file does not find itself.
  const pattern = new RegExp(
    `\\b(?:${['FIX', 'ME'].join('')}|${['TO', 'DO'].join('')}|${['XX', 'X'].join('')}|\\.only)\\b(?=[:( ])`,
    'g',
  );
  for (const { path, text } of files) {
    if (!/\.(?:ts|mjs)$/.test(path)) continue;
    for (const match of text.matchAll(pattern)) {
      problems.push({
        path,
        line: lineAt(text, match.index),
        message: `${match[0]} left behind: do it or file it`,
      });
    }
  }
  return problems;
};
