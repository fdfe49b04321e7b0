(module
  (func (export "nested") (param $n i32) (result i32)
    (local $x i32) (local $i i32) (local $s i32)
    (loop $outer
      (local.set $x (i32.const 1))
      (loop $inner
        (local.set $s
          (i32.rem_u (local.get $n) (i32.add (local.get $s) (i32.const 3))))
        (local.set $x (i32.add (local.get $x) (local.get $s)))
        (if (i32.gt_u (local.get $s) (i32.const 1))
          (then (local.set $x (i32.const 77)))
          (else
            (local.set $i
              (i32.rem_u (local.get $n) (i32.add (local.get $x) (i32.const 5))))))
        (br_if $inner (i32.lt_s (local.get $x) (i32.const 9))))
      (br_if $outer (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i32.add (local.get $x) (local.get $s))))
