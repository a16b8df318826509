/**
 * Lets the guest call the host directly. jco 1.35 gives every call of a host function two
 * tasks and a subtask, with six promises and a dozen closures, in case it turns out to wait.
 * Those of `wasi:http` that may wait are named (`generate-options.ts`) and keep all that; the
 * others are plain functions, of which a hello-world calls twenty per request.
 *
 * What stays: the check that the guest may leave, the marking of a trap, all lifting and
 * lowering. What goes is only bookkeeping between two ends that nobody else sees. A function
 * whose text is not exactly as expected is left alone.
 */

/** One plain host function, up to the next; `async function` ones begin otherwise. */
const FUNCTION =
  / {2}const (_trampoline\d+) = function\([\w, ]*\) \{\n[\s\S]*?\n {2}\}\n {2}\1\.fnName = [^\n]*\n/g;

const CREATE_TASKS =
  /const hostProvided = true;\s+let parentTask;\s+let task;\s+let subtask;[\s\S]*?const started = task\.enterSync\(\);/;
const CALL =
  /_withGlobalCurrentTaskMeta\(\{\s*componentIdx: task\.componentIdx\(\),\s*taskID: task\.id\(\),\s*fn: \(\) => _trackHostOperation\(\(\) => ([^\n]*)\),\s*\}\)\s*;/;
const FAILURE = /task\.setErrored\(err\);\s*task\.reject\(err\);\s*task\.exit\(\);/;
const RESULT = /task\.resolve\(\[([^\n]*)\]\);\s*task\.exit\(\);/;

export function directHostCalls(source: string): { source: string; direct: number } {
  const names = new Set<string>();
  const rewritten = source.replace(FUNCTION, (text, name: string) => {
    const direct = text
      .replace(CREATE_TASKS, '')
      .replace(CALL, '$1;')
      .replace(FAILURE, '')
      .replace(RESULT, 'return $1;');
    if (/\b(?:task|subtask|parentTask|createTask)\b/.test(direct)) return text;
    names.add(name);
    return direct;
  });
  // Where it is lowered, with the index of the component that calls: left out of the tasks.
  const LOWERED =
    /let (trampoline\d+) = (_trampoline\d+)\.manuallyAsync \?(?=[^{]*\{\s*trampolineIdx: \d+,\s*componentIdx: (\d+),\s*isAsync: false,)/g;
  const lowered = new Set<string>();
  const connected = rewritten.replace(
    LOWERED,
    (text, outer: string, name: string, component: string) => {
      if (!names.has(name)) return text;
      lowered.add(name);
      const call = `(...values) => { _checkMayLeave(${component}); return ${name}(...values); }`;
      return `let ${outer} = !${name}.manuallyAsync ? ${call} : ${name}.manuallyAsync ?`;
    },
  );
  // One without the other would look for a task that nobody made.
  if (lowered.size !== names.size) return { source, direct: 0 };
  return { source: connected, direct: names.size };
}
