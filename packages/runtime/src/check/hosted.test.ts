import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realClock } from '@popmesh/daemon';
import { createImports } from '../wasi/imports.ts';
import { Lifetime } from '../wasi/readiness.ts';
import type { InstanceContext } from '../worker/door.ts';
import { FunctionHost } from '../worker/function-host.ts';
import { ALLOWED_INTERFACES } from './allow-list.ts';
import { SIGNATURES } from './generated/host-worlds.ts';

/** What an upload may ask for by its types is there when it is run, function by function. */

const context = {
  clock: realClock,
  outbound: { dispose: () => {} },
  config: { env: {}, function: 'a/b', version: 1, node: 'n', pop: 'p', region: 'r' },
} as unknown as InstanceContext;

const camel = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const pascal = (name: string): string => camel(`-${name}`);

/** As jco looks for it: `[method]output-stream.check-write` is `OutputStream.prototype.checkWrite`. */
function find(face: Record<string, unknown>, name: string): unknown {
  const [, kind, resource = '', member = ''] =
    /^\[(method|static|constructor)\]([a-z-]+)\.?(.*)$/.exec(name) ?? [];
  if (kind === undefined) return face[camel(name)];
  const made = face[pascal(resource)] as { prototype: Record<string, unknown> } | undefined;
  if (made === undefined || kind === 'constructor') return made;
  const holder = kind === 'static' ? (made as unknown as Record<string, unknown>) : made.prototype;
  return holder[camel(member)];
}

function missing(
  names: readonly string[],
  faceOf: (name: string) => Record<string, unknown> | undefined,
): string[] {
  let looked = 0;
  const none = names.flatMap((name) =>
    Object.keys(SIGNATURES[name] ?? {}).flatMap((member) => {
      // Nobody ever gets a socket to call a method of: making one is always denied.
      if (name.startsWith('wasi:sockets/') && member.startsWith('[method]')) return [];
      looked++;
      return typeof find(faceOf(name) ?? {}, member) === 'function' ? [] : [`${name} ${member}`];
    }),
  );
  assert.ok(looked > 20, `${looked} functions`);
  return none;
}

test('every function of the wasi interfaces', () => {
  const imports = createImports({
    context,
    lifetime: new Lifetime(),
    stdout: { line: () => {} },
    stderr: { line: () => {} },
    signal: () => undefined,
  } as unknown as Parameters<typeof createImports>[0]);
  const none = missing(
    ALLOWED_INTERFACES['wasi:http'],
    (name) => imports[name] as Record<string, unknown> | undefined,
  );
  assert.deepEqual(none, []);
});

test('every function of popmesh:function/host', () => {
  const host = new FunctionHost(context, () => {});
  const none = missing(ALLOWED_INTERFACES['popmesh:function'], () => host.imports);
  host.dispose();
  assert.deepEqual(none, []);
});
