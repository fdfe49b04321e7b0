. "$PROJECT/tests/docs/setup/common.sh"
hello mod.wasm
