/**
 * Lets the host call the guest directly. jco 1.35 gives every call of an `async` export a task
 * with a dozen promises and closures, a stack of its own (JSPI) and a loop that drives its
 * waits. The exports of `popmesh:function` never wait (proto/wit/function.wit), so all of that
 * guards against what is a trap here: a call enters, returns its (empty) result through
 * `task.return`, and exits, within one plain call.
 *
 * One task stands for all calls, for when the engine calls the components that it is composed
 * with (it panics into a stub of stderr).
 *
 * What stays: no entry into an instance that is entered already or has trapped, `task.return`
 * exactly once, the check that the guest may leave, all lowering. An import that would suspend
 * throws, as there is no stack to suspend. Where a text is not exactly as expected nothing is
 * changed, and calls go through jco's tasks as before.
 */

const EXPORT =
  / {2}async function (\w+)\(([\w, ]*)\) \{\s+const hostProvided = false;\s+getOrCreateAsyncState\((\d+)\)\.throwIfTrapped\(\);[\s\S]*?fn: async \(\) => \{\s+try \{\n([\s\S]*?)\n\s+let ret;\n[\s\S]*?fn: \(\) => (exports\d+AsyncLift\w+)\(([^\n]*)\),\n[\s\S]*?\n {2}\}\n/g;
const TASK_RETURN =
  /( {2}const trampoline\d+ = )taskReturn\.bind\(\s*null,\s*\{[^{}]*\bliftFns: \[\],[^{}]*\},\s*\);/g;
const PROMISING =
  /( {2}(exports\d+AsyncLift\w+) = )WebAssembly\.promising\((exports\d+\['\[async-lift\][\w-]+'\])\);/g;
const DECLARED = '  let exports';

/** `_entered`: 0 outside, 1 inside, 2 inside and returned. */
const SHARED = `  let _entered = 0;
  let _standing;
  let _dead = false;
  const _returned = () => {
    if (_entered !== 1) throw new WebAssemblyRuntimeError('wasm trap: task.return called out of turn');
    _entered = 2;
  };
`;

const direct = (name: string, args: string, component: string, lower: string, call: string) =>
  `  function ${name}(${args}) {
    const state = getOrCreateAsyncState(${component});
    state.throwIfTrapped();
    if (_dead || _entered !== 0) throw new WebAssemblyRuntimeError('wasm trap: cannot enter component instance');
    _standing ??= createNewCurrentTask({ componentIdx: ${component}, isAsync: false, isManualAsync: false, callingWasmExport: false, errHandling: 'none' });
    _entered = 1;
    let ended = false;
    try {
${lower}
      const code = ${call};
      if (code !== 0 || _entered !== 2) throw new WebAssemblyRuntimeError('wasm trap: the export waits, or ended without task.return');
      ended = true;
    } catch (err) {
      state.markTrapped(err);
      throw err;
    } finally {
      _dead = !ended;
      _entered = 0;
    }
  }
`;

export function directGuestCalls(source: string): { source: string; direct: number } {
  const unchanged = { source, direct: 0 };
  const called = new Set<string>();
  let doubtful = false;
  let out = source.replace(
    EXPORT,
    (_, name: string, args: string, component: string, lower: string, core: string, flat) => {
      // Whatever it lowers must be lowered at once, with nothing of a task.
      doubtful ||= /\b(?:await|task|async)\b/.test(lower) || called.has(core);
      called.add(core);
      return direct(name, args, component, lower, `${core}(${flat})`);
    },
  );
  const plain = new Set<string>();
  out = out.replace(PROMISING, (_, assign: string, core: string, value: string) => {
    plain.add(core);
    return `${assign}${value};`;
  });
  let returns = 0;
  out = out.replace(TASK_RETURN, (_, assign: string) => {
    returns++;
    return `${assign}_returned;`;
  });
  const at = out.indexOf(DECLARED);
  if (doubtful || at < 0 || called.size === 0 || returns === 0) return unchanged;
  if (called.size !== plain.size || [...called].some((core) => !plain.has(core))) return unchanged;
  if (out.includes('taskReturn.bind(')) return unchanged;
  return { source: out.slice(0, at) + SHARED + out.slice(at), direct: called.size };
}
