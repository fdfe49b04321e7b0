;; A list of objects that a global holds, and references that the host gets and hands back.
(module
  (type $n (struct (field (ref null $n)) (field i32)))
  (global $list (export "list") (mut (ref null $n)) (ref.null $n))
  (func (export "push") (param i32) (global.set $list (struct.new $n (global.get $list) (local.get 0))))
  (func (export "head") (result anyref) (global.get $list))
  (func (export "sum") (result i64) (local $s i64) (local $p (ref null $n))
    (local.set $p (global.get $list))
    (block $e (loop $l (br_if $e (ref.is_null (local.get $p)))
      (local.set $s (i64.add (local.get $s) (i64.extend_i32_u (struct.get $n 1 (local.get $p)))))
      (local.set $p (struct.get $n 0 (local.get $p))) (br $l))) (local.get $s))
  (func (export "value") (param (ref null $n)) (result i32) (struct.get $n 1 (local.get 0))))
