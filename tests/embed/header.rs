//! The declarations themselves: names that languages have for themselves, names of parameters, and what is said of imports.

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

#[test]
fn exports_that_meet_in_one_symbol_are_refused() {
    let Some(place) = Place::with("cc", &[]) else { return };
    place.write("m.wat", r#"(module (func (export "a-b")) (func (export "a_x2db")))"#);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wasm2native"));
    let output = command.arg(place.path("m.wat")).args(["--emit", "header=-"]).output().expect("it starts");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("exports `a-b` and `a_x2db` both become the symbol `m_a_x2db`"), "{message}");
}
