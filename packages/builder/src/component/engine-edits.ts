import { createHash } from 'node:crypto';
import { type WasmReader, wasmSections } from './wasm-reader.ts';
import { section, unsignedLeb } from './wasm-writer.ts';

/**
 * Two places in QuickJS that look at the stack too seldom or too lightly, mended in the compiled
 * module of the one version that is known by its SHA-256. Each edit is a run of bytes that stands
 * in its function exactly once. Refused: leaving them, since a chain of iterator helpers writes
 * over the heap before anything notices, and JSON.stringify of deep data is quadratic in the depth
 * that the stack allows, which was 180,000 levels and many seconds.
 */

interface Edit {
  /** Its place among the module's own functions. */
  readonly body: number;
  /** Hexadecimal, as `to`. */
  readonly from: string;
  readonly to: string;
}

/** Of componentize-qjs 0.4.5, as it stands in a component. */
const ENGINE = '9db587cf543eb9127b7c85e428647fd72b12d22e3f3b0e2a9a3cc01fc8ffa446';
const FUNCTIONS = 1_604;

const EDITS: readonly Edit[] = [
  // `js_json_to_str`: a frame of 528 bytes in place of 16, so that 5,000 levels are the end.
  { body: 894, from: '230041106b22072400', to: '23004190046b22072400' },
  { body: 894, from: '41106a2400', to: '4190046a2400' },
  // `js_iterator_helper_next(ctx, this, argc, argv, done, magic)`, before anything else:
  // if (sp < ctx->rt->stack_limit) { *done = 0; JS_ThrowRangeError(ctx, …); return JS_EXCEPTION; }
  {
    body: 1_292,
    from: '230041f0006b220b2400',
    to:
      '2300 2000280208 2802fc04 49 0440' +
      '20044100360200 2000 2301 41e6a3016a 4100 109a05 4280808080e000 0f' +
      '0b 230041f0006b220b2400',
  },
];

const CODE = 10;
const PREAMBLE_BYTES = 8;

/** Whether a core module is an engine, known or not. */
export function isEngine(module: Uint8Array): boolean {
  return [...wasmSections(module)].some(
    ({ id, body }) => id === CODE && body.u32() > FUNCTIONS / 2,
  );
}

/** Undefined: an engine of another version. */
export function withEdits(module: Uint8Array): Uint8Array | undefined {
  if (createHash('sha256').update(module).digest('hex') !== ENGINE) return undefined;
  const parts: Uint8Array[] = [module.subarray(0, PREAMBLE_BYTES)];
  for (const { id, whole, body } of wasmSections(module)) {
    parts.push(id === CODE ? codeWithEdits(body) : whole);
  }
  return Buffer.concat(parts);
}

function codeWithEdits(code: WasmReader): Uint8Array {
  const count = code.u32();
  const bodies: Uint8Array[] = [];
  for (let at = 0; at < count; at++) bodies.push(code.take(code.u32()).rest());
  for (const { body, from, to } of EDITS) bodies[body] = edited(bodies[body], from, to);
  return section(
    CODE,
    unsignedLeb(count),
    ...bodies.flatMap((body) => [unsignedLeb(body.length), body]),
  );
}

function edited(body: Uint8Array | undefined, from: string, to: string): Uint8Array {
  const bytes = Buffer.from(body ?? []);
  const [old, fresh] = [from, to].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  const at = bytes.indexOf(old as Buffer);
  if (at < 0 || bytes.indexOf(old as Buffer, at + 1) >= 0)
    throw new Error('an edit without a place');
  return Buffer.concat([
    bytes.subarray(0, at),
    fresh as Buffer,
    bytes.subarray(at + (old as Buffer).length),
  ]);
}
