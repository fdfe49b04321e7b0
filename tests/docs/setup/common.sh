# Modules that several documents use. A text is as good a module as a binary.

hello() {
    cp "$PROJECT/fixtures/wasi/hello.wat" "$1"
}

# `cat FILE` prints a file.
cat_module() {
    cat >cat.cot <<'COT'
import "std/fs"
import "std/io"
import "std/os"

fn main() i64 {
    const text = readFile(arg(1)) catch |e| {
        eprintln("cat: ${arg(1)}: no such file")
        return 1
    }
    print(text)
    return 0
}
COT
    cot build cat.cot --target=wasm32-wasi -o "$1"
    rm cat.cot
}

# Exports `fib`.
fib() {
    cat >"$1" <<'WAT'
(module
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2))))))))
WAT
}
