. "$PROJECT/tests/docs/setup/common.sh"
hello app.wasm
fib lib.wasm
echo "int main(void) { return 0; }" >main.c
fib fib.wat
