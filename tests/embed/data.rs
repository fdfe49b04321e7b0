//! `--user-data`: functions of the host get a pointer of the host's.

use crate::{generators, host};
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["data":
        functions_of_the_host_get_its_pointer,
        functions_of_wasi_under_another_name_get_it_too,
        programs_have_no_host,
    ]
}

/// From direct calls, through tables, in tail position and as exports, whatever the types are.
fn functions_of_the_host_get_its_pointer() -> Result<()> {
    let folder = host("cc", &["data.wat", "data.c"])?;
    for flags in generators() {
        let declared = ["--user-data", "--import", "env.declared: (i32) -> i32"];
        folder.builds(&[flags, &declared, &["data.wat", "--emit", "staticlib,sharedlib,header,rust"]].concat());
        folder.cc(&["data.c", "data.a", "-o", "static"]);
        folder.cc(&["data.c", "-rdynamic", "data.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
        for host in ["static", "shared"] {
            folder.program(host, &[]).prints("null 1\n0 wrong\n");
        }
    }
    let header = String::from_utf8(folder.read("data.h"))?;
    for line in [
        "int32_t host_one(void *data, int32_t);",
        "void host_pair(void *data, struct host_pair_result *, int32_t);",
        "int32_t declared(int32_t);",
    ] {
        assert!(header.contains(line), "no {line} in {header}");
    }
    let rust = String::from_utf8(folder.read("data.rs"))?;
    assert!(
        rust.contains("host_one: function `host.one` of type (i32) -> i32, after the host's `*mut c_void`"),
        "{rust}"
    );
    Ok(())
}

fn functions_of_wasi_under_another_name_get_it_too() -> Result<()> {
    let folder = host("cc", &["replace.wat"])?;
    folder.write(
        "host.c",
        "#include \"replace.h\"\n#include <stdio.h>\n#include <string.h>\n\
         int32_t dice(void *data, uint32_t buf, uint32_t buf_len) {\n\
           memset((char *)replace_memory() + buf, *(char *)data, buf_len);\n\
           return 0;\n\
         }\n\
         int main(void) {\n\
           char byte = 17;\n\
           w2n_config config = {.size = sizeof config, .user_data = &byte};\n\
           printf(\"%d \", replace_configure(&config));\n\
           printf(\"%x\\n\", (unsigned)replace_number());\n\
         }\n",
    );
    let chosen = ["--import-symbol", "wasi_snapshot_preview1.random_get=dice", "--user-data"];
    folder.builds(&[&["replace.wat", "--emit", "staticlib,header"][..], &chosen].concat());
    folder.cc(&["host.c", "replace.a", "-o", "host"]);
    folder.program("host", &[]).prints("0 11111111\n");
    Ok(())
}

fn programs_have_no_host() -> Result<()> {
    let folder = host("cc", &["replace.wat"])?;
    folder.wasm2native(&["replace.wat", "--user-data", "-o", "it"]).fails(1, &["--user-data is for libraries"]);
    Ok(())
}
