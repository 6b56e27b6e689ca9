;; A revision written by hand. What stands for REALLOC and MAIN is the test's; see `guest` in tests/sandbox.rs.
;; Memory: 1024 the statement `CREATE TABLE half ()`; 1100 `SELECT 1/0`; 2048 room for an answer; 4096 sixteen pages of
;; zeros up to the end, of which the first are a result that is `ok`.
(component
  (import "wmigrate:migration/types@0.1.0" (instance $types
    (type $interval' (record (field "microseconds" s64) (field "days" s32) (field "months" s32)))
    (export "interval" (type $interval (eq $interval')))
    (type $other' (record (field "oid" u32) (field "text" bool) (field "data" (list u8))))
    (export "other-value" (type $other (eq $other')))
    (type $value' (variant
      (case "null") (case "boolean" bool) (case "int2" s16) (case "int4" s32) (case "int8" s64) (case "float4" f32)
      (case "float8" f64) (case "numeric" string) (case "text" string) (case "bytea" (list u8)) (case "date" s32)
      (case "time" s64) (case "timestamp" s64) (case "timestamptz" s64) (case "interval" $interval) (case "uuid" string)
      (case "json" string) (case "jsonb" string) (case "text-array" (list (option string)))
      (case "int8-array" (list (option s64))) (case "other" $other)))
    (export "value" (type $value (eq $value')))
    (type $error' (record
      (field "kind" string) (field "sqlstate" string) (field "message" string) (field "detail" (option string))
      (field "hint" (option string)) (field "position" (option u32)) (field "fields" (list (tuple string string)))))
    (export "error" (type $error (eq $error')))))
  (alias export $types "value" (type $value))
  (alias export $types "error" (type $error))
  (import "wmigrate:migration/sql@0.1.0" (instance $sql
    (alias outer 1 $value (type $value'))
    (export "value" (type $v (eq $value')))
    (alias outer 1 $error (type $error'))
    (export "error" (type $e (eq $error')))
    (export "execute" (func
      (param "statement" string) (param "parameters" (list $v)) (result (result u64 (error $e)))))))
  (import "wmigrate:migration/log@0.1.0" (instance $log
    (type $level' (enum "debug" "info" "notice" "warning"))
    (export "level" (type $level (eq $level')))
    (export "message" (func (param "level" $level) (param "text" string)))))

  (core module $lib
    (memory (export "memory") 16)
    (data (i32.const 1024) "CREATE TABLE half ()")
    (data (i32.const 1100) "SELECT 1/0")
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
      REALLOC))
  (core instance $lib (instantiate $lib))
  (alias core export $lib "memory" (core memory $memory))
  (alias core export $lib "realloc" (core func $realloc))
  (core func $execute (canon lower (func $sql "execute")
    (memory $memory) (realloc $realloc)))
  (core func $message (canon lower (func $log "message") (memory $memory)))
  (core module $main
    (import "host" "memory" (memory 1))
    (import "host" "execute" (func $execute (param i32 i32 i32 i32 i32)))
    (import "host" "message" (func $message (param i32 i32 i32)))
    MAIN
    (func (export "upgrade") (result i32)
      (call $execute (i32.const 1024) (i32.const 20) (i32.const 0) (i32.const 0) (i32.const 2048))
      (call $upgrade))
    (func (export "downgrade") (result i32) (i32.const 4096)))
  (core instance $host
    (export "memory" (memory $memory))
    (export "execute" (func $execute))
    (export "message" (func $message)))
  (core instance $run (instantiate $main (with "host" (instance $host))))
  (func $upgrade (result (result (error $error)))
    (canon lift (core func $run "upgrade") (memory $memory) (realloc $realloc)))
  (func $downgrade (result (result (error $error)))
    (canon lift (core func $run "downgrade") (memory $memory) (realloc $realloc)))
  (export "upgrade" (func $upgrade))
  (export "downgrade" (func $downgrade)))
