//! Functions of WASI that are the host's instead of the runtime's.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use std::process::Command;
use test_kit::process::outcome;
use test_kit::{tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["replace":
        a_definition_of_the_host_counts,
        a_function_of_another_name_is_taken,
        the_header_says_what_can_be_replaced,
        objects_beside_a_program_replace_functions,
        a_declared_function_gets_pointers,
        a_function_of_another_type_is_not_wasi,
    ]
}

const DEFINED: &str = "-DFUNCTION=wasi_snapshot_preview1_random_get";
const EXPECTED: &str = "2a2a2a2a\nwritten\n";

/// With every linker that is here.
fn a_definition_of_the_host_counts() -> Result<()> {
    let folder = host("cc", &["replace.wat", "replace.c"])?;
    folder.builds(&["replace.wat", "--emit", "staticlib,obj,header"]);
    let mut linkers = vec!["-fuse-ld=bfd"];
    linkers.extend(tool::is_available("ld.lld").then_some("-fuse-ld=lld"));
    linkers.extend(tool::is_available("ld.gold").then_some("-fuse-ld=gold"));
    for linker in linkers {
        folder.cc(&[DEFINED, linker, "replace.c", "replace.a", "-o", "host"]);
        folder.program("host", &[]).prints(EXPECTED);
        folder.cc(&[DEFINED, linker, "replace.a", "replace.c", "replace.a", "-Wl,--gc-sections", "-o", "host"]);
        folder.program("host", &[]).prints(EXPECTED);
    }
    folder.cc(&["-DFUNCTION=unused", "replace.c", "replace.a", "-o", "host"]);
    let out = folder.program("host", &[]);
    assert!(out.stdout.ends_with("\nwritten\n") && out.stdout != EXPECTED, "{out:?}");
    Ok(())
}

/// In shared libraries, too.
fn a_function_of_another_name_is_taken() -> Result<()> {
    let folder = host("cc", &["replace.wat", "replace.c"])?;
    let chosen = ["--import-symbol", "wasi_snapshot_preview1.random_get=dice"];
    folder.builds(&[&["replace.wat", "--emit", "staticlib,sharedlib,header"][..], &chosen].concat());
    folder.cc(&["-DFUNCTION=dice", "replace.c", "replace.a", "-o", "static"]);
    folder.cc(&["-DFUNCTION=dice", "replace.c", "-rdynamic", "replace.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
    for host in ["static", "shared"] {
        folder.program(host, &[]).prints(EXPECTED);
    }
    Ok(())
}

fn the_header_says_what_can_be_replaced() -> Result<()> {
    let folder = host("cc", &["replace.wat", "replace.c"])?;
    folder.builds(&["replace.wat", "--emit", "header"]);
    let header = std::fs::read_to_string(folder.path("replace.h"))?;
    for line in [
        "int32_t wasi_snapshot_preview1_environ_get(uint32_t p0, uint32_t environ_buf);",
        "int32_t wasi_snapshot_preview1_fd_write(uint32_t fd, uint32_t iovs, uint32_t iovs_len, uint32_t nwritten);",
        "int32_t wasi_snapshot_preview1_random_get(uint32_t buf, uint32_t buf_len);",
    ] {
        assert!(header.contains(line), "no {line} in {header}");
    }
    folder.write(
        "wrong.c",
        "#include \"replace.h\"\nint wasi_snapshot_preview1_random_get(double x) { return x > 0; }\n",
    );
    let mut compiler = Command::new("cc");
    let out = outcome(compiler.args(["-c", "wrong.c"]).current_dir(folder.path(".")).env("LC_ALL", "C"));
    assert!(out.status != 0 && out.stderr.contains("conflicting types"), "{out:?}");
    Ok(())
}

/// `inspect` lists them, another type does not compile, and members of archives can't.
fn objects_beside_a_program_replace_functions() -> Result<()> {
    let folder = host("cc", &["replace.wat"])?;
    let define = |ty: &str| {
        let body = "{ (void)buffer, (void)length; return 0; }";
        folder.write("host.c", format!("int wasi_snapshot_preview1_random_get(unsigned buffer, {ty} length) {body}\n"));
    };
    define("unsigned");
    // What is not replaced is the runtime's; this one gives no numbers.
    folder.builds(&["replace.wat", "host.c", "-o", "replace"]);
    let out = folder.program("replace", &[]);
    assert_eq!((out.stdout.as_str(), out.status), ("written\n", 134), "{out:#?}");
    let inspect = folder.wasm2native(&["inspect", "replace"]);
    let foreign = "wasi_snapshot_preview1.random_get";
    assert!(inspect.stdout.contains(foreign), "{inspect:#?}");
    folder.wasm2native(&["replace.wat", "host.c", "--allow-import", "env.*", "-o", "replace"]).fails(1, &[foreign]);
    define("double");
    folder.wasm2native(&["replace.wat", "host.c", "-o", "replace"]).fails(1, &["with another type"]);
    define("unsigned");
    folder.cc(&["-c", "-fPIC", "host.c", "-o", "host.o"]);
    folder.silent_tool("ar", &["rcs", "libhost.a", "host.o"]);
    folder.builds(&["replace.wat", "libhost.a", "-o", "replace"]);
    let out = folder.program("replace", &[]);
    assert_eq!((out.stdout.as_str(), out.status), ("written\n", 134), "{out:#?}");
    let inspect = folder.wasm2native(&["inspect", "replace"]);
    assert!(!inspect.stdout.contains(foreign), "{inspect:#?}");
    Ok(())
}

fn a_declared_function_gets_pointers() -> Result<()> {
    let folder = host("cc", &["replace.wat"])?;
    folder.write(
        "host.c",
        "#include <stddef.h>\n#include <string.h>\n\
         int dice(void *buffer, size_t length) { memset(buffer, 42, length); return 0; }\n",
    );
    let declared = "wasi_snapshot_preview1.random_get=dice: (ptr[len=n], n: usize) -> i32";
    folder.builds(&["replace.wat", "host.c", "--import", declared, "-o", "replace"]);
    folder.program("replace", &[]).prints("written\n");
    Ok(())
}

/// As Emscripten has it where JavaScript has no numbers of 64 bits.
fn a_function_of_another_type_is_not_wasi() -> Result<()> {
    let folder = host("cc", &[])?;
    let module = r#"(module
        (import "wasi_unstable" "fd_seek" (func $seek (param i32 i32 i32 i32 i32) (result i32)))
        (func (export "f") (result i32)
            (call $seek (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5))))"#;
    folder.write("it.wat", module.as_bytes());
    let text = "the import of function `wasi_unstable.fd_seek` of type (i32, i32, i32, i32, i32) -> i32 can't be linked: \
                WASI defines it with another type\n\
                help: --import-symbol wasi_unstable.fd_seek=NAME lets the host define it as NAME\n";
    for form in ["staticlib", "sharedlib", "obj", "header"] {
        folder.wasm2native(&["it.wat", "--emit", form]).fails(1, &[text]);
    }
    folder.builds(&["it.wat", "--emit", "staticlib,header", "--import-symbol", "wasi_unstable.fd_seek=my_seek"]);
    folder.write(
        "host.c",
        b"#include \"it.h\"\n#include <stdio.h>\n\
          int32_t my_seek(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e) {\n\
            return a * 10000 + b * 1000 + c * 100 + d * 10 + e;\n\
          }\n\
          int main(void) { printf(\"%d\\n\", it_f()); }\n",
    );
    folder.cc(&["host.c", "it.a", "-o", "host"]);
    folder.program("host", &[]).prints("12345\n");
    Ok(())
}
