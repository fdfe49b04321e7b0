echo '(module (import "env" "help" (func $help (result i32))) (func (export "main") (result i32) (call $help)))' >app.wasm
echo 'int help(void) { return 0; }' >helper.c
cc -c -fPIC helper.c -o helper.o
cc -shared helper.o -o libthings.so
echo 'int other(void) { return 0; }' >other.c
cc -c -fPIC other.c -o other.o
ar rc libthings.a other.o
mkdir lib
cp libthings.a lib/libz.a
echo 'env.help: () -> i32' >my.imports
cat >write.wasm <<'WAT'
(module
  (import "env" "write" (func $write (param i32 i32 i32) (result i32)))
  (import "env" "puts" (func $puts (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "written\00")
  (func (export "main") (drop (call $puts (i32.const 16)))))
WAT
cat >sort.wasm <<'WAT'
(module
  (import "env" "qsort" (func $qsort (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (table 1 funcref)
  (elem (i32.const 0) $order)
  (func $order (param i32 i32) (result i32) (i32.sub (i32.load (local.get 0)) (i32.load (local.get 1))))
  (func (export "main") (call $qsort (i32.const 16) (i32.const 2) (i32.const 4) (i32.const 0))))
WAT
cat >hello.wasm <<'WAT'
(module
  (import "env" "printf" (func $printf (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "hello\n\00")
  (func (export "main") (drop (call $printf (i32.const 16) (i32.const 64)))))
WAT
