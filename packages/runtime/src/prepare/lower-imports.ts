import { createHash } from 'node:crypto';
import { LOWERED_TEXTS } from './lowered-texts.ts';

/**
 * Lets the glue take the core functions of src/wasi/abi in place of its own, for those host
 * functions that every request calls. One is replaced only when jco's text for it is, names
 * and numbers aside, exactly the known one (`lowered-texts.ts`, by digest), so that its
 * signature is the one that we lower by hand: a component that declares another, or a later
 * jco, keeps jco's way. Both work on the same tables of handles. Refused: going by the names
 * of core imports, which a component gives as it likes.
 */

/** A function over the host's, its name, and whether it may wait. */
const FUNCTION =
  / {2}const (_trampoline\d+) = (async )?function\([\w, ]*\) \{\n([\s\S]*?\n) {2}\}\n {2}\1\.fnName = '([^'\n]*)';\n( {2}\1\.manuallyAsync = true;\n)?/g;
/** Where it becomes what the core module gets. */
const WIRING = /^ {2}let (trampoline\d+) = [\s\S]*?\n {4}importFn: (_\1),\n {2}\},\n {2}\);\n/gm;
const TABLE = /const captureTable(\d+)= new Map\(\);(\s+)let captureCnt\1= 0;/g;
const DROP =
  /function (trampoline\d+)\(handle\) \{\s+const handleEntry = rscTableRemove\(handleTable(\d+), handle\);\s+if \(handleEntry\.own\) \{\s+const rsc = captureTable\2\.get\(handleEntry\.rep\);\s+if \(rsc\) \{\s+if \(rsc\[symbolDispose\]\) rsc\[symbolDispose\]\(\);\s+captureTable\2\.delete\(handleEntry\.rep\);\s+\} else if \(([\w$]+)\[symbolCabiDispose\]\) \{\s+\3\[symbolCabiDispose\]\(handleEntry\.rep\);\s+\}\s+\}\s+\}\n/g;
const START = /let gen= \(function\* _initGenerator \(\) \{\n/;
const HANDLE = / {2}async function (handle(?:\$\d+)?)\(arg0, arg1\) \{\n[\s\S]*?\n {2}\}\n/;
/** How jco keeps handles, which src/wasi/abi/resources.ts reads and writes as well. */
const ADD = /const T_FLAG = 1 << 30;\s+function rscTableCreateOwn[\s\S]*?\n {2}\}\n/;
const REMOVE = /function rscTableRemove\(table, handle\) \{[\s\S]*?\n {2}\}\n/;

export interface LoweredGlue {
  readonly source: string;
  /** Names of the functions that are the host's own now. */
  readonly lowered: readonly string[];
  /** Of functions that we lower, but whose text was another than the known one. */
  readonly unknown: readonly { readonly name: string; readonly digest: string }[];
  /** Our host calls the guest's `handle` itself. */
  readonly openHandle: boolean;
}

interface Known {
  readonly name: string;
  /** Numbers of the tables of handles that it uses, by first appearance. */
  readonly tables: readonly string[];
  readonly waits: boolean;
}

/** Those that leave some cases to jco's function, which stays for them. */
const WITH_REST: ReadonlySet<string> = new Set([
  'wasi:http/types#OutgoingBody.finish',
  'wasi:http/types#ResponseOutparam.set',
]);

export function lowerImports(glue: string): LoweredGlue {
  const unknown: { name: string; digest: string }[] = [];
  const isKnown = (name: string, text: string | undefined): boolean => {
    const { digest } = normalise(text ?? '');
    if (LOWERED_TEXTS[name] === digest) return true;
    unknown.push({ name, digest });
    return false;
  };
  const as = isKnown('handles: add', ADD.exec(glue)?.[0]);
  const bs = isKnown('handles: remove', REMOVE.exec(glue)?.[0]);
  // Of several component instances in one, each would need its own "may leave".
  const alone =
    START.test(glue) && glue.includes('class IdMap ') && !/\binstanceFlags[1-9]/.test(glue);
  if (!as || !bs || !alone) return { source: glue, lowered: [], unknown, openHandle: false };

  const known = new Map<string, Known>();
  for (const [text, id = '', waits, body = '', jcoName = ''] of glue.matchAll(FUNCTION)) {
    const name = fullName(jcoName, body);
    if (LOWERED_TEXTS[name] === undefined || !isKnown(name, text)) continue;
    known.set(id, { name, tables: normalise(text).tables, waits: waits !== undefined });
  }

  const ports = new Map<string, string>();
  const lowered = new Map<string, Known>();
  let source = glue.replace(WIRING, (text, outer: string, inner: string) => {
    const it = known.get(inner);
    const memory = /getMemoryFn: \(\) => (memory\d+|null),/.exec(text)?.[1];
    const realloc = /getReallocFn: (?:\(\) => (realloc\d+)|undefined),/.exec(text);
    if (it === undefined || memory === undefined || realloc === null) return text;
    if (!/componentIdx: 0,\s+isAsync: false,/.test(text)) return text;
    if (!text.includes("stringEncoding: 'utf8',")) return text;
    lowered.set(inner, it);
    const allocate = realloc[1] ?? 'null';
    const port = `$port_${memory}_${allocate}`;
    ports.set(port, `  const ${port} = $popmesh.memory(() => ${memory}, () => ${allocate});\n`);
    const tables = it.tables.map((table) => `$resources${table}`).join(', ');
    const args = `${JSON.stringify(it.name)}, ${port}, [${tables}]`;
    if (it.waits) {
      return `  let ${outer} = new WebAssembly.Suspending($popmesh.bindWaiting(${args}));\n`;
    }
    return `  let ${outer} = $popmesh.bind(${args}${WITH_REST.has(it.name) ? `, ${inner}` : ''});\n`;
  });
  // What nobody calls any more need not be read at every start.
  source = source.replace(FUNCTION, (text, id: string) => {
    const it = lowered.get(id);
    return it === undefined || WITH_REST.has(it.name) ? text : '';
  });
  source = source
    .replace(
      TABLE,
      'const captureTable$1= new IdMap();$2let captureCnt$1= 0;$2' +
        'const $$resources$1 = $$popmesh.resources(handleTable$1, captureTable$1, () => ++captureCnt$1);',
    )
    .replace(
      START,
      (text) =>
        `${text}  const $popmesh = imports['popmesh:lowering'];\n${[...ports.values()].join('')}`,
    )
    .replaceAll('{ _checkMayLeave(0); return _', '{ _checkMayLeave(0); $popmesh.enter(); return _');
  const dropped = new Set<string>();
  source = source.replace(DROP, (text, name: string, table: string, _class, at: number) => {
    const declared = source.indexOf(`const $resources${table} = `);
    if (declared < 0 || declared > at) return text;
    dropped.add(name);
    return `const ${name} = $popmesh.drop($resources${table});\n`;
  });
  source = source.replace(/_guardMayLeave\(0, (trampoline\d+)\)/g, (text, name: string) =>
    dropped.has(name) ? name : text,
  );
  const handle = openHandle(source, isKnown);
  return {
    source: handle ?? source,
    lowered: [...lowered.values()].map(({ name }) => name),
    unknown,
    openHandle: handle !== undefined,
  };
}

/**
 * Gives the guest's `handle` to our host as well (src/wasi/abi/turnstile.ts), which calls it
 * without the tasks that only jco's own waiting functions look for, when there is none left.
 */
function openHandle(
  source: string,
  isKnown: (name: string, text: string) => boolean,
): string | undefined {
  const [text] = HANDLE.exec(source) ?? [];
  if (text === undefined) return undefined;
  const postReturn = /\b(postReturn\d+)\(\);/.exec(text)?.[1];
  if (!isKnown(postReturn === undefined ? 'handle' : 'handle, then post-return', text)) {
    return undefined;
  }
  if (/\bconst createTask = \(\) => \{/.test(source)) return undefined;
  const core = /fn: \(\) => (\w+)\(handle0, handle1\)/.exec(text)?.[1];
  const [request, outparam] = normalise(text).tables;
  const after = postReturn === undefined ? '' : `, () => ${postReturn}`;
  const before = source.length;
  const opened = source.replace(
    new RegExp(`(\\n {2}${core} = WebAssembly\\.promising\\()(exports\\d+\\['[^'\\n]+'\\])\\);`),
    (_, start: string, value: string) =>
      `${start}$popmesh.handle(${value}, $resources${request}, $resources${outparam}${after}));`,
  );
  return opened.length === before ? undefined : opened;
}

/** `wasi:io/poll#Pollable.block`: jco leaves out a method's class, which its text begins with. */
function fullName(jcoName: string, body: string): string {
  const [place = '', name = ''] = jcoName.split('#');
  const resource =
    /^\s*var handle1 = arg0;[\s\S]*?Object\.create\(([A-Za-z]+)(?:\$\d+)?\.prototype\)/.exec(body);
  const isMethod = resource !== null && !/[. ]/.test(name);
  return `${place.replace(/@0\.2\.\d+$/, '')}#${isMethod ? `${resource[1]}.` : ''}${name}`;
}

/** The same text for the same function, whatever numbers its component gave to things. */
function normalise(text: string): { digest: string; tables: readonly string[] } {
  const tables: string[] = [];
  const plain = text
    .replace(/\b(handleTable|captureTable|captureCnt)(\d+)\b/g, (_, kind: string, id: string) => {
      if (!tables.includes(id)) tables.push(id);
      return `${kind}_${tables.indexOf(id)}`;
    })
    .replace(/\b(memory|realloc|_trampoline|postReturn)\d+\b/g, '$1_')
    .replace(/\bincomingHandler\d*Handle\b/g, 'incomingHandler')
    .replace(/@0\.2\.\d+#/g, '@#')
    .replace(/([A-Za-z])\$\d+\b/g, '$1')
    .replace(/\s+/g, ' ');
  return { digest: createHash('sha256').update(plain).digest('hex').slice(0, 20), tables };
}
