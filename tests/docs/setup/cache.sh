. "$PROJECT/tests/docs/setup/common.sh"
hello app.wasm
mkdir shared
