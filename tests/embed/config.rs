//! `PREFIX_configure`: what a library has from its start on is up to its host.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["config":
        hosts_say_what_a_library_has,
        limits_are_for_libraries_without_wasi_too,
        rust_hosts_build_a_configuration,
    ]
}

/// What the host is told on standard error, in this order.
const MESSAGES: [&str; 13] = [
    "its `size` is not sizeof(w2n_config)",
    "it asks for something that the library's version of wasm2native does not know",
    "it asks for something that the library's version of wasm2native does not know",
    "the variable `A` has no value: it must be NAME=VALUE",
    "the stream `input` is of an unknown kind",
    "the stream `input` has no function",
    "the stream `input` is a descriptor that is not open",
    "cannot open directory `missing` for the library: No such file or directory (os error 2)",
    "cannot grant directory `/proc` for the library: its file system (procfs or the like) gives access to the memory of \
     processes",
    "a directory has no name",
    "the directory `x` has neither a path nor a descriptor",
    "cannot open directory `x` for the library: Not a directory (os error 20)",
    "it was used before (W2N_CONFIG_RESTART lets it begin again)",
];

fn hosts_say_what_a_library_has() -> Result<()> {
    let folder = host("cc", &["config.wat", "config.c"])?;
    folder.write("data/f", b"data");
    folder.write("other/f", b"other");
    folder.builds(&["config.wat", "--dir", "data", "--env", "BUILT=in", "--emit", "staticlib,sharedlib,header"]);
    folder.cc(&["-Wall", "-Wextra", "-Werror", "config.c", "config.a", "-o", "static"]);
    folder.cc(&["-Wall", "-Wextra", "-Werror", "config.c", "config.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
    let message = |text: &&str| format!("library `config` can't be configured: {text}\n");
    // The last is told in `w2n_try` as well.
    let messages: String = MESSAGES.iter().chain(MESSAGES.last()).map(message).collect();
    for host in ["static", "shared"] {
        let out = folder.program(host, &[]);
        assert_eq!((out.stdout.as_str(), out.status), ("0 wrong\n", 0), "{host} {out:#?}");
        assert_eq!(out.stderr, messages, "{host}");
    }
    Ok(())
}

fn limits_are_for_libraries_without_wasi_too() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write(
        "bare.wat",
        r#"(module (memory (export "memory") 1 100) (table $t 1 1000 funcref)
          (func (export "grow") (result i32) (table.grow $t (ref.null func) (i32.const 500))))"#,
    );
    folder.write(
        "host.c",
        "#include \"bare.h\"\n#include <stdio.h>\n#include <stdlib.h>\n\
         int main(int argc, char **argv) {\n\
           const char *const arguments[] = {\"unused\", NULL};\n\
           w2n_config config = {.size = sizeof config, .arguments = arguments};\n\
           config.max_memory = strtoull(argv[argc - 2], 0, 0), config.max_table = strtoull(argv[argc - 1], 0, 0);\n\
           printf(\"%d\", bare_configure(&config));\n\
           printf(\" %d\", bare_init());\n\
           if (!bare_init()) printf(\" %lld %d\", (long long)bare_memory_grow(2), bare_grow());\n\
           return puts(\"\") < 0;\n\
         }\n",
    );
    folder.builds(&["bare.wat", "--max-memory", "160K", "--emit", "staticlib,header"]);
    folder.cc(&["host.c", "bare.a", "-o", "host"]);
    for (memory, table, expected) in [
        ("0", "0", "0 0 -1 1\n"),
        ("1000000", "0", "0 0 1 1\n"),
        ("1000000", "100", "0 0 1 -1\n"),
        ("10", "0", "0 103\n"),
    ] {
        let out = folder.program("host", &[memory, table]);
        assert_eq!(out.stdout, expected, "{memory} {table} {out:#?}");
        let is_told = out.stderr.contains("bytes of memory to start, and --max-memory allows 10");
        assert_eq!(is_told, memory == "10", "{out:#?}");
    }
    Ok(())
}

const IN_RUST: &str = "\
arguments 3 program,one,two,
variables 1 A=b c,
open 0 20
output `to the host`
file `to the host`
input 5 `words`
error 29
pages Some(1) None
again Some(1) 1
zero: a text of the configuration has a zero byte
missing: library `config` can't be configured: cannot open directory `missing` for the library: No such file or directory (os error 2)
as before: arguments 3
taken true
none 1 0
";

fn rust_hosts_build_a_configuration() -> Result<()> {
    let folder = host("rustc", &["config.wat", "config_host.rs"])?;
    folder.write("data/f", b"data");
    folder.builds(&["config.wat", "--emit", "staticlib=libconfig.a,rust"]);
    for edition in ["2021", "2024"] {
        folder.silent_tool(
            "rustc",
            &["config_host.rs", "-Dwarnings", "-L.", "-lstatic=config", "-o", "host", "--edition", edition],
        );
        let out = folder.program("host", &[]);
        assert_eq!((out.stdout.as_str(), out.status), (IN_RUST, 0), "{out:#?}");
        assert!(out.stderr.ends_with("No such file or directory (os error 2)\n"), "{out:#?}");
        folder.silent_tool("clippy-driver", &["config_host.rs", "-Dwarnings", "--emit=metadata", "--edition", edition]);
    }
    Ok(())
}
