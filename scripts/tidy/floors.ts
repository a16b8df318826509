import {
  importsOf,
  isTest,
  isTypeScript,
  type Problem,
  packageOf,
  type Rule,
} from './source-file.ts';

/** Imports go down only, and only through a package's door. The table is DESIGN.md section 2. */

export const FLOORS: Readonly<Record<string, number>> = {
  contracts: 0,
  protocol: 1,
  geo: 1,
  daemon: 1,
  artifacts: 2,
  gossip: 2,
  replication: 2,
  runtime: 2,
  builder: 2,
  node: 3,
  gateway: 3,
  cli: 4,
};

/** For tests on any floor; itself stands on `contracts` alone. */
const SIDE_ROOM = 'simulation';

const FORBIDDEN: readonly { from: string; to: string; why: string }[] = [
  { from: 'gateway', to: 'runtime', why: 'a gateway runs no functions' },
  { from: 'gateway', to: 'replication', why: 'a gateway does not know NATS' },
];

function complaint(from: string, to: string, test: boolean): string | undefined {
  if (to === SIDE_ROOM) return test ? undefined : 'only tests import @popmesh/simulation';
  if (from === SIDE_ROOM)
    return to === 'contracts' ? undefined : 'simulation stands on contracts alone';
  const [fromFloor, toFloor] = [FLOORS[from], FLOORS[to]];
  if (fromFloor === undefined)
    return `package ${from} has no floor; give it one in scripts/tidy/floors.ts`;
  if (toFloor === undefined) return `there is no package @popmesh/${to}`;
  if (toFloor >= fromFloor) {
    return `${from} (floor ${fromFloor}) may not import ${to} (floor ${toFloor}): declare the interface it needs, the room above introduces them`;
  }
  return undefined;
}

export const floors: Rule = (files) => {
  const problems: Problem[] = [];
  for (const file of files.filter(({ path }) => isTypeScript(path))) {
    const from = packageOf(file.path);
    if (from === undefined) continue;
    for (const { specifier, line } of importsOf(file)) {
      const [, to, rest] = /^@popmesh\/([^/]+)(\/.*)?$/.exec(specifier) ?? [];
      if (to === undefined) continue;
      const report = (message: string): void =>
        void problems.push({ path: file.path, line, message });
      if (rest !== undefined) report(`${specifier} goes past the door: import @popmesh/${to}`);
      if (to === from) report(`a package does not import itself by name: use a relative path`);
      else {
        const message = complaint(from, to, isTest(file.path));
        if (message !== undefined) report(message);
      }
      const banned = FORBIDDEN.find((row) => row.from === from && row.to === to);
      if (banned !== undefined) report(`${from} never imports ${to}: ${banned.why}`);
    }
  }
  return problems;
};

/** A relative import stays inside its package, and nobody imports the own index. */
export const doors: Rule = (files) => {
  const problems: Problem[] = [];
  for (const file of files.filter(({ path }) => isTypeScript(path))) {
    const from = packageOf(file.path);
    if (from === undefined) continue;
    for (const { specifier, line } of importsOf(file)) {
      if (!specifier.startsWith('.')) continue;
      const target = new URL(specifier, `file:///${file.path}`).pathname.slice(1);
      if (packageOf(target) !== from && target.startsWith('packages/')) {
        problems.push({
          path: file.path,
          line,
          message: `${specifier} reaches into another package`,
        });
      }
      if (
        target === `packages/${from}/src/index.ts` &&
        !isTest(file.path) &&
        !/\/main\.ts$/.test(file.path)
      ) {
        problems.push({
          path: file.path,
          line,
          message: 'a room does not go through its own door: import the file',
        });
      }
    }
  }
  return problems;
};

/** `import type` is erased, so only what stays at run time can make a cycle. */
export const cycles: Rule = (files) => {
  const sources = files.filter(({ path }) => isTypeScript(path) && !isTest(path));
  const known = new Set(sources.map(({ path }) => path));
  const graph = new Map(
    sources.map((file) => [
      file.path,
      importsOf({
        path: file.path,
        text: file.text.replace(/^\s*(?:import|export) type\b[^;]*;/gm, (m) =>
          m.replace(/[^\n]/g, ' '),
        ),
      })
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => new URL(specifier, `file:///${file.path}`).pathname.slice(1))
        .filter((target) => known.has(target)),
    ]),
  );
  const problems: Problem[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      const loop = [...trail.slice(trail.indexOf(path)), path];
      problems.push({ path, line: 1, message: `import cycle: ${loop.join(' → ')}` });
      return;
    }
    state.set(path, 'open');
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    state.set(path, 'done');
  };
  for (const { path } of sources) visit(path, []);
  return problems;
};
