;; What an interrupt must end: loops, calls without loops, and functions of the runtime that wait.
(module
  (import "host" "callback" (func $callback))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2 shared)
  (table funcref (elem $again))
  (global $rounds (export "rounds") (mut i64) (i64.const 0))

  (func $spin (export "spin") (loop $on (br $on)))

  (func $count (export "count")
    (loop $on
      (global.set $rounds (i64.add (global.get $rounds) (i64.const 1)))
      (br $on)))

  (func $branches (export "branches") (param i32) (result i32)
    (loop $outer (result i32)
      (loop $inner
        (br_if $inner (local.tee 0 (i32.shr_u (local.get 0) (i32.const 1)))))
      (local.set 0 (i32.const 6))
      (br $outer)))

  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))

  (func $tail (export "tail") (return_call $tail))

  (func $again (export "indirect") (return_call_indirect (i32.const 0)))

  ;; A trap is not an exception.
  (func $catch (export "catch")
    (loop $on
      (block $caught (try_table (catch_all $caught) (call $spin)))
      (br $on)))

  (func $calls (export "calls") (loop $on (call $callback) (br $on)))

  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))

  ;; Has a version that looks for no interrupt.
  (func $sum (export "sum") (param $count i32) (result i32) (local $at i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $at))))
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=8 (local.get $at))))
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=12 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $count))))
    (local.get $sum))

  (func $sums (export "sums") (loop $on (drop (call $sum (i32.const 65536))) (br $on)))

  (func $sleep (export "sleep")
    (i32.store8 (i32.const 8) (i32.const 0))
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600_000_000_000))
    (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))

  (func $read (export "read")
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 16))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 128))))

  (func $wait (export "wait") (param i64)
    (drop (memory.atomic.wait32 (i32.const 65536) (i32.const 0) (local.get 0)))))
