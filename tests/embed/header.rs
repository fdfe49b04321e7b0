//! The declarations themselves: names that languages have for themselves, names of parameters, and
//! what is said of imports.

use crate::place::Place;

#[test]
fn symbols_with_a_meaning_in_c_get_another_name() {
    let Some(place) = Place::with("c++", &[]) else { return };
    place.write(
        "m.wat",
        r#"(module (func (export "assert") (result i32) (i32.const 1)) (func (export "cast") (result i32) (i32.const 2))
             (global (export "t") (mut i32) (i32.const 3)))"#,
    );
    let main = "#include <stdio.h>\nint main(void) { printf(\"%d %d\\n\", (int)ONE, (int)TWO); return 0; }\n";
    place.write("static.c", format!("#include \"static.h\"\n{main}"));
    place.write("size.c", format!("#include \"size.h\"\n{main}"));
    place.write("INT32.c", format!("#include \"INT32.h\"\n{main}"));
    let max =
        r#"(module (func (export "MAX") (result i32) (i32.const 4)) (func (export "C") (result i32) (i32.const 5)))"#;
    place.write("max.wat", max);
    for (module, prefix, one, two, expected) in [
        ("m.wat", "static", "static_assert_()", "static_cast_()", "1 2\n"),
        ("m.wat", "size", "size_t_", "size_cast()", "3 2\n"),
        ("max.wat", "INT32", "INT32_MAX_()", "INT32_C_()", "4 5\n"),
    ] {
        let (library, header) = (format!("staticlib={prefix}.a"), format!("header={prefix}.h"));
        place.wasm2native(&[module, "--prefix", prefix, "--emit", &library, "--emit", &header]);
        let flags = [&format!("-DONE={one}")[..], &format!("-DTWO={two}")];
        let (source, archive) = (format!("{prefix}.c"), format!("{prefix}.a"));
        place.cc(&[&flags[..], &[&source, &archive, "-o", "c"]].concat());
        place.run("c", &[]).prints(expected);
        place.cxx(&[&flags[..], &["-x", "c++", &source, "-x", "none", &archive, "-o", "cxx"]].concat());
        place.run("cxx", &[]).prints(expected);
    }
}

#[test]
fn parameters_have_the_names_of_the_module() {
    let Some(place) = Place::with("cc", &["values.wat"]) else { return };
    place.wasm2native(&["values.wat", "--emit", "header,rust"]);
    let read = |name: &str| std::fs::read_to_string(place.path(name)).expect("it was made");
    let (header, rust) = (read("values.h"), read("values.rs"));
    assert!(header.contains("int32_t values_add(int32_t left, int32_t right);"), "{header}");
    let words = "void values_words(struct values_words_result *result, int32_t p0, int32_t p1, int32_t p2, int32_t p3, int32_t p4, \
                 int32_t same, int32_t p6, int32_t fn);";
    assert!(header.contains(words), "{header}");
    assert!(rust.contains("class: i32, size_t: i32, NULL: i32, p4: i32, same: i32, p6: i32, p7: i32);"), "{rust}");
    assert!(header.contains("host_mix: function `env.host_mix` of type (i64, f32, f64) -> f64"), "{header}");
    assert!(header.contains("extern const int64_t values_limit;") && header.contains("extern float values_origin;"));
}

#[test]
fn what_only_programs_can_is_said() {
    let Some(place) = Place::with("cc", &[]) else { return };
    place.write(
        "t.wat",
        r#"(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32))) (memory (export "memory") 1 1 shared)
             (func (export "wasi_thread_start") (param i32 i32)) (func (export "f") (drop (call $spawn (i32.const 0)))))"#,
    );
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wasm2native"));
    let output = command.arg(place.path("t.wat")).args(["--emit", "staticlib=-"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("which only programs can"), "{output:?}");
}

/// Names that an escape, a name of the library's own, or a language could make equal to another.
const NAMES: [&str; 38] = [
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

/// The words behind `introduction` in declarations that a comment with the export's name precedes,
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

#[test]
fn different_exports_have_different_symbols() {
    let Some(place) = Place::with("c++", &[]) else { return };
    let function =
        |(number, name): (usize, &&str)| format!("(func (export \"{name}\") (result i32) (i32.const {number}))");
    let functions: String = NAMES.iter().enumerate().map(function).collect();
    // The second memory's size is what the third's base is called.
    let memories = r#"(memory (export "memory") 1) (memory (export "other") 2) (memory (export "other_size") 3)"#;
    place.write("m.wat", format!("(module {memories} {functions})"));
    place.wasm2native(&["m.wat", "--prefix", "size", "--emit", "header,rust,staticlib=libm1.a,sharedlib=libm2.so"]);
    let read = |name: &str| std::fs::read_to_string(place.path(name)).expect("it was made");
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
    place.write(
        "main.c",
        format!("#include <stdio.h>\n#include \"m.h\"\nint main(void) {{\n{calls}{sizes}  return 0;\n}}\n"),
    );
    place.cc(&["main.c", "libm1.a", "-o", "static"]);
    place.run("static", &[]).prints(&expected);
    place.cxx(&["-x", "c++", "main.c", "-x", "none", "libm2.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
    place.run("shared", &[]).prints(&expected);

    let calls: String =
        in_rust.iter().map(|symbol| format!("    println!(\"{{}}\", unsafe {{ m::{symbol}() }});\n")).collect();
    let sizes = sizes_in_rust();
    place.write("main.rs", format!("mod m;\nfn main() {{\n{calls}{sizes}}}\n"));
    place.succeeds("rustc", &["main.rs", "-L.", "-lstatic=m1", "-o", "rust", "--edition", "2024", "-Adead_code"]);
    place.run("rust", &[]).prints(&expected);
}

fn sizes_in_rust() -> String {
    let size = |name: &str| format!("unsafe {{ m::size_{name}() }}");
    let sizes = ["memory_size", "other_size", "export_other_size_size"].map(size);
    format!("    println!(\"{{}} {{}} {{}}\", {});\n", sizes.join(", "))
}
