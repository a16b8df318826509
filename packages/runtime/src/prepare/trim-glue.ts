import { IdMap } from '../id-map.ts';
import type { DoorName } from '../worker/door.ts';
import { directGuestCalls } from './direct-guest-calls.ts';
import { directHostCalls } from './direct-host-calls.ts';
import { encodeWhole } from './encode-whole.ts';
import { guardRealloc } from './guard-realloc.ts';
import { type LoweredGlue, lowerImports } from './lower-imports.ts';
import { plainText } from './plain-text.ts';

/**
 * Post-processing of jco's glue (1.35): what it does for nobody, and what it never forgets.
 * Each change is one known text; where a later jco writes another, the change is not made,
 * and the test that looks for all of them fails. Refused: a fork of jco, a JavaScript parser.
 */

const CALL = /^([ \t]*)_debugLog\(/gm;
const CALL_LENGTH_MAX = 2_000;

interface Change {
  readonly name: string;
  readonly pattern: RegExp;
  readonly replacement: string;
  readonly doors: readonly DoorName[];
}

const BOTH: readonly DoorName[] = ['popmesh:function', 'wasi:http'];

export const GLUE_CHANGES: readonly Change[] = [
  {
    // Written for every resource and read by nobody: 230 bytes kept for ever per request.
    name: 'created-reps',
    pattern: /table\._createdReps\.add\(rep\);/g,
    replacement: '',
    doors: BOTH,
  },
  {
    // A task that does not end in the order of a stack stayed in the list for ever, and the
    // list is searched on every host call: 16 at once cost 15 us a call at first, 1,850 us
    // after 80,000 calls. Now the one that ended is the one that is taken out.
    name: 'ended-tasks',
    pattern:
      /if \(last\.id !== taskID\) \{\s*\/\/ throw new Error\('current task does not match expected task ID'\);\s*return;/g,
    replacement:
      'if (last.id !== taskID) { const at = tasks.findLastIndex((meta) => meta.id === taskID); ' +
      'if (at >= 0) tasks.splice(at, 1); return;',
    doors: BOTH,
  },
  {
    name: 'find-task',
    pattern: /taskMetas\.find\(meta => meta\.task\.id\(\) === taskID\)/g,
    replacement: 'taskMetas.findLast(meta => meta.id === taskID)',
    doors: BOTH,
  },
  {
    // One entry per request in a `Map` keeps garbage alive from one young collection to the
    // next (id-map.ts): of 23 MB a collection left 8, and took 8 ms instead of below 1.
    name: 'resource-scopes',
    pattern: /const RESOURCE_SCOPE_TASKS = new Map\(\);/g,
    replacement: `${IdMap.toString().replaceAll('$', '$$$$')}\n  const RESOURCE_SCOPE_TASKS = new IdMap();`,
    doors: BOTH,
  },
  {
    name: 'suspended-tasks',
    pattern: /#suspendedTasksByTaskID = new Map\(\);/g,
    // Tasks are numbered in BigInt.
    replacement:
      '#suspendedTasksByTaskID = new (class extends IdMap { ' +
      'has(id) { return super.has(Number(id)); } get(id) { return super.get(Number(id)); } ' +
      'set(id, meta) { return super.set(Number(id), meta); } ' +
      'delete(id) { return super.delete(Number(id)); } })();',
    doors: BOTH,
  },
  {
    // Two stacks that are pushed to, and popped only in the case above; nobody reads them.
    name: 'current-stacks',
    pattern:
      /ASYNC_CURRENT_(?:TASK_IDS|COMPONENT_IDXS)\.(?:pop\(\)|push\((?:newTaskID|componentIdx)\));/g,
    replacement: '',
    doors: BOTH,
  },
  {
    // Allocation in the guest never waits; five promises per request went into allowing it.
    name: 'plain-strings',
    pattern: /await _utf8AllocateAndEncodeAsync\((\w+), realloc(\d+)Async, memory(\d+)\)/g,
    replacement: '_utf8AllocateAndEncode($1, realloc$2, memory$3)',
    doors: ['popmesh:function'],
  },
  {
    name: 'plain-realloc',
    pattern: /await realloc(\d+)Async\(/g,
    replacement: 'realloc$1(',
    doors: ['popmesh:function'],
  },
];

export interface TrimmedGlue {
  readonly source: string;
  /** Debug calls taken out: each built its arguments and read `process.env`, to print nothing. */
  readonly debugCalls: number;
  /** Names of the changes whose text was found. */
  readonly changes: readonly string[];
  /** Of `wasi:http` only. */
  readonly lowered?: Omit<LoweredGlue, 'source'>;
}

export function trimGlue(glue: string, door: DoorName): TrimmedGlue {
  const trimmed = trimDebugCalls(glue);
  let source = encodeWhole(trimmed.source);
  const changes = source === trimmed.source ? [] : ['encode-whole'];
  for (const { name, pattern, replacement, doors } of GLUE_CHANGES) {
    if (!doors.includes(door)) continue;
    const changed = source.replace(pattern, replacement);
    if (changed !== source) changes.push(name);
    source = changed;
  }
  const { source: withGuards, guarded } = guardRealloc(source);
  if (guarded > 0) changes.push('guard-realloc');
  const direct = directHostCalls(withGuards);
  if (direct.direct > 0) changes.push('direct-host-calls');
  source = direct.source;
  if (door === 'wasi:http') {
    const { source: whole, ...lowered } = lowerImports(source);
    if (lowered.lowered.length > 0) changes.push('lower-imports');
    return { source: whole, debugCalls: trimmed.trimmed, changes, lowered };
  }
  const guest = directGuestCalls(source);
  if (guest.direct > 0) changes.push('direct-guest-calls');
  const text = plainText(guest.source);
  if (text.changed) changes.push('plain-text');
  source = text.source;
  return { source, debugCalls: trimmed.trimmed, changes };
}

/**
 * Only calls in statement position are taken, each replaced by an empty statement; a call
 * whose end is not found within sight is left alone.
 */
function trimDebugCalls(source: string): { source: string; trimmed: number } {
  let out = '';
  let copied = 0;
  let trimmed = 0;
  CALL.lastIndex = 0;
  for (let match = CALL.exec(source); match !== null; match = CALL.exec(source)) {
    const end = endOfCall(source, CALL.lastIndex);
    if (end === undefined || source[end] !== ';') continue;
    out += source.slice(copied, match.index);
    out += ';';
    copied = end + 1;
    CALL.lastIndex = copied;
    trimmed++;
  }
  return { source: out + source.slice(copied), trimmed };
}

/** Index just after the parenthesis that closes the call, strings skipped. */
function endOfCall(source: string, start: number): number | undefined {
  let depth = 1;
  for (let i = start; i < Math.min(source.length, start + CALL_LENGTH_MAX); i++) {
    const char = source[i];
    if (char === '(') depth++;
    else if (char === ')' && --depth === 0) return i + 1;
    // An assignment or an await in an argument would be lost; jco writes none.
    else if (char === '`') return undefined;
    else if (char === "'" || char === '"') {
      i = endOfString(source, i);
      if (i < 0) return undefined;
    }
  }
  return undefined;
}

function endOfString(source: string, start: number): number {
  const quote = source[start];
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === quote) return i;
    else if (source[i] === '\n') return -1;
  }
  return -1;
}
