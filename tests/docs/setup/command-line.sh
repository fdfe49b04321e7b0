. "$PROJECT/tests/docs/setup/common.sh"
hello mod.wasm
fib lib.wasm
echo '(module (import "math" "one" (func $one (result i32)))
  (func (export "main") (result i32) (i32.add (call $one) (i32.const 41))))' >main.wasm
echo '(module (func (export "one") (result i32) (i32.const 1)))' >math.wasm
echo '(module (func (export "f") (result i32) (i32.const 1)))
(assert_return (invoke "f") (i32.const 1))' >test.wast
hello a.wat
hello b.wat
echo '(module (func $half (export "main") (result i32)))' >wrong.wat
echo '(module
  (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "main") (result i32) (call $divide (i32.const 1) (i32.const 0))))' >trap.wat
