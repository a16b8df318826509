import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { WASI_VERSION, wasiPackages } from './host-worlds-source.ts';

/**
 * A `wasi:http` component that answers with the trailers of its request, behind the text "body".
 * It never reads the request's body. In the text format, because no guest language that is at
 * hand everywhere has an SDK with trailers.
 */
const WORLD = `package a:b;
world w {
  import wasi:io/poll@${WASI_VERSION};
  import wasi:io/streams@${WASI_VERSION};
  import wasi:http/types@${WASI_VERSION};
  export wasi:http/incoming-handler@${WASI_VERSION};
}
`;

const imported = (face: string, name: string, as: string, signature: string): string =>
  `(import "cm32p2|wasi:${face}@0.2" "${name}" (func $${as} ${signature}))`;
const types = (name: string, as: string, signature: string): string =>
  imported('http/types', name, as, signature);

/** Results are written to address 0: a tag there, a handle 4 behind it. */
const GUEST = `(module
  ${imported('io/poll', '[method]pollable.block', 'block', '(param i32)')}
  ${imported('io/poll', 'pollable_drop', 'pollable_drop', '(param i32)')}
  ${imported('io/streams', '[method]output-stream.blocking-write-and-flush', 'write_all', '(param i32 i32 i32 i32)')}
  ${imported('io/streams', 'output-stream_drop', 'stream_drop', '(param i32)')}
  ${types('[method]incoming-request.consume', 'consume', '(param i32 i32)')}
  ${types('incoming-request_drop', 'request_drop', '(param i32)')}
  ${types('[static]incoming-body.finish', 'finish_in', '(param i32) (result i32)')}
  ${types('[method]future-trailers.subscribe', 'subscribe', '(param i32) (result i32)')}
  ${types('[method]future-trailers.get', 'get', '(param i32 i32)')}
  ${types('future-trailers_drop', 'future_drop', '(param i32)')}
  ${types('[constructor]fields', 'fields', '(result i32)')}
  ${types('[constructor]outgoing-response', 'response', '(param i32) (result i32)')}
  ${types('[method]outgoing-response.body', 'body', '(param i32 i32)')}
  ${types('[method]outgoing-body.write', 'write', '(param i32 i32)')}
  ${types('[static]outgoing-body.finish', 'finish_out', '(param i32 i32 i32 i32)')}
  ${types('[static]response-outparam.set', 'set', '(param i32 i32 i32 i32 i64 i32 i32 i32 i32)')}
  (memory (export "cm32p2_memory") 1)
  (data (i32.const 256) "body")
  (func (export "cm32p2_initialize"))
  (func (export "cm32p2_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func $handle_of (result i32)
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (i32.load (i32.const 4)))
  (func (export "cm32p2|wasi:http/incoming-handler@0.2|handle") (param $request i32) (param $out i32)
    (local $future i32) (local $poll i32) (local $has i32) (local $trailers i32)
    (local $response i32) (local $body i32) (local $stream i32)
    (call $consume (local.get $request) (i32.const 0))
    (local.set $future (call $finish_in (call $handle_of)))
    (local.set $poll (call $subscribe (local.get $future)))
    (call $block (local.get $poll))
    (call $pollable_drop (local.get $poll))
    (call $get (local.get $future) (i32.const 0))
    ;; some(ok(ok(option<trailers>))): each case begins 8 bytes behind the one around it.
    (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))
    (if (i32.load8_u (i32.const 8)) (then unreachable))
    (if (i32.load8_u (i32.const 16)) (then unreachable))
    (local.set $has (i32.load8_u (i32.const 24)))
    (local.set $trailers (i32.load (i32.const 28)))
    (call $future_drop (local.get $future))
    (call $request_drop (local.get $request))
    (local.set $response (call $response (call $fields)))
    (call $body (local.get $response) (i32.const 0))
    (local.set $body (call $handle_of))
    (call $set (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $body) (i32.const 0))
    (local.set $stream (call $handle_of))
    (call $write_all (local.get $stream) (i32.const 256) (i32.const 4) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (call $stream_drop (local.get $stream))
    (call $finish_out (local.get $body) (local.get $has) (local.get $trailers) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable)))
  (func (export "cm32p2|wasi:http/incoming-handler@0.2|handle_post")))`;

export async function trailersGuest(): Promise<Uint8Array> {
  const core = await componentEmbed({
    binary: await parse(GUEST),
    witSource: WORLD + wasiPackages(),
    world: 'w',
  });
  return new Uint8Array(await componentNew(core, []));
}
