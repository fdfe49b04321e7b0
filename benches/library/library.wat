;; What a host does most with a library: calls, a loop over the memory, writing to its pages.
(module
  (memory (export "memory") 2 1000)
  (global $count (mut i32) (i32.const 10))
  (data (i32.const 65536) "begin")
  (func (export "bump") (param $by i32) (result i32)
    (global.set $count (i32.add (global.get $count) (local.get $by)))
    (global.get $count))
  (func (export "touch") (param $pages i32)
    (loop $again
      (if (local.get $pages)
        (then
          (local.set $pages (i32.sub (local.get $pages) (i32.const 1)))
          (i32.store (i32.shl (local.get $pages) (i32.const 12)) (i32.const 1))
          (br $again)))))
  (func (export "spin") (param $n i32) (result i32)
    (local $x i32)
    (loop $again
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 31)) (i32.load (i32.and (local.get $x) (i32.const 0xfffc)))))
      (i32.store (i32.and (local.get $x) (i32.const 0xfffc)) (i32.add (local.get $x) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))
