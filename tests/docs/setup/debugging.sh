. "$PROJECT/tests/docs/setup/common.sh"
cat_module cat.wasm
