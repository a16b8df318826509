import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { z } from 'zod';

/**
 * Which mesh, and with what right: each of `api`, `token` and `ca` from the first of
 * flags, environment, `.popmesh/context.json` in this folder or one above it
 * (written by `popmesh dev`), and `popmesh/context.json` in the user's
 * configuration folder.
 */

export const CONTEXT_FILE = join('.popmesh', 'context.json');

const contextSchema = z.object({
  /** Control APIs of one mesh, tried in order. */
  apis: z.array(z.url()).min(1),
  token: z.string().optional(),
  /** Where clients reach the mesh, to show addresses of functions. */
  gateway: z.url().optional(),
  domain: z.string().optional(),
  /** PEM file of the mesh's own CA; relative to the folder of this file. */
  ca: z.string().optional(),
});

export type ContextFile = z.infer<typeof contextSchema>;

export interface Context {
  readonly apis: readonly string[];
  readonly token: string | undefined;
  readonly gateway: string | undefined;
  readonly domain: string | undefined;
  readonly ca?: string | undefined;
  /** Where the address came from, for error messages. */
  readonly source: string;
}

export interface ContextInput {
  readonly flags: {
    readonly api?: string | undefined;
    readonly token?: string | undefined;
    readonly ca?: string | undefined;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Throws `invalid_config` when no mesh is named anywhere, or a file is not usable. */
export function resolveContext({ flags, env, cwd }: ContextInput): Context {
  const file = findContextFile(cwd, env);
  const held = file === undefined ? undefined : readContextFile(file);
  const api = flags.api ?? present(env.POPMESH_API);
  const apis = api === undefined ? held?.apis : api.split(',').map((part) => parseApi(part.trim()));
  if (apis === undefined) {
    throw new PopmeshError('invalid_config', 'no mesh to talk to', {
      hint: 'Start one with `popmesh dev`, or give --api or POPMESH_API (http://host:port).',
    });
  }
  const ownMesh = api === undefined;
  const ca = flags.ca ?? present(env.POPMESH_CA);
  const heldCa =
    ownMesh && held?.ca !== undefined ? resolve(dirname(file ?? ''), held.ca) : undefined;
  return {
    apis,
    token: flags.token ?? present(env.POPMESH_TOKEN) ?? held?.token,
    gateway: ownMesh ? held?.gateway : undefined,
    domain: ownMesh ? held?.domain : undefined,
    ca: ca === undefined ? heldCa : resolve(cwd, ca),
    source: flags.api !== undefined ? '--api' : api !== undefined ? 'POPMESH_API' : (file ?? ''),
  };
}

const present = (value: string | undefined): string | undefined =>
  value === '' ? undefined : value;

function parseApi(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new PopmeshError('invalid_argument', `${JSON.stringify(text)} is not an API address`, {
      hint: 'It looks like http://127.0.0.1:7400 or https://mesh.example.com.',
    });
  }
  return url.href.replace(/\/+$/, '');
}

export function findContextFile(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const file = join(folder, CONTEXT_FILE);
    if (existsSync(file)) return file;
    if (dirname(folder) === folder) break;
  }
  const home = present(env.HOME);
  const configured = present(env.XDG_CONFIG_HOME);
  const folder =
    configured !== undefined && isAbsolute(configured)
      ? configured
      : home === undefined
        ? undefined
        : join(home, '.config');
  const file = folder === undefined ? undefined : join(folder, 'popmesh', 'context.json');
  return file !== undefined && existsSync(file) ? file : undefined;
}

function readContextFile(file: string): ContextFile {
  try {
    return contextSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    // The parser's message could quote the token.
    throw new PopmeshError('invalid_config', `${file} is not a usable context file`, {
      hint: 'Remove it, or write {"apis": ["http://host:port"], "token": "…"}.',
      cause,
    });
  }
}

/** Plain HTTP is for loopback: the token would travel in clear. */
export function isExposed(api: string): boolean {
  const { protocol, hostname } = new URL(api);
  if (protocol === 'https:') return false;
  return !(
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(?:\.\d+){3}$/.test(hostname)
  );
}
