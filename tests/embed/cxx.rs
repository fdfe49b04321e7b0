//! `--emit c++`: libraries as classes of C++.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::{target, tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["cxx":
        classes_own_libraries,
        without_exceptions_traps_are_results,
        all_names_make_a_class,
    ]
}

const EXPECTED: &str = "\
sum 42
in use: another object has the library
trap integer divide by zero 7
wasm trap: integer divide by zero
exit 3
pair 7 -1
counter 5 9 10
pages 1 2 -1
bytes 131072 1 0
reset 5 65536
again 5
arguments 2 program,one,
variables 1 A=b,
output `to the host`
input 5 words
error 29 0
none 8
late: cannot open directory `missing`
";

/// The compilers that are here, with what each says of everything as an error.
fn compilers() -> Vec<&'static str> {
    if target::is_foreign() {
        return vec!["c++"];
    }
    ["g++", "clang++", "clang++-19"].into_iter().filter(|compiler| tool::is_available(compiler)).collect()
}

const FLAGS: [&str; 5] = ["-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Werror"];

fn classes_own_libraries() -> Result<()> {
    let folder = host("c++", &["sum.wat", "config.wat", "wrapper.cpp"])?;
    folder.write("data/f", b"data");
    for module in ["sum.wat", "config.wat"] {
        folder.builds(&[module, "--emit", "staticlib,sharedlib,c++"]);
    }
    for compiler in compilers() {
        for (standard, libraries) in [("-std=c++17", ["sum.a", "config.a"]), ("-std=c++20", ["sum.so", "config.so"])] {
            let files = ["-O2", "wrapper.cpp", libraries[0], libraries[1], "-Wl,-rpath,$ORIGIN", "-o", "wrapper"];
            folder.silent_tool(compiler, &[&FLAGS[..], &[standard], &files].concat());
            let out = folder.program("wrapper", &[]);
            assert_eq!((out.stdout.as_str(), out.status), (EXPECTED, 0), "{compiler} {standard} {out:#?}");
        }
    }
    Ok(())
}

fn without_exceptions_traps_are_results() -> Result<()> {
    let folder = host("c++", &["sum.wat"])?;
    folder.write(
        "main.cpp",
        "#include \"sum.hpp\"\n#include <cstdio>\n\
         int main() {\n\
           auto library = wasm2native::Sum::create();\n\
           if (!library) return 1;\n\
           auto again = wasm2native::Sum::create();\n\
           std::printf(\"%d %s\\n\", again.has_value(), again.error().message());\n\
           auto three = library->divide(7, 2), none = library->divide(7, 0);\n\
           std::printf(\"%d %d %s\\n\", *three, none.has_value(), none.error().message());\n\
           std::printf(\"%d\\n\", library->exit(3).error().status());\n\
           return library->reset() ? 0 : 1;\n\
         }\n",
    );
    folder.builds(&["sum.wat", "--emit", "staticlib,c++"]);
    for compiler in compilers() {
        let files = ["-std=c++17", "-fno-exceptions", "main.cpp", "sum.a", "-o", "main"];
        folder.silent_tool(compiler, &[&FLAGS[..], &files].concat());
        folder.program("main", &[]).prints("0 another object has the library\n3 0 integer divide by zero\n3\n");
    }
    Ok(())
}

/// Also those that C++ has for itself.
fn all_names_make_a_class() -> Result<()> {
    let folder = host("c++", &["values.wat"])?;
    let names = ["class", "reset", "create", "Odd", "C", "", "9", "_", "operator", "begin", "__x", "state", "init"];
    let function =
        |(number, name): (usize, &&str)| format!("(func (export \"{name}\") (result i32) (i32.const {number}))");
    let functions: String = names.iter().enumerate().map(function).collect();
    folder.write("odd.wat", format!("(module {functions} (memory (export \"m\") 1) (memory (export \"span\") 2))"));
    folder.write(
        "main.cpp",
        "#include \"odd.hpp\"\n#include \"values.hpp\"\n#include <cstdio>\n\
         int main() {\n\
           wasm2native::Odd it;\n\
           std::printf(\"%d %d %d %d %d\\n\", it.class_(), it.export_reset(), it.Odd_(), it.C_(), it.operator_());\n\
           std::printf(\"%zu %zu\\n\", it.m().size(), it.span().size());\n\
           return 0;\n\
         }\n",
    );
    folder.builds(&["odd.wat", "--emit", "staticlib,c++"]);
    folder.builds(&["values.wat", "--emit", "c++"]);
    for compiler in compilers() {
        let files = ["-std=c++17", "main.cpp", "odd.a", "-o", "main"];
        folder.silent_tool(compiler, &[&FLAGS[..], &files].concat());
        folder.program("main", &[]).prints("0 1 3 4 8\n65536 131072\n");
    }
    Ok(())
}
