//! Objects, archives and C sources in shared libraries.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["linked":
        a_shared_library_has_objects_of_its_own,
        what_can_not_be_linked_is_said,
    ]
}

const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "env" "twice" (func $twice (param i32) (result i32)))
    (import "env" "root" (func $root (param f64) (result f64)))
    (import "env" "hosts" (func $hosts (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "all") (result f64)
      (drop (call $random (i32.const 0) (i32.const 4)))
      (f64.add (call $root (f64.const 16)) (f64.convert_i32_s
        (i32.add (i32.load8_u (i32.const 0)) (call $hosts (call $twice (i32.const 100))))))))"#;

/// From a source, an object, an archive, the C library and the host.
fn a_shared_library_has_objects_of_its_own() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write("it.wat", MODULE);
    folder.write("twice.c", "int twice(int value) { return 2 * value; }\n");
    folder.write("root.c", "#include <math.h>\ndouble root(double value) { return sqrt(value) + pow(value, 0.5); }\n");
    folder.write(
        "random.c",
        "#include \"it.h\"\n#include <string.h>\n\
         int32_t wasi_snapshot_preview1_random_get(uint32_t buf, uint32_t buf_len) {\n\
           return memset((char *)it_memory() + buf, 7, buf_len), 0;\n\
         }\n",
    );
    folder.write(
        "host.c",
        "#include \"it.h\"\n#include <stdio.h>\n\
         int32_t hosts(int32_t value) { return value + 1000; }\n\
         int twice(int value);\n\
         int twice(int value) { return 3 * value; }\n\
         int main(void) { printf(\"%g\\n\", it_all()); return 0; }\n",
    );
    folder.builds(&["it.wat", "--emit", "header"]);
    folder.cc(&["-c", "-fPIC", "random.c", "-o", "random.o"]);
    folder.cc(&["-c", "-fPIC", "-O1", "-fno-builtin", "root.c", "-o", "root.o"]);
    folder.silent_tool("ar", &["rcs", "libroot.a", "root.o"]);
    folder.builds(&["it.wat", "twice.c", "random.o", "-L", ".", "-lroot", "-lm", "--emit", "sharedlib=libit.so"]);
    folder.cc(&["host.c", "-rdynamic", "-L.", "-lit", "-Wl,-rpath,$ORIGIN", "-o", "host"]);
    // The library's own functions count, not those of the same name in the host.
    folder.program("host", &[]).prints("1215\n");
    folder.builds(&["it.wat", "--emit", "sharedlib=libit.so"]);
    Ok(())
}

fn what_can_not_be_linked_is_said() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write("it.wat", MODULE);
    folder.write("twice.c", "double twice(double value) { return 2 * value; }\n");
    let build = |files: &[&str]| folder.wasm2native(&[&["it.wat", "--emit", "sharedlib"], files].concat());
    build(&["twice.c"]).fails(1, &["it defines an import of the module with another type"]);
    folder.write("needs.c", "void nobody_has_this(void);\nvoid f(void);\nvoid f(void) { nobody_has_this(); }\n");
    build(&["needs.c"]).fails(1, &["`nobody_has_this`, needed by needs.c"]);
    folder.write("shared.c", "int x;\n");
    folder.cc(&["-shared", "-fPIC", "shared.c", "-o", "libx.so"]);
    build(&["libx.so"]).fails(1, &["shared libraries are linked in process, from objects and archives"]);
    folder.wasm2native(&["it.wat", "needs.c", "--emit", "staticlib"]).fails(2, &["programs and shared libraries only"]);
    Ok(())
}
