import { PopmeshError } from '@popmesh/contracts';
import type { DoorName } from '../worker/door.ts';

/**
 * What a component may import, by exact name. Versions are patch levels of one minor
 * version; anything else is refused by name, so that nothing new is reachable by accident.
 */

const WASI_0_2: readonly string[] = [
  'wasi:io/error',
  'wasi:io/poll',
  'wasi:io/streams',
  'wasi:clocks/monotonic-clock',
  'wasi:clocks/wall-clock',
  'wasi:random/random',
  'wasi:random/insecure',
  'wasi:random/insecure-seed',
  'wasi:cli/environment',
  'wasi:cli/exit',
  'wasi:cli/stdin',
  'wasi:cli/stdout',
  'wasi:cli/stderr',
  'wasi:cli/terminal-input',
  'wasi:cli/terminal-output',
  'wasi:cli/terminal-stdin',
  'wasi:cli/terminal-stdout',
  'wasi:cli/terminal-stderr',
  'wasi:http/types',
  'wasi:http/outgoing-handler',
  // std and the preview1 adapter import these to link; the door gives them nothing to open.
  'wasi:filesystem/types',
  'wasi:filesystem/preopens',
  // Likewise Python and wasi-libc: every call answers access-denied (src/wasi/sockets.ts).
  'wasi:sockets/network',
  'wasi:sockets/instance-network',
  'wasi:sockets/ip-name-lookup',
  'wasi:sockets/tcp',
  'wasi:sockets/tcp-create-socket',
  'wasi:sockets/udp',
  'wasi:sockets/udp-create-socket',
];

const FUNCTION_0_2: readonly string[] = ['popmesh:function/host', 'popmesh:function/types'];

/** Without versions; what each must look like is in `generated/host-worlds.ts`. */
export const ALLOWED_INTERFACES: Readonly<Record<DoorName, readonly string[]>> = {
  'popmesh:function': FUNCTION_0_2,
  'wasi:http': WASI_0_2,
};

const ALLOWED: Readonly<
  Record<DoorName, { names: ReadonlySet<string>; version: RegExp; expected: string }>
> = {
  'popmesh:function': {
    names: new Set(FUNCTION_0_2),
    version: /^0\.2\.(?:0|[1-9]\d{0,3})$/,
    expected: 'popmesh:function/host@0.2.x and popmesh:function/types@0.2.x',
  },
  'wasi:http': {
    names: new Set(WASI_0_2),
    version: /^0\.2\.(?:0|[1-9]\d{0,3})$/,
    expected: 'wasi io, clocks, random, cli, http, filesystem and sockets at 0.2.x',
  },
};

const INCOMING_HANDLER = /^wasi:http\/incoming-handler@0\.2\.(?:0|[1-9]\d{0,3})$/;

export function detectDoor(
  exports: readonly { name: string; kind: 'function' | 'instance' | 'other' }[],
): { door: DoorName; name: string } {
  const isFunction = exports.some((e) => e.name === 'handle' && e.kind === 'function');
  const http = exports.filter((e) => e.kind === 'instance' && INCOMING_HANDLER.test(e.name));
  const [handler] = http;
  if (isFunction && handler === undefined) return { door: 'popmesh:function', name: 'handle' };
  if (!isFunction && handler !== undefined && http.length === 1) {
    return { door: 'wasi:http', name: handler.name };
  }
  const names = exports.map((e) => e.name.slice(0, 80));
  throw new PopmeshError(
    'invalid_component',
    handler !== undefined
      ? 'The component opens more than one door: "handle" or wasi:http/incoming-handler, once'
      : `The component exports neither "handle" nor wasi:http/incoming-handler@0.2: ${names.slice(0, 8).join(', ') || 'nothing'}`,
    { hint: 'Build it with "popmesh build", or for the world wasi:http/proxy 0.2.' },
  );
}

export function checkImports(door: DoorName, imports: readonly string[]): void {
  const allowed = ALLOWED[door];
  for (const name of imports) {
    const at = name.lastIndexOf('@');
    if (at > 0 && allowed.names.has(name.slice(0, at)) && allowed.version.test(name.slice(at + 1)))
      continue;
    const shown = name.slice(0, 120);
    throw new PopmeshError(
      'import_not_allowed',
      `The import ${JSON.stringify(shown)} is not allowed`,
      {
        hint: `A ${door} component may import ${allowed.expected}.`,
        details: { import: shown, door },
      },
    );
  }
}
