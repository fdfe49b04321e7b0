. "$PROJECT/tests/docs/setup/common.sh"
hello hello.wasm
echo '(module (func (export "sum") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))' >sum.wat
