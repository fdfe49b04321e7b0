. "$PROJECT/tests/docs/setup/common.sh"
hello app.wasm
hello json.wasm
