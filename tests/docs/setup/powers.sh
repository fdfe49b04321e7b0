. "$PROJECT/tests/docs/setup/common.sh"
cat_module cat.wasm
echo '(module (func (export "main") (loop $forever (br $forever))))' >loop.wat
