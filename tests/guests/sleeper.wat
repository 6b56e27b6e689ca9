;; A revision that wants to sleep for ever with the transaction open: its own clock would not see it.
(component
  (import "wmigrate:migration/types@0.1.0" (instance $types
    (type $error' (record
      (field "kind" string) (field "sqlstate" string) (field "message" string) (field "detail" (option string))
      (field "hint" (option string)) (field "position" (option u32)) (field "fields" (list (tuple string string)))))
    (export "error" (type $error (eq $error')))))
  (alias export $types "error" (type $error))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p'))
    (export "pollable" (type $p (eq $p')))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))
    (export "subscribe-instant" (func (param "when" u64) (result (own $p))))))
  (core func $duration (canon lower (func $clock "subscribe-duration")))
  (core func $instant (canon lower (func $clock "subscribe-instant")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core module $main
    (import "host" "duration" (func $duration (param i64) (result i32)))
    (import "host" "instant" (func $instant (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (memory (export "memory") 1)
    (func (export "run") (result i32)
      (call $block (call $duration (i64.const 3600000000000)))
      (call $block (call $duration (i64.const -1)))
      (call $block (call $instant (i64.const -1)))
      (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
  (core instance $run (instantiate $main (with "host" (instance
    (export "duration" (func $duration)) (export "instant" (func $instant)) (export "block" (func $block))))))
  (alias core export $run "memory" (core memory $memory))
  (alias core export $run "realloc" (core func $realloc))
  (func $run (result (result (error $error)))
    (canon lift (core func $run "run") (memory $memory) (realloc $realloc)))
  (export "upgrade" (func $run))
  (export "downgrade" (func $run)))
