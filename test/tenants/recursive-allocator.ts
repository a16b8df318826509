/**
 * A component whose allocator asks its host for random bytes, which the host puts where that same
 * allocator says: a call within a call for as long as there is stack, each with bytes of the host.
 * It is as small as one can be, too, which is another shape of what the transpiler writes.
 */
export const RECURSIVE_ALLOCATOR = `(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "wasi:http/types@0.2.0" (instance $types
    (export "incoming-request" (type (sub resource)))
    (export "response-outparam" (type (sub resource)))))
  (alias export $types "incoming-request" (type $request))
  (alias export $types "response-outparam" (type $out))
  (core module $Memory
    (type $ask (func (param i64 i32)))
    (memory (export "memory") 2)
    (table (export "table") 1 1 funcref)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call_indirect (type $ask) (i64.const 60000) (i32.const 1024) (i32.const 0))
      (i32.const 4096)))
  (core instance $memory (instantiate $Memory))
  (core func $ask (canon lower (func $random "get-random-bytes")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $Main
    (import "host" "table" (table 1 1 funcref))
    (import "host" "ask" (func $ask (param i64 i32)))
    (elem (i32.const 0) func $ask)
    (func (export "handle") (param i32 i32) (call $ask (i64.const 60000) (i32.const 1024))))
  (core instance $host (export "table" (table $memory "table")) (export "ask" (func $ask)))
  (core instance $main (instantiate $Main (with "host" (instance $host))))
  (func $handle (param "request" (own $request)) (param "response-out" (own $out))
    (canon lift (core func $main "handle")))
  (component $Handler
    (import "request" (type $a (sub resource)))
    (import "out" (type $b (sub resource)))
    (import "handle" (func $handle (param "request" (own $a)) (param "response-out" (own $b))))
    (export $c "incoming-request" (type $a))
    (export $d "response-outparam" (type $b))
    (export "handle" (func $handle)
      (func (param "request" (own $c)) (param "response-out" (own $d)))))
  (instance $handler (instantiate $Handler
    (with "request" (type $request)) (with "out" (type $out)) (with "handle" (func $handle))))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))`;
