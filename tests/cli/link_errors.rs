//! What is said when a program can't be linked: whole messages, so that they stay readable.

use crate::link::HELP;
use anyhow::Result;
use libtest_mimic::Trial;
use object::{Object, ObjectSection};
use test_kit::folder::Folder;
use test_kit::tool;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["link_errors":
        imports_that_nothing_defines,
        imports_that_are_something_else,
        files_that_can_not_be_linked,
        objects_that_do_not_fit_together,
    ]
}

/// Calls two functions of C objects, and counts in one of their variables.
const CALLER: &str = r#"(module
  (import "env" "helper" (func $helper (param i32) (result i32)))
  (import "env" "counter" (global $counter (mut i32)))
  (func (export "main") (result i32) (call $helper (global.get $counter))))"#;

/// The whole of standard error when [`CALLER`] is built with `args`, and nothing is written.
fn error(folder: &Folder, args: &[&str]) -> String {
    let out = folder.wasm2native(&[&["caller.wat", "-o", "app"], args].concat());
    assert_eq!((out.status, &out.stdout[..], folder.path("app").exists()), (1, "", false), "{out:?}");
    out.stderr.to_string()
}

/// An object without a C compiler: bytes that say what a test wants to hear something about.
fn patched_object(folder: &Folder, name: &str, patch: impl FnOnce(&mut Vec<u8>)) {
    folder.object("x");
    let mut bytes = std::fs::read(folder.path("x.o")).expect("it was made");
    patch(&mut bytes);
    std::fs::write(folder.path(name), bytes).expect("files can be written");
}

/// Changes four bytes of a section.
fn patch_section(bytes: &mut [u8], section: &str, at: usize, value: u32) {
    let file = object::File::parse(&*bytes).expect("it is an object");
    let range = file.section_by_name(section).expect("the section is there").file_range();
    let place = range.expect("it has bytes").0 as usize + at;
    bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
}

fn imports_that_nothing_defines() {
    let folder = Folder::with(&[(
        "caller.wat",
        r#"(module
          (import "env" "helpr" (func $a (param i32) (result i32)))
          (import "env" "fopne" (func $b (param i64 i64) (result i64)))
          (import "libc" "puts" (func $c (param i64) (result i32)))
          (import "env" "main" (func $d))
          (import "env" "environn" (global $e i64))
          (import "wasi_snapshot_preview1" "fd_wrote" (func $f))
          (func (export "main")
            (drop (call $a (i32.const 0))) (drop (call $b (i64.const 0) (global.get $e))) (drop (call $c (i64.const 0)))
            (call $d) (call $f)))"#,
    )]);
    folder.object("x");
    assert_eq!(
        error(&folder, &["x.o"]),
        format!(
            "error[missing-import]: caller.wat: nothing defines what the module imports:\n\
             \x20 function `env.helpr` of type (i32) -> i32\n\
             \x20 function `env.fopne` of type (i64, i64) -> i64 (did you mean `fopen`?)\n\
             \x20 function `libc.puts` of type (i64) -> i32: its symbol is `libc_puts`; for `puts`, use --import-symbol 'libc.puts=puts'\n\
             \x20 function `env.main` of type (): the symbol `main` is the runtime's own\n\
             \x20 function `wasi_snapshot_preview1.fd_wrote` of type (): WASI preview 1 has no such function (did you mean `fd_write`?)\n\
             \x20 immutable global of type i64 `env.environn` (did you mean `environ`?)\n\
             searched: x.o, the C library\n{HELP}help: wasm2native --explain missing-import says more\n"
        )
    );
}

fn imports_that_are_something_else() {
    let folder = Folder::with(&[(
        "caller.wat",
        r#"(module
          (import "env" "environ" (func $a))
          (import "env" "errno" (global $b i32))
          (import "env" "puts" (global $c i32))
          (import "env" "stdout" (global $d i32))
          (func (export "main") (result i32) (call $a) (i32.add (global.get $b) (i32.add (global.get $c) (global.get $d)))))"#,
    )]);
    assert_eq!(
        error(&folder, &[]),
        format!(
            "error[wrong-import]: caller.wat: nothing defines what the module imports:\n\
             \x20 function `env.environ` of type (): `environ` is data in the C library, not a function\n\
             \x20 immutable global of type i32 `env.errno`: `errno` is thread-local in the C library, which a global can't be\n\
             \x20 immutable global of type i32 `env.puts`: `puts` is a function in the C library, not data\n\
             \x20 immutable global of type i32 `env.stdout`: `stdout` has 8 bytes in the C library, and the global has 4\n\
             searched: the C library\n{HELP}help: wasm2native --explain wrong-import says more\n"
        )
    );
}

fn files_that_can_not_be_linked() {
    let folder = Folder::with(&[
        ("caller.wat", CALLER),
        ("empty.o", ""),
        ("text.o", "hello\n"),
        ("helper.cpp", "int helper(int x) { return x; }\n"),
    ]);
    // `e_machine`, `e_type`, class, the offset of the section headers.
    patched_object(&folder, "arm.o", |bytes| bytes[18] = 183);
    patched_object(&folder, "program.o", |bytes| bytes[16] = 2);
    patched_object(&folder, "cut.o", |bytes| bytes.truncate(bytes.len() - 100));
    patched_object(&folder, "headless.o", |bytes| bytes.truncate(60));
    patched_object(&folder, "macos.o", |bytes| bytes[..4].copy_from_slice(&0xfeed_facf_u32.to_le_bytes()));
    patched_object(&folder, "windows.o", |bytes| bytes[..4].copy_from_slice(&[0x64, 0x86, 1, 0]));
    let relocations = ".rela.eh_frame";
    patched_object(&folder, "relocation.o", |bytes| patch_section(bytes, relocations, 0, 1 << 20));
    patched_object(&folder, "symbol.o", |bytes| patch_section(bytes, relocations, 12, 60_000));
    // The length of the record of a function.
    patched_object(&folder, "frames.o", |bytes| patch_section(bytes, ".eh_frame", 56, u32::MAX));
    let archive = |name: &str, member: &str, missing: usize| {
        let data = std::fs::read(folder.path(member)).expect("it was made");
        let header =
            format!("!<arch>\n{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", format!("{member}/"), 0, 0, 0, 644, data.len());
        let bytes = [header.as_bytes(), &data, b"\n"].concat();
        std::fs::write(folder.path(name), &bytes[..bytes.len() - missing]).expect("files can be written");
    };
    archive("libarm.a", "arm.o", 0);
    archive("libtext.a", "text.o", 0);
    archive("cut.a", "arm.o", 50);
    let cases = [
        ("missing.o", "missing.o: can't read it: No such file or directory (os error 2)"),
        ("empty.o", "empty.o: the file is empty"),
        ("text.o", "text.o: this is neither an object, nor an archive, nor a shared library"),
        ("arm.o", "arm.o: this is for aarch64, and the program is for x86_64"),
        ("program.o", "program.o: this is a program, not an object"),
        ("relocation.o", "relocation.o: the file is damaged: a relocation lies outside of its section"),
        ("symbol.o", "symbol.o: the file is damaged: a relocation names a symbol that is not there"),
        ("macos.o", "macos.o: this is an object for macOS; a program for Linux needs ELF objects"),
        ("windows.o", "windows.o: this is an object for Windows; a program for Linux needs ELF objects"),
        ("libarm.a", "libarm.a: member arm.o: this is for aarch64, and the program is for x86_64"),
        ("libtext.a", "libtext.a: member text.o: this is not an object"),
        (
            "helper.cpp",
            "helper.cpp: only C and assembly are compiled\nhelp: compile it to an object first, and give that",
        ),
    ];
    for (file, message) in cases {
        assert_eq!(error(&folder, &[file]), format!("error: {message}\n"));
    }
    for (file, message) in
        [("cut.o", "the file is damaged"), ("headless.o", "the file is damaged"), ("cut.a", "the archive is damaged")]
    {
        let text = error(&folder, &[file]);
        assert!(text.starts_with(&format!("error: {file}: {message}: ")), "{text}");
    }
    // Of such damage the linker knows only that it can't go on.
    let text = r#"(module (import "env" "x_f" (func $f (param i32) (result i32)))
      (func (export "main") (result i32) (call $f (i32.const 1))))"#;
    folder.write("x-caller.wat", text);
    let out = folder.wasm2native(&["x-caller.wat", "frames.o", "-o", "app"]);
    let help = "help: one of the objects that the program is linked with may be damaged\n";
    let out = out.fails(1, &["error: x-caller.wat: the linker failed: ", help]);
    assert_eq!(out.stderr.lines().count(), 2, "{out:?}");
    let text = error(&folder, &["-L", "some where", "-lnosuch"]);
    assert!(
        text.starts_with("error: -lnosuch: there is no libnosuch.a or libnosuch.so in ")
            && text.contains("help: -L DIR"),
        "{text}"
    );
}

fn objects_that_do_not_fit_together() -> Result<()> {
    let folder = Folder::with(&[
        ("caller.wat", CALLER),
        ("one.c", "int counter; int helper(int x) { return x; }\n"),
        ("two.c", "int helper(int x) { return x + 1; }\n"),
        (
            "needy.c",
            "int counter; int missing(int); extern long getpidd(void); int helper(int x) { return missing(x) + getpidd(); }\n",
        ),
        ("main.c", "int main(void) { return 0; } int w2n_main(void) { return 0; }\n"),
        ("fixed.c", "int counter; int table[9] = {0, 1}; int helper(int x) { return table[x]; }\n"),
        ("broken.c", "int helper(int x) { return y; }\n"),
        ("weak.c", "__attribute__((weak)) int helper(int x) { return x + 2; }\n"),
    ]);
    tool::require("cc")?;
    folder.tool("cc", &["-c", "-fPIC", "one.c", "two.c", "needy.c", "main.c", "weak.c"]);
    folder.tool("cc", &["-c", "-O2", "-fno-pic", "-fno-pie", "fixed.c"]);
    folder.tool("ar", &["rcs", "libtwo.a", "two.o"]);
    assert_eq!(
        error(&folder, &["one.o", "two.o"]),
        "error: symbols that are defined twice:\n  `helper` in one.o and in two.o\n"
    );
    assert_eq!(
        error(&folder, &["needy.o"]),
        "error[undefined-symbol]: nothing defines what objects need:\n\
         \x20 `getpidd`, needed by needy.o (did you mean `getpid`?)\n\
         \x20 `missing`, needed by needy.o\n\
         searched: needy.o, the C library\n\
         help: add the object or the archive that does, or -lNAME for a library\n\
         help: wasm2native --explain undefined-symbol says more\n"
    );
    assert_eq!(
        error(&folder, &["one.o", "main.o"]),
        "error: symbols that only the runtime may define:\n  `main` in main.o\n  `w2n_main` in main.o\n\
         help: rename them; a program begins with the module's `_start` or `main`, not with C's\n"
    );
    let fixed = error(&folder, &["fixed.o"]);
    assert!(
        fixed.starts_with("error: objects that are made for a program at a fixed address:\n")
            && fixed.contains(":\n  fixed.o: relocation R_X86_64_32S in .text\nhelp: "),
        "{fixed}"
    );
    let broken = error(&folder, &["broken.c"]);
    assert!(
        broken.starts_with("error: broken.c: `/")
            && broken.contains("can't compile it:\nbroken.c:")
            && broken.contains("'y'"),
        "{broken}"
    );
    folder.write(
        "alloc.c",
        "int counter; void *malloc(unsigned long n) { return 0; } int helper(int x) { return malloc(x) != 0; }\n",
    );
    folder.tool("cc", &["-c", "-fPIC", "-fno-builtin", "alloc.c"]);
    let alloc = error(&folder, &["alloc.o"]);
    let expected =
        "error: caller.wat: symbols that are defined twice:\n  malloc, defined in alloc.o and <the C library, ";
    assert!(alloc.starts_with(expected) && alloc.contains("\nhelp: "), "{alloc}");
    // What may stand twice: weak definitions, and a member that nothing needs.
    for files in [&["one.o", "libtwo.a"][..], &["one.o", "weak.o"], &["weak.o", "one.o"]] {
        folder.wasm2native(&[&["caller.wat", "-o", "app"], files].concat()).succeeds();
        assert_eq!(folder.program("app", &[]).status, 0, "{files:?}");
    }
    // With a fixed address, a C compiler links it.
    folder.wasm2native(&["caller.wat", "-o", "app", "fixed.o", "--linker", "cc -no-pie"]).succeeds();
    assert_eq!(folder.program("app", &[]).status, 0);
    Ok(())
}
