(module
  (memory 1)
  (func $square (param $x i32) (result i32)
    (local $y i32)
    local.get $x
    local.get $x
    i32.mul
    local.set $y
    local.get $y
    i32.const 1
    i32.add)
  (func (export "twice") (param $n i32) (result i32)
    (local $i i32) (local $sum i64)
    (loop $again
      (local.set $sum
        (i64.add (local.get $sum)
          (i64.extend_i32_s (call $square (local.get $i)))))
      (br_if $again
        (i32.lt_s
          (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (local.get $n))))
    (i32.wrap_i64 (local.get $sum))))
