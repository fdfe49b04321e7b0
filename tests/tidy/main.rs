//! The shape of the project as a test: who imports whom, where `unsafe` may stand, how files begin,
//! how long they and their lines may be, how fixtures are named, where numbers are checked. Each
//! rule is a function from text to complaints, and is shown to complain.

mod generator;
mod licenses;
mod order;

mod package;

mod prose;

mod sections;

use std::path::{Path, PathBuf};

/// Files below `src/` that may contain `unsafe`, which otherwise belongs in `wasi-shim` alone.
const UNSAFE_ALLOWED: [&str; 0] = [];

/// The sources of the runtime, and of its C library.
const RUNTIME: [&str; 2] = ["wasi-shim/src", "wasi-shim/libc/src"];

/// What fixtures are about; a name is `AREA/what-it-shows.wat`.
const AREAS: &str = "atomic bench bulk c call ctl data emit entry exn foreign fref gc global import input invalid invoke link mem mem64 \
                     name num page shim simd table tail thread trap unsupported wasi";

/// Modules that handle numbers which a Wasm module chooses: offsets, sizes, counts, limits.
const CHECKED_MODULES: [&str; 16] = [
    "analyze",
    "code",
    "codegen",
    "embed",
    "foreign",
    "inspect",
    "layout",
    "link",
    "listing",
    "object",
    "resolve",
    "script",
    "shims",
    "translate",
    "unit",
    "wasm",
];

/// What such modules deny: sums that wrap or panic, casts that lose bits or a sign.
const CHECKED_LINTS: [&str; 4] = [
    "clippy::arithmetic_side_effects",
    "clippy::cast_possible_truncation",
    "clippy::cast_possible_wrap",
    "clippy::cast_sign_loss",
];

/// Words of a processor, which stand in `wasi-shim/src/arch` alone, as do names of registers.
const PROCESSOR_WORDS: &str = "x86 x86_64 amd64 aarch64 arm64 riscv64 s390x target_arch target_feature asm naked_asm \
                               global_asm gregs uc_mcontext rax rbx rcx rdx rsi rdi rbp rsp rip eax ebx ecx edx esp \
                               ebp xmm ymm zmm";

/// Calls of an operating system and what it hands over, which stand in `wasi-shim/src/system`
/// alone.
const SYSTEM_WORDS: &str = "target_os mmap munmap mprotect mremap madvise getauxval gettid prctl syscall ucontext_t \
                            pthread_getattr_np __errno_location proc";

const LONGEST_FILE: usize = 700;
const LONGEST_LINE: usize = 140;

#[test]
fn unsafe_stands_in_the_runtime_only() {
    let files = ["build", "src"].into_iter().flat_map(rust_files);
    let complaints: Vec<_> = files
        .filter(|path| !UNSAFE_ALLOWED.iter().any(|allowed| path.ends_with(allowed)))
        .flat_map(|path| {
            unsafe_lines(&read(&path)).into_iter().map(move |line| format!("{}:{line}: `unsafe`", path.display()))
        })
        .collect();
    assert_none(&complaints);
}

/// A port of the runtime is a file in `arch` and one in `system`. The contract speaks of all
/// processors, because objects are made for all.
#[test]
fn processor_and_system_are_known_in_one_folder_each() {
    let mut complaints = Vec::new();
    for (source, path) in
        RUNTIME.into_iter().flat_map(|source| rust_files(source).into_iter().map(move |it| (source, it)))
    {
        let relative = path.strip_prefix(project().join(source)).expect("it was found there");
        let is_in = |folder: &str| relative.starts_with(folder);
        let text = read(&path);
        let mut words = Vec::new();
        if !is_in("arch") && !is_in("abi") && !is_in("abi.rs") {
            words.extend(lines_with(&text, is_of_processor));
        }
        // A C library is nothing but the system's calls.
        if !is_in("system") && source == RUNTIME[0] {
            words.extend(lines_with(&code_of(&text), is_of_system));
        }
        complaints.extend(words.into_iter().map(|(line, word)| format!("{}:{line}: `{word}`", relative.display())));
    }
    assert_none(&complaints);
}

/// What the build and the linker know of a target is its row in `src/runtime_target.rs`.
#[test]
fn runtime_targets_are_known_in_one_table() {
    let files = ["build", "src/link", "src/inspect"].into_iter().flat_map(rust_files);
    let complaints: Vec<_> = files
        .flat_map(|path| {
            let words = lines_with(&code_of(&read(&path)), is_of_processor);
            words.into_iter().map(move |(line, word)| format!("{}:{line}: `{word}`", path.display()))
        })
        .collect();
    assert_none(&complaints);
}

/// A macro of Rust's panics when it can't write, and what `io::stdout` buffers can be lost in
/// silence.
#[test]
fn one_module_prints() {
    let files = rust_files("src").into_iter().filter(|path| !path.ends_with("src/stdio.rs"));
    let complaints: Vec<_> = files
        .flat_map(|path| {
            let lines = printing_lines(&read(&path));
            lines.into_iter().map(move |line| format!("{}:{line}: prints, and not by `stdio`", path.display()))
        })
        .collect();
    assert_none(&complaints);
}

#[test]
fn files_say_what_they_are_and_are_short() {
    let folders = ["build", "src", "wasi-shim/guard", RUNTIME[0], RUNTIME[1], "fuzz", "tests", "benches"];
    let files = folders.into_iter().flat_map(rust_files);
    let complaints: Vec<_> = files
        .flat_map(|path| file_faults(&read(&path)).into_iter().map(move |it| format!("{}: {it}", path.display())))
        .collect();
    assert_none(&complaints);
}

#[test]
fn fixtures_are_named_by_area() {
    let fixtures = project().join("fixtures");
    let names = files("fixtures").into_iter().map(|path| {
        let name = path.strip_prefix(&fixtures).expect("it was found there");
        name.to_string_lossy().into_owned()
    });
    // Programs in Cot have folders of their own.
    let names = names.filter(|name| !name.starts_with("cot/"));
    let complaints: Vec<_> = names.filter_map(|name| name_fault(&name)).collect();
    assert_none(&complaints);
}

#[test]
fn numbers_of_a_module_are_checked() {
    let mut complaints = Vec::new();
    for module in CHECKED_MODULES {
        let folder = project().join("src").join(module);
        let root = if folder.is_dir() { folder.join("mod.rs") } else { folder.with_extension("rs") };
        let missing = missing_lints(&read(&root)).into_iter();
        complaints.extend(missing.map(|lint| format!("{}: does not deny {lint}", root.display())));
    }
    for path in rust_files("src") {
        let relative = path.strip_prefix(project().join("src")).expect("it was found there");
        if module_of(relative).is_some_and(|module| CHECKED_MODULES.contains(&module.as_str())) {
            let lines = silenced_lines(&read(&path)).into_iter();
            complaints.extend(lines.map(|line| format!("{}:{line}: silences a lint of numbers", relative.display())));
        }
    }
    // All of the runtime, but for the conversions that each crate has one file for.
    for manifest in ["wasi-shim/manifest.toml", "wasi-shim/libc/manifest.toml"] {
        let missing = undenied_lints(&read(&project().join(manifest)));
        complaints.extend(missing.into_iter().map(|lint| format!("{manifest}: does not deny {lint}")));
    }
    let converts = |path: &PathBuf| ["src/width.rs", "libc/src/word.rs"].iter().any(|it| path.ends_with(it));
    for path in RUNTIME.into_iter().flat_map(rust_files).filter(|path| !converts(path)) {
        let lines = silenced_lines(&read(&path)).into_iter();
        complaints.extend(lines.map(|line| format!("{}:{line}: silences a lint of numbers", path.display())));
    }
    assert_none(&complaints);
}

#[test]
fn rules_complain() {
    assert_eq!(unsafe_lines("fn f() {\n    unsafe { g() }\n}\n"), [2]);
    assert_eq!(unsafe_lines("unsafe fn f() {}\nunsafe impl Send for X {}\n"), [1, 2]);
    assert_eq!(unsafe_lines("// unsafe is not here\nlet unsafely = 1;\n#![forbid(unsafe_op_in_unsafe_fn)]\n"), [0; 0]);

    let found = |text: &str| lines_with(text, is_of_processor).len();
    assert_eq!(found("asm!(\"mov {}, rbp\")\n// The result is in rax.\n"), 3);
    assert_eq!(found("#[cfg(target_arch = \"aarch64\")]\n"), 2);
    assert_eq!(found("movaps xmm0\nmov r12, 1\nldr x29\nstr d0\n"), 4);
    assert_eq!(found("let max = relaxed; // 64-bit memory, x or y, r\n"), 0);
    assert_eq!(lines_with("libc::mmap(a, \"/proc/self\")", is_of_system).len(), 2);

    assert_eq!(printing_lines("println!(\"x\");\nlet print = 1;\neprint!(\"y\")\n"), [1, 3]);
    assert_eq!(
        printing_lines("io::stdout().write_all(b)?;\nlet it = std::io::stderr().lock();\ndbg!(x);\n"),
        [1, 2, 3]
    );
    assert_eq!(printing_lines("// println!(\nif io::stdout().is_terminal() { stdio::print(\"println\") }\n"), [0; 0]);

    assert_eq!(file_faults("//! Head.\nfn f() {}\n").len(), 0);
    assert_eq!(file_faults("fn f() {}\n").len(), 1);
    assert_eq!(file_faults(&format!("//! Head.\n{}", "//\n".repeat(LONGEST_FILE))).len(), 1);
    assert_eq!(file_faults(&format!("//! Head.\n//{}\n", "ü".repeat(LONGEST_LINE - 2))).len(), 0);
    assert_eq!(file_faults(&format!("//! Head.\n//{}\n", "ü".repeat(LONGEST_LINE - 1))).len(), 1);

    let all = format!("//! Head.\n#![deny(\n    {}\n)]\n", CHECKED_LINTS.join(",\n    "));
    assert_eq!(missing_lints(&all), [""; 0]);
    assert_eq!(missing_lints(&all.replace("deny", "warn")).len(), 4);
    assert_eq!(missing_lints(&all.replace("clippy::cast_sign_loss", "")), ["clippy::cast_sign_loss"]);
    let all_of_crate =
        "arithmetic_side_effects = \"deny\"\ncast_possible_truncation = \"deny\"\ncast_sign_loss = \"warn\"\n";
    assert_eq!(undenied_lints(all_of_crate), ["clippy::cast_possible_wrap", "clippy::cast_sign_loss"]);
    assert_eq!(silenced_lines("fn f() {}\n#[allow(clippy::cast_sign_loss)]\n"), [2]);
    assert_eq!(silenced_lines("#[expect(\n    clippy::cast_sign_loss,\n    reason = \"x\"\n)]\n"), [2]);
    assert_eq!(silenced_lines(&all), [0; 0]);

    assert_eq!(name_fault("trap/div-zero.wat"), None);
    assert_eq!(name_fault("readme.wat"), None);
    assert!(name_fault("traps/div-zero.wat").is_some());
    assert!(name_fault("trap/div/zero.wat").is_some());
    assert!(name_fault("trap-div-zero.wat").is_some());
    assert!(name_fault("trap/Div.wat").is_some());
    assert!(name_fault("trap/div-zero.txt").is_some());
}

/// The module that a file below `src/` belongs to; none for `lib.rs` and the programs.
fn module_of(relative: &Path) -> Option<String> {
    let first = relative.components().next()?.as_os_str().to_str()?;
    match first.strip_suffix(".rs").unwrap_or(first) {
        "lib" | "bin" => None,
        name => Some(name.to_owned()),
    }
}

/// Without comments that take a whole line.
fn code_of(text: &str) -> String {
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// Numbers of the lines with the keyword `unsafe`.
fn unsafe_lines(text: &str) -> Vec<usize> {
    let keyword = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
    code_of(text).lines().enumerate().filter(|(_, line)| keyword(line)).map(|(number, _)| number + 1).collect()
}

/// Whether a word is one of a processor's: listed, perhaps with a number, or a letter that
/// registers have with a number.
fn is_of_processor(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_numbered = letters.len() < word.len() && ["r", "x", "d", "q"].contains(&letters);
    is_numbered || PROCESSOR_WORDS.split(' ').any(|listed| listed == word || listed == letters)
}

fn is_of_system(word: &str) -> bool {
    SYSTEM_WORDS.split(' ').any(|listed| listed == word)
}

/// Such words in a text, with the numbers of their lines.
fn lines_with(text: &str, is_meant: fn(&str) -> bool) -> Vec<(usize, String)> {
    let words = text.lines().zip(1..).flat_map(|(line, number)| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').map(move |word| (number, word))
    });
    words.filter(|(_, word)| is_meant(word)).map(|(number, word)| (number, word.to_owned())).collect()
}

/// The lints of numbers that the root of a module does not deny.
fn missing_lints(text: &str) -> Vec<&'static str> {
    let code = code_of(text);
    let denied: String = code.split("#![deny(").skip(1).filter_map(|rest| rest.split(")]").next()).collect();
    CHECKED_LINTS.into_iter().filter(|lint| !denied.contains(lint)).collect()
}

/// The lints of numbers that the manifest of a crate does not deny.
fn undenied_lints(manifest: &str) -> Vec<&'static str> {
    let is_denied = |lint: &&str| {
        let name = lint.trim_start_matches("clippy::");
        manifest.lines().any(|line| line.split('=').map(str::trim).eq([name, "\"deny\""]))
    };
    CHECKED_LINTS.into_iter().filter(|lint| !is_denied(lint)).collect()
}

/// Lines that name a lint of numbers elsewhere than where it is denied: they switch it off.
fn silenced_lines(text: &str) -> Vec<usize> {
    let mut in_denial = false;
    let mut lines = Vec::new();
    for (number, line) in code_of(text).lines().enumerate() {
        in_denial |= line.contains("#![deny(");
        if !in_denial && CHECKED_LINTS.iter().any(|lint| line.contains(lint)) {
            lines.push(number + 1);
        }
        in_denial &= !line.contains(")]");
    }
    lines
}

/// Numbers of the lines that write to standard output or standard error.
fn printing_lines(text: &str) -> Vec<usize> {
    let macros = ["print!(", "println!(", "dbg!("];
    let handles = ["stdout()", "stderr()"];
    let prints = |line: &str| {
        macros.iter().any(|it| line.contains(it))
            || handles
                .iter()
                .any(|it| [".write", ".lock", ".flush"].iter().any(|does| line.contains(&format!("{it}{does}"))))
    };
    code_of(text).lines().enumerate().filter(|(_, line)| prints(line)).map(|(number, _)| number + 1).collect()
}

fn file_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push("the file does not open with `//!`".to_owned());
    }
    let n_lines = text.lines().count();
    if n_lines > LONGEST_FILE {
        faults.push(format!("{n_lines} lines are more than {LONGEST_FILE}"));
    }
    for (number, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > LONGEST_LINE {
            faults.push(format!("line {} has {columns} columns, more than {LONGEST_LINE}", number + 1));
        }
    }
    faults
}

fn name_fault(name: &str) -> Option<String> {
    let stem = [".wat", ".c", ".cc"].into_iter().find_map(|end| name.strip_suffix(end));
    let parts = stem.and_then(|stem| stem.split_once('/'));
    let plain = |rest: &str| rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    match parts {
        // The manual.
        _ if name == "readme.wat" => None,
        None => Some(format!("{name}: not AREA/what-it-shows.wat (or .c, .cc)")),
        Some((area, _)) if !AREAS.split(' ').any(|known| known == area) => {
            Some(format!("{name}: no area is called `{area}`"))
        }
        Some((_, rest)) if !plain(rest) => Some(format!("{name}: other characters than a-z, 0-9 and `-`")),
        Some(_) => None,
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("can't read {}: {error}", path.display()))
}

/// All files that end in `.rs` below a folder of the project.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = files(folder);
    files.retain(|path| path.extension().is_some_and(|it| it == "rs"));
    files
}

/// All files below a folder of the project.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![project().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("can't list {}: {error}", folder.display()))
        {
            let path = entry.expect("a folder that can be opened can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n  {}", complaints.len(), complaints.join("\n  "));
}
