;; The Wasm part of unwind.c: a chain of every kind of call, with values that have to survive each.
(module
  (import "env" "bottom" (func $bottom (param i32) (result i32)))
  (type $step (func (param i32) (result i32)))
  (type $wide (func (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i32)))
  (table funcref (elem $inner $bottom))
  (global $value (mut i64) (i64.const 3))

  (func $leaf (param i32) (result i32)
    (i32.mul (local.get 0) (local.get 0)))

  ;; Keeps more values over the call than there are registers that a callee saves.
  (func $inner (param i32) (result i32)
    (local $a i64) (local $b i64) (local $c i64) (local $d i64) (local $e i64) (local $f i64) (local $g i64) (local $result i32)
    (local.set $a (i64.add (global.get $value) (i64.const 1)))
    (local.set $b (i64.mul (local.get $a) (local.get $a)))
    (local.set $c (i64.mul (local.get $b) (local.get $a)))
    (local.set $d (i64.mul (local.get $c) (local.get $b)))
    (local.set $e (i64.mul (local.get $d) (local.get $c)))
    (local.set $f (i64.mul (local.get $e) (local.get $d)))
    (local.set $g (i64.mul (local.get $f) (local.get $e)))
    (local.set $result (call $bottom (local.get 0)))
    (global.set $value (i64.and (i64.const 7)
      (i64.add (local.get $a) (i64.add (local.get $b) (i64.add (local.get $c) (i64.add (local.get $d)
        (i64.add (local.get $e) (i64.add (local.get $f) (local.get $g)))))))))
    (local.get $result))

  (func $tail (param i32) (result i32)
    (return_call $inner (local.get 0)))

  ;; Its parameters need more stack than those of its caller, and than those of the function that it
  ;; ends with.
  (func $wide (type $wide)
    (return_call $tail (i32.add (local.get 0) (i32.wrap_i64 (local.get 12)))))
  (func $grow (param i32) (result i32)
    (return_call $wide (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
      (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 0)))
  ;; Calls while it has more room for arguments than its caller gave it.
  (func $grown (export "grown") (param i32) (result i32)
    (return_call $wide (call $bottom (local.get 0)) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
      (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 0)))
  (func $caller_of_wide (param i32) (result i32)
    (i32.add (i32.const 0) (call $wide (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
      (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 0))))

  (func $middle (param i32) (result i32)
    (i32.add (call_indirect (type $step) (local.get 0) (i32.const 0)) (call $leaf (local.get 0))))

  ;; Through the thunk of an import in a table.
  (func $thunk (param i32) (result i32)
    (i32.add (call_indirect (type $step) (local.get 0) (i32.const 1)) (i32.const 1)))

  (func $outer (export "outer") (param i32) (result i32)
    (i32.add (call $tail (local.get 0))
      (i32.add (call $middle (local.get 0))
        (i32.add (call $thunk (local.get 0))
          (i32.add (call $grow (local.get 0))
            (i32.add (call $grown (local.get 0)) (call $caller_of_wide (local.get 0))))))))

  ;; Around a call that C++ may leave by an exception: no handler of Wasm is for it.
  (func $handler (export "handler") (param i32) (result i32)
    (block $caught
      (try_table (catch_all $caught)
        (return (call $inner (local.get 0)))))
    (i32.const -1))

  (func $divide (param i32) (result i32)
    (i32.div_u (i32.const 1) (local.get 0)))
  (func $divider (export "divider") (param i32) (result i32)
    (i32.add (call $divide (local.get 0)) (i32.const 1)))
  (func $stopper (export "stopper") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (local.get 0)))
