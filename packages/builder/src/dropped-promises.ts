import { type AnyNode, type Expression, parse, type SpreadElement, type Super } from 'acorn';
import { type Edit, shiftColumns, sourceAt } from './source-map-shift.ts';

/**
 * Calls whose promise nobody keeps (`save();`, `void save()`, `list.forEach(async …)`) are handed
 * to the platform, which reports them should they reject unhandled: the engine tells nobody.
 * A call is looked at when it is recognisably asynchronous: its name is that of some async function
 * of the author or a package, or it is a link of a promise chain. Refused: lowering async functions to
 * generators, five times the price of each call; looking at every call, which slows plain ones.
 */

/**
 * What `platform/entry.ts` exports for this, beside the exports of the world. Authors cannot hide
 * them: the bundler gives another name to whatever is called so.
 */
const HELPERS = ['popmeshDropped', 'popmeshEach', 'popmeshWatch'] as const;
const CHAIN = new Set(['then', 'catch', 'finally']);
/** Of the platform's own; its other names (`write`, `close`…) are those of too many plain functions. */
const PLATFORM_NAMES = ['fetch', 'pipeTo'];

/** A syntax tree takes a hundred times the room of its code. */
export const WATCHED_BYTES_MAX = 2 * 1024 * 1024;

interface Code {
  readonly code: string;
  readonly sourceMap: string;
}

/** The same code where there is nothing to watch, or nothing to watch it with. */
export function watchDroppedPromises(bundle: Code, isOurs: (source: string) => boolean): Code {
  const { code, sourceMap } = bundle;
  if (code.length > WATCHED_BYTES_MAX) return bundle;
  if (!HELPERS.every((helper) => code.includes(`function ${helper}(`))) return bundle;
  const map = JSON.parse(sourceMap) as { mappings: string; sources: string[] };
  const sourceOf = sourceAt(code, map);
  const isAuthors = (node: { readonly start: number }): boolean => {
    const source = sourceOf(node.start);
    return source === undefined || !isOurs(source);
  };
  const places = look(code, isAuthors);
  if (places.length === 0) return bundle;
  const edits = places.flatMap(({ helper, node }): Edit[] => {
    // `return(0,f)(),x`: what stands before may be a word that ended at the bracket.
    const gap = /[\w$]/.test(code[node.start - 1] ?? '') ? ' ' : '';
    return [
      { at: node.start, text: `${gap}${helper}(` },
      { at: node.end, text: ')' },
    ];
  });
  edits.push({ at: code.length, text: '\npopmeshWatch();\n' });
  // Where a call ends and another begins, the first is closed first.
  edits.sort((a, b) => a.at - b.at || Number(a.text !== ')') - Number(b.text !== ')'));
  let out = '';
  let done = 0;
  for (const { at, text } of edits) {
    out += code.slice(done, at) + text;
    done = at;
  }
  return {
    code: out + code.slice(done),
    sourceMap: JSON.stringify({ ...map, mappings: shiftColumns(code, map.mappings, edits) }),
  };
}

interface Place {
  readonly helper: (typeof HELPERS)[number];
  readonly node: { readonly start: number; readonly end: number };
}

function look(code: string, isAuthors: (node: AnyNode) => boolean): Place[] {
  const program = parsed(code);
  if (program === undefined) return [];
  const asyncNames = new Set<string>(PLATFORM_NAMES);
  const dropped = new Set<Expression>();
  const callbacks: AnyNode[] = [];
  const drop = (expression: Expression): void => {
    for (const each of valuesOf(expression)) dropped.add(each);
  };
  for (const node of nodesOf(program)) {
    const name = nameOfAsync(node);
    if (name !== undefined && isAuthors(node)) asyncNames.add(name);
    if (node.type === 'ExpressionStatement') drop(node.expression);
    else if (node.type === 'UnaryExpression' && node.operator === 'void') drop(node.argument);
    else if (node.type === 'SequenceExpression') node.expressions.slice(0, -1).forEach(drop);
    else if (node.type === 'ForStatement') {
      if (node.update) drop(node.update);
    } else if (node.type === 'CallExpression' && nameOf(node.callee) === 'forEach') {
      const [callback] = node.arguments;
      if (callback !== undefined && isAsyncFunction(callback)) callbacks.push(callback);
    }
  }
  return [
    ...[...dropped]
      .filter((call) => isAsyncCall(call, asyncNames) && isAuthors(call))
      .map((node): Place => ({ helper: 'popmeshDropped', node })),
    ...callbacks.filter(isAuthors).map((node): Place => ({ helper: 'popmeshEach', node })),
  ];
}

/** Undefined for what only the engine can judge: watching is no reason to refuse a build. */
function parsed(code: string): AnyNode | undefined {
  try {
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  } catch {
    return undefined;
  }
}

/** Parts of a dropped expression that are its value in some case. */
function valuesOf(expression: Expression): Expression[] {
  switch (expression.type) {
    case 'SequenceExpression':
      return expression.expressions.flatMap(valuesOf);
    case 'LogicalExpression':
      return valuesOf(expression.right);
    case 'ConditionalExpression':
      return [...valuesOf(expression.consequent), ...valuesOf(expression.alternate)];
    case 'UnaryExpression':
      return valuesOf(expression.argument);
    case 'CallExpression':
    case 'NewExpression':
    case 'ChainExpression':
      return [expression];
    default:
      return [];
  }
}

function isAsyncCall(expression: Expression, asyncNames: ReadonlySet<string>): boolean {
  const call = expression.type === 'ChainExpression' ? expression.expression : expression;
  if (call.type === 'NewExpression') return nameOf(call.callee) === 'Promise';
  if (call.type !== 'CallExpression') return false;
  const { callee } = call;
  if (isAsyncFunction(callee)) return true;
  const name = nameOf(callee);
  if (name === undefined) return false;
  if (callee.type === 'MemberExpression') {
    if (CHAIN.has(name) || nameOf(callee.object) === 'Promise') return true;
  }
  return asyncNames.has(name);
}

type Callee = AnyNode | Expression | Super | SpreadElement;

/** The last name by which something is reached: `c` of `a.b.c`. */
function nameOf(node: Callee): string | undefined {
  if (node.type === 'Identifier' || node.type === 'PrivateIdentifier') return node.name;
  if (node.type === 'MemberExpression')
    return node.computed ? undefined : nameOf(node.property as Callee);
  if (node.type === 'SequenceExpression') {
    const last = node.expressions.at(-1);
    return last && nameOf(last);
  }
  return undefined;
}

const isAsyncFunction = (node: Callee): boolean =>
  (node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression') &&
  node.async &&
  !node.generator;

/** The name that an async function gets here, declared or by what it is assigned to. */
function nameOfAsync(node: AnyNode): string | undefined {
  switch (node.type) {
    case 'FunctionDeclaration':
      return node.async && !node.generator ? node.id?.name : undefined;
    case 'VariableDeclarator':
      return node.init && isAsyncFunction(node.init) ? nameOf(node.id) : undefined;
    case 'AssignmentExpression':
      return isAsyncFunction(node.right) ? nameOf(node.left) : undefined;
    case 'Property':
    case 'PropertyDefinition':
    case 'MethodDefinition':
      return !node.computed && node.value && isAsyncFunction(node.value)
        ? nameOf(node.key)
        : undefined;
    default:
      return undefined;
  }
}

/** Every node, by a stack of our own: how deep authors nest is not ours to bound. */
function* nodesOf(root: AnyNode): Generator<AnyNode> {
  const stack: AnyNode[] = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    yield node;
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child?.type === 'string') stack.push(child);
      }
    }
  }
}
