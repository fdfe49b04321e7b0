//! The declarations themselves: names that languages have for themselves, names of parameters, and
//! what is said of imports.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use std::process::Command;
use test_kit::process::outcome;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["header":
        symbols_with_a_meaning_in_c_get_another_name,
        parameters_have_the_names_of_the_module,
        what_only_programs_can_is_said,
        a_host_defines_what_is_imported_with_its_type,
        different_exports_have_different_symbols,
    ]
}

fn symbols_with_a_meaning_in_c_get_another_name() -> Result<()> {
    let folder = host("c++", &[])?;
    folder.write(
        "m.wat",
        r#"(module (func (export "assert") (result i32) (i32.const 1)) (func (export "cast") (result i32) (i32.const 2))
             (global (export "t") (mut i32) (i32.const 3)))"#,
    );
    let main = "#include <stdio.h>\nint main(void) { printf(\"%d %d\\n\", (int)ONE, (int)TWO); return 0; }\n";
    folder.write("static.c", format!("#include \"static.h\"\n{main}"));
    folder.write("size.c", format!("#include \"size.h\"\n{main}"));
    folder.write("INT32.c", format!("#include \"INT32.h\"\n{main}"));
    let max =
        r#"(module (func (export "MAX") (result i32) (i32.const 4)) (func (export "C") (result i32) (i32.const 5)))"#;
    folder.write("max.wat", max);
    for (module, prefix, one, two, expected) in [
        ("m.wat", "static", "static_assert_()", "static_cast_()", "1 2\n"),
        ("m.wat", "size", "size_t_", "size_cast()", "3 2\n"),
        ("max.wat", "INT32", "INT32_MAX_()", "INT32_C_()", "4 5\n"),
    ] {
        let (library, header) = (format!("staticlib={prefix}.a"), format!("header={prefix}.h"));
        folder.builds(&[module, "--prefix", prefix, "--emit", &library, "--emit", &header]);
        let flags = [&format!("-DONE={one}")[..], &format!("-DTWO={two}")];
        let (source, archive) = (format!("{prefix}.c"), format!("{prefix}.a"));
        folder.cc(&[&flags[..], &[&source, &archive, "-o", "c"]].concat());
        folder.program("c", &[]).prints(expected);
        folder.cxx(&[&flags[..], &["-x", "c++", &source, "-x", "none", &archive, "-o", "cxx"]].concat());
        folder.program("cxx", &[]).prints(expected);
    }
    Ok(())
}

fn parameters_have_the_names_of_the_module() -> Result<()> {
    let folder = host("cc", &["values.wat"])?;
    folder.builds(&["values.wat", "--emit", "header,rust"]);
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).expect("it was made");
    let (header, rust) = (read("values.h"), read("values.rs"));
    assert!(header.contains("int32_t values_add(int32_t left, int32_t right);"), "{header}");
    let words = "void values_words(struct values_words_result *result, int32_t p0, int32_t p1, int32_t p2, int32_t p3, int32_t p4, \
                 int32_t same, int32_t p6, int32_t fn);";
    assert!(header.contains(words), "{header}");
    assert!(rust.contains("class: i32, size_t: i32, NULL: i32, p4: i32, same: i32, p6: i32, p7: i32);"), "{rust}");
    assert!(header.contains("double host_mix(int64_t, float, double);"), "{header}");
    assert!(header.contains("extern const int64_t values_limit;") && header.contains("extern float values_origin;"));
    Ok(())
}

/// The header has prototypes and variables: a host that includes it can't define others. What the C
/// library's headers declare is left to them.
fn a_host_defines_what_is_imported_with_its_type() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write(
        "u.wat",
        r#"(module (import "host" "log" (func $log (param i32 i32))) (import "host" "counter" (global $c (mut i32)))
          (import "host" "limit" (global $limit f64)) (import "env" "free" (func $free (param i64)))
          (import "env" "name" (func $name (param i32) (result i32))) (import "env" "pair" (func $pair (result i32 i64)))
          (import "env" "static" (func $static (param i32)))
          (memory (export "memory") 1)
          (func (export "greet") (result i32) (local i64)
            (call $pair) (local.set 0) (global.get $c) (i32.add)
            (call $log (i32.const 1) (i32.const 2)) (call $free (i64.const 0))
            (call $static (i32.const 3)) (call $name (i32.const 0)) (i32.add)))"#,
    );
    folder.builds(&["u.wat", "--emit", "staticlib,header", "--import", "env.name: (cstr) -> i32"]);
    let header = std::fs::read_to_string(folder.path("u.h"))?;
    for line in [
        "void host_log(int32_t, int32_t);",
        "extern int32_t host_counter;",
        "extern const double host_limit;",
        "int32_t name(const char *);",
        "void static_(int32_t) __asm__(W2N_SYMBOL(\"static\"));",
        "Nothing knows the types in objects, archives and sources that do not include it.",
    ] {
        assert!(header.contains(line), "no {line} in {header}");
    }
    assert!(!header.contains("void free("), "{header}");
    let log = "static int32_t seen; void host_log(int32_t a, int32_t b) { seen += a + b; }\n";
    let counter = "int32_t host_counter = 30; const double host_limit = 1;\n";
    let others = "int32_t name(const char *text) { return text == 0; }\n\
                  void pair(struct pair_result *result) { result->r0 = 5; result->r1 = 6; }\n\
                  void static_(int32_t it) { seen += it; }\n";
    let host = |log: &str, counter: &str| {
        let main = "int main(void) { printf(\"%d\", u_greet()); printf(\" %d\\n\", seen); return 0; }\n";
        let head = "#include \"u.h\"\n#include <stdio.h>\n#include <stdlib.h>\n";
        folder.write("host.c", [head, log, counter, others, main].concat());
    };
    host(log, counter);
    folder.cc(&["-Wall", "-Wextra", "-Werror", "host.c", "u.a", "-o", "host"]);
    folder.program("host", &[]).prints("36 6\n");
    for (log, counter, name) in [
        ("static int32_t seen; void host_log(double a, int32_t b) { seen += a + b; }\n", counter, "host_log"),
        ("static int32_t seen; void host_log(int32_t a) { seen += a; }\n", counter, "host_log"),
        (log, "float host_counter = 30; const double host_limit = 1;\n", "host_counter"),
    ] {
        host(log, counter);
        let mut compiler = Command::new("cc");
        let out = outcome(compiler.args(["-c", "host.c"]).current_dir(folder.path(".")).env("LC_ALL", "C"));
        assert!(out.status != 0 && out.stderr.contains(&format!("conflicting types for '{name}'")), "{out:?}");
    }
    Ok(())
}

fn what_only_programs_can_is_said() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write(
        "t.wat",
        r#"(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32))) (memory (export "memory") 1 1 shared)
             (func (export "wasi_thread_start") (param i32 i32)) (func (export "f") (drop (call $spawn (i32.const 0)))))"#,
    );
    folder.wasm2native(&["t.wat", "--emit", "staticlib=-"]).fails(1, &["which only programs can"]);
    Ok(())
}

/// Names that an escape, a name of the library's own, or a language could make equal to another.
const NAMES: [&str; 40] = [
    "!",
    "_x21",
    "_x5fx21",
    "_x_x21",
    "a-b",
    "a_x2db",
    "a.b",
    "a_x2eb",
    "é",
    "_xc3_xa9",
    "_xc3",
    "cpu_x86",
    "",
    "_",
    "__",
    "7",
    "_x37",
    "init",
    "reset",
    "export_reset",
    "export_init",
    "export_export_init",
    "memory_size",
    "export_memory",
    "export_memory_size",
    "export_",
    "other_size_size",
    "export_other_size",
    "t",
    "t_",
    "t__",
    "int",
    "struct",
    "static",
    "class",
    "fn",
    "match",
    "self",
    "crate",
    "C",
];

/// The words after `introduction` in declarations that a comment with the export's name precedes,
/// in the order of [`NAMES`].
fn declared(text: &str, comment: &str, introduction: &str) -> Vec<String> {
    let find = |name: &&str| {
        let comment = format!("{comment}\"{}\": function", name.escape_default());
        let rest = text.split_once(&comment).unwrap_or_else(|| panic!("{comment} is missing in\n{text}")).1;
        let (_, declaration) = rest.split_once('\n').expect("a declaration follows");
        let declaration = declaration.trim_start().strip_prefix(introduction).expect("it is a function");
        declaration.split_once('(').expect("it is a function").0.to_owned()
    };
    NAMES.iter().map(find).collect()
}

fn different_exports_have_different_symbols() -> Result<()> {
    let folder = host("c++", &[])?;
    let function =
        |(number, name): (usize, &&str)| format!("(func (export \"{name}\") (result i32) (i32.const {number}))");
    let functions: String = NAMES.iter().enumerate().map(function).collect();
    // The second memory's size is what the third's base is called.
    let memories = r#"(memory (export "memory") 1) (memory (export "other") 2) (memory (export "other_size") 3)"#;
    folder.write("m.wat", format!("(module {memories} {functions})"));
    folder.builds(&["m.wat", "--prefix", "size", "--emit", "header,rust,staticlib=libm1.a,sharedlib=libm2.so"]);
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).expect("it was made");
    let in_c = declared(&read("m.h"), "/* ", "int32_t ");
    let in_rust = declared(&read("m.rs"), "/// ", "pub fn ");
    for (name, symbol) in [("!", "size__x21"), ("_x21", "size__x5fx21"), ("cpu_x86", "size_cpu_x86"), ("", "size_")] {
        assert_eq!(in_rust[NAMES.iter().position(|other| *other == name).expect("listed")], symbol);
    }

    let expected: String = (0..NAMES.len()).map(|number| format!("{number}\n")).collect();
    let expected = format!("{expected}65536 131072 196608\n");
    let calls: String = in_c.iter().map(|name| format!("  printf(\"%d\\n\", (int){name}());\n")).collect();
    let sizes = "size_memory_size(), size_other_size(), size_export_other_size_size()";
    let sizes = format!("  printf(\"%zu %zu %zu\\n\", {sizes});\n");
    folder.write(
        "main.c",
        format!("#include <stdio.h>\n#include \"m.h\"\nint main(void) {{\n{calls}{sizes}  return 0;\n}}\n"),
    );
    folder.cc(&["main.c", "libm1.a", "-o", "static"]);
    folder.program("static", &[]).prints(&expected);
    folder.cxx(&["-x", "c++", "main.c", "-x", "none", "libm2.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
    folder.program("shared", &[]).prints(&expected);

    let calls: String =
        in_rust.iter().map(|symbol| format!("    println!(\"{{}}\", unsafe {{ m::{symbol}() }});\n")).collect();
    let sizes = sizes_in_rust();
    folder.write("main.rs", format!("mod m;\nfn main() {{\n{calls}{sizes}}}\n"));
    folder.silent_tool("rustc", &["main.rs", "-L.", "-lstatic=m1", "-o", "rust", "--edition", "2024", "-Adead_code"]);
    folder.program("rust", &[]).prints(&expected);
    Ok(())
}

fn sizes_in_rust() -> String {
    let size = |name: &str| format!("unsafe {{ m::size_{name}() }}");
    let sizes = ["memory_size", "other_size", "export_other_size_size"].map(size);
    format!("    println!(\"{{}} {{}} {{}}\", {});\n", sizes.join(", "))
}
