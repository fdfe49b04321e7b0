//! Programs and libraries for another machine, and runtimes that come in a file.
//!
//! The other machine is aarch64 Linux, where this build carries a runtime for it. What is made is
//! run where QEMU is installed.

use crate::ANSWER;
use anyhow::{Result, bail};
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome};
use test_kit::trial::Skip;
use test_kit::{tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["target":
        a_runtime_in_a_file_is_the_one_that_is_carried,
        a_file_that_is_no_runtime_is_refused,
        a_target_without_a_runtime_has_no_programs,
        the_archive_of_the_runtime_links_objects,
        programs_are_made_for_another_machine,
        c_is_that_of_the_other_machine,
        cot_makes_programs_for_another_machine,
        programs_that_run_here_are_for_this_machine,
        an_arm_processor_without_the_features_of_a_program_is_refused,
        an_x86_processor_without_the_features_of_a_program_is_refused,
        processors_with_avx_get_code_with_avx,
    ]
}

const OTHER: &str = "aarch64-unknown-linux-gnu";

/// # Errors
/// [`Skip`], where there is no runtime for [`OTHER`].
fn require_other(folder: &Folder) -> Result<()> {
    let targets = folder.wasm2native(&["--target", "help"]).succeeds();
    let is_carried = |line: &str| line.starts_with(OTHER) && line.ends_with("; programs, too");
    if !targets.stdout.lines().any(is_carried) {
        bail!(Skip::Reason(format!("this build carries no runtime for {OTHER}")));
    }
    Ok(())
}

/// The exit status of a program for [`OTHER`].
fn run(folder: &Folder, program: &str) -> Result<i32> {
    tool::require("qemu-aarch64")?;
    Ok(outcome(Command::new("qemu-aarch64").arg(folder.path(program)).env_clear()).status)
}

/// The processor that an ELF file is for.
fn machine(folder: &Folder, file: &str) -> u16 {
    let bytes = std::fs::read(folder.path(file)).expect("it was made");
    assert!(bytes.starts_with(b"\x7fELF"), "{file} is an ELF file");
    u16::from_le_bytes([bytes[18], bytes[19]])
}

const AARCH64: u16 = 183;

fn a_runtime_in_a_file_is_the_one_that_is_carried() {
    let folder = Folder::with(&[("answer.wat", ANSWER)]);
    folder.builds(&["--emit", "runtime=runtime.a"]);
    for (name, more) in [("carried", &[][..]), ("supplied", &["--runtime", "runtime.a"])] {
        folder.builds(&[&["answer.wat", "-o", name], more].concat());
    }
    assert_eq!(std::fs::read(folder.path("carried")).unwrap(), std::fs::read(folder.path("supplied")).unwrap());
    assert_eq!(outcome(&mut Command::new(folder.path("supplied"))).status, 42);

    // A runtime from a file can be written again.
    folder.builds(&["--emit", "runtime", "-o", "again.a", "--runtime", "runtime.a"]);
    assert_eq!(std::fs::read(folder.path("runtime.a")).unwrap(), std::fs::read(folder.path("again.a")).unwrap());
}

fn a_file_that_is_no_runtime_is_refused() {
    let folder = Folder::with(&[("answer.wat", ANSWER), ("text", "wasm2native runtime\n\n")]);
    folder.builds(&["--emit", "runtime=runtime.a"]);
    folder.object("x");
    folder.tool("ar", &["rcs", "other.a", "x.o"]);
    let error = |file: &str| {
        let out = folder.wasm2native(&["answer.wat", "-o", "app", "--runtime", file]);
        assert_eq!((out.status, folder.path("app").exists()), (1, false), "{out:?}");
        out.stderr.to_string()
    };
    let bytes = std::fs::read(folder.path("runtime.a")).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path(name), bytes).expect("files can be written");
    write("half.a", &bytes[..bytes.len() / 2]);
    for file in ["text", "x.o", "other.a", "half.a"] {
        let expected = format!("error: {file}: this is not a runtime: wasm2native --emit runtime=FILE writes one\n");
        assert_eq!(error(file), expected);
    }
    assert!(error("none.a").starts_with("error: none.a: can't read it: "));

    let find = |text: &[u8]| bytes.windows(text.len()).position(|it| it == text).expect("it is there");
    let patched = |name: &str, at: usize, patch: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..][..patch.len()].copy_from_slice(patch);
        write(name, &bytes);
        error(name)
    };
    let version = find(b"\ninterface ") + "\ninterface ".len();
    let said = patched("version.a", version, b"9");
    assert!(said.starts_with("error: version.a: this runtime is of another version of wasm2native (9."), "{said}");
    let said = patched("target.a", find(b"\ntarget ") + "\ntarget ".len(), b"z\x1b");
    assert!(said.starts_with("error: target.a: this is a runtime for z\\u{1b}"), "{said}");
    // Parts follow the empty line, each in a form that has a checksum. The last kilobytes are the
    // object's that they lie in.
    let mut damaged = bytes.clone();
    let parts = find(b"\n\n\x78") + 1000..bytes.len() - 5000;
    damaged[parts].iter_mut().step_by(100).for_each(|byte| *byte ^= 1);
    write("damaged.a", &damaged);
    let said = error("damaged.a");
    assert!(said.contains(" is damaged: "), "{said}");
}

fn a_target_without_a_runtime_has_no_programs() {
    let folder = Folder::with(&[("answer.wat", ANSWER)]);
    folder.builds(&["--emit", "runtime=here.a", "--target", "x86_64-unknown-linux-gnu"]);
    let error = |args: &[&str]| {
        let out = folder.wasm2native(args);
        assert_eq!(out.status, 1, "{out:?}");
        out.stderr.to_string()
    };
    let riscv = ["--target", "riscv64gc-unknown-linux-gnu"];
    const MORE: &str = "help: wasm2native --explain no-runtime says more\n";
    let none = "error[no-runtime]: there is no runtime for riscv64gc-unknown-linux-gnu";
    assert_eq!(
        error(&[&["answer.wat"], &riscv[..]].concat()),
        format!("{none}, so no program can be made\nhelp: -c makes an object\n{MORE}")
    );
    assert_eq!(
        error(&[&["--emit", "runtime=x"], &riscv[..]].concat()),
        format!("{none}\nhelp: -c makes an object\n{MORE}")
    );
    assert_eq!(
        error(&["answer.wat", "--target", OTHER, "--runtime", "here.a"]),
        format!("error: here.a: this is a runtime for x86_64-unknown-linux-gnu, and the target is {OTHER}\n")
    );
    for (args, expected) in [
        (&["answer.wat", "--emit", "runtime=x"][..], "answer.wat: the runtime is the same for all modules"),
        (&["--emit", "runtime=x,obj=y"], "--emit runtime makes nothing else beside it"),
        (&["--emit", "runtime"], "name a file for the runtime: --emit runtime=FILE"),
        (&["--emit", "obj"], "the required argument <INPUT> is missing"),
    ] {
        let out = folder.wasm2native(args);
        assert_eq!(out.status, 2, "{out:?}");
        assert!(out.stderr.starts_with(&format!("error: {expected}")), "{out:?}");
    }
}

/// Objects of `-c` have no `main`: a program in C brings it.
fn the_archive_of_the_runtime_links_objects() -> Result<()> {
    tool::require("cc")?;
    let folder = Folder::with(&[
        (
            "module.wat",
            r#"(module (memory 1) (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#,
        ),
        (
            "main.c",
            "#include \"module.h\"\n\
             static void load(void *address) { *(int *)address = module_load(*(int *)address); }\n\
             int main(void) {\n\
               int good = 0, bad = 65536;\n\
               return module_init() || w2n_try(load, &good, 0) || w2n_try(load, &bad, 0) != W2N_TRAP_MEMORY_OUT_OF_BOUNDS;\n\
             }\n",
        ),
    ]);
    folder.builds(&["--emit", "runtime=runtime.a"]);
    folder.builds(&["module.wat", "--emit", "obj=module.o,header=module.h"]);
    for flags in [&["runtime.a"][..], &["-Wl,--whole-archive", "runtime.a", "-Wl,--no-whole-archive", "-static"]] {
        folder.cc(&[&["main.c", "module.o", "-o", "app"], flags].concat());
        assert_eq!(outcome(&mut Command::new(folder.path("app"))).status, 0);
        let size = std::fs::metadata(folder.path("app")).expect("it was made").len();
        assert!(size < 3_000_000, "no linker copies the whole runtime into the program");
    }
    Ok(())
}

fn programs_are_made_for_another_machine() -> Result<()> {
    let folder = Folder::with(&[("answer.wat", ANSWER)]);
    require_other(&folder)?;
    folder.builds(&["answer.wat", "-o", "app", "--target", OTHER]);
    assert_eq!(machine(&folder, "app"), AARCH64);
    let inspected = folder.wasm2native(&["inspect", "app"]).succeeds();
    assert!(inspected.stdout.contains("main"), "{inspected:?}");
    folder.builds(&["answer.wat", "--emit", "staticlib,sharedlib,header,rust", "--target", OTHER]);
    assert_eq!(machine(&folder, "answer.so"), AARCH64);
    assert_eq!(run(&folder, "app")?, 42);
    Ok(())
}

fn c_is_that_of_the_other_machine() -> Result<()> {
    let folder = Folder::with(&[
        (
            "caller.wat",
            r#"(module (import "env" "half" (func $half (param i32) (result i32)))
                 (func (export "main") (result i32) (call $half (i32.const 84))))"#,
        ),
        ("half.c", "int half(int x) { return x / 2; }\n"),
    ]);
    require_other(&folder)?;
    tool::require("aarch64-linux-gnu-gcc")?;
    folder.tool("aarch64-linux-gnu-gcc", &["-c", "half.c", "-o", "half.o"]);
    folder.object("here");
    let error = |args: &[&str]| {
        let out = folder.wasm2native(&[&["caller.wat", "-o", "app"], args].concat());
        assert_eq!((out.status, folder.path("app").exists()), (1, false), "{out:?}");
        out.stderr.to_string()
    };
    assert_eq!(error(&["half.o"]), "error: half.o: this is for aarch64, and the program is for x86_64\n");
    assert_eq!(
        error(&["here.o", "--target", OTHER]),
        "error: here.o: this is for x86_64, and the program is for aarch64\n"
    );
    // Wherever this machine's are.
    let said = error(&["half.o", "-lz", "--target", OTHER]);
    assert!(said.starts_with("error: -lz: there is no libz.a or libz.so in "), "{said}");
    assert!(!said.contains("x86_64-linux-gnu") && said.ends_with("--linker aarch64-linux-gnu-gcc\n"), "{said}");
    for args in [&["half.o"][..], &["half.c"], &["half.o", "--linker", "aarch64-linux-gnu-gcc -static"]] {
        folder.builds(&[&["caller.wat", "-o", "app", "--target", OTHER], args].concat());
        assert_eq!(run(&folder, "app")?, 42, "{args:?}");
    }
    let out = folder.wasm2native(&["caller.wat", "half.o", "--linker", "cc", "--target", OTHER]);
    let help = "\nhelp: the program is for aarch64, as is what `aarch64-linux-gnu-gcc` makes\n";
    assert!(out.status == 1 && out.stderr.ends_with(help), "{out:?}");
    Ok(())
}

fn cot_makes_programs_for_another_machine() -> Result<()> {
    let folder = Folder::with(&[("app.cot", "fn main() {\n    println(\"far away\")\n}\n")]);
    require_other(&folder)?;
    let built = folder.cot(&["build", "app.cot", "--target=arm64-linux", "-o", "app"]);
    assert_eq!(built.status, 0, "{built:?}");
    assert_eq!(machine(&folder, "app"), AARCH64);
    tool::require("qemu-aarch64")?;
    assert_eq!(outcome(Command::new("qemu-aarch64").arg(folder.path("app"))).stdout.to_string(), "far away\n");
    Ok(())
}

fn programs_that_run_here_are_for_this_machine() {
    let folder = Folder::with(&[("answer.wat", ANSWER)]);
    let out = folder.wasm2native(&["run", "--target", OTHER, "answer.wat"]);
    assert_eq!(
        (out.status, &out.stderr[..]),
        (
            2,
            "error: `wasm2native run` runs programs on this machine; \
             `wasm2native --target TRIPLE` builds one for another\n"
        )
    );
}

/// What `inspect` says of the processor that a program needs, in one line.
fn processor(folder: &Folder, program: &str) -> String {
    let told = folder.wasm2native(&["inspect", program]).succeeds().stdout;
    let lines = told.lines().skip_while(|line| !line.trim_start().starts_with("processor"));
    lines.flat_map(str::split_whitespace).skip(1).collect::<Vec<_>>().join(" ")
}

/// Runs a program on a processor that QEMU emulates.
fn run_on(folder: &Folder, emulator: &str, processor: &str, program: &str) -> Outcome {
    outcome(Command::new(emulator).args(["-cpu", processor]).arg(folder.path(program)).env_clear())
}

/// Checks the message of a program on a processor without features that it needs.
#[track_caller]
fn lacks(out: &Outcome, features: &[&str]) {
    let message = "the processor lacks features that the program needs: ";
    assert_eq!(out.status, 1, "{out:?}");
    let list = out.stderr.trim_end().split_once(message).map(|(_, list)| list.split(", ").collect::<BTreeSet<_>>());
    let list = list.unwrap_or_else(|| panic!("{out:?}"));
    assert_eq!(list, features.iter().copied().collect(), "{out:?}");
}

/// The ways to make code: by Cranelift, and by LLVM where it is.
fn generators() -> Vec<&'static str> {
    let has_clang = tool::require("clang-19").is_ok();
    if has_clang { vec!["cranelift", "llvm"] } else { vec!["cranelift"] }
}

/// QEMU has processors with and without the features of later versions of the architecture.
fn an_arm_processor_without_the_features_of_a_program_is_refused() -> Result<()> {
    let folder = Folder::with(&[("answer.wat", ANSWER)]);
    require_other(&folder)?;
    tool::require("qemu-aarch64")?;
    for (generator, cpu, features, runs_on, fails_on) in [
        ("cranelift", "generic", "any aarch64", "cortex-a57", None),
        ("cranelift", "generic+lse", "aarch64 with lse", "neoverse-n1", Some(("cortex-a57", &["lse"][..]))),
        (
            "cranelift",
            "armv8.2-a",
            "aarch64 with dotprod, fp16, lse",
            "neoverse-n1",
            Some(("cortex-a57", &["dotprod", "fp16", "lse"])),
        ),
        ("cranelift", "generic+dotprod", "aarch64 with dotprod", "neoverse-n1", Some(("cortex-a57", &["dotprod"]))),
        ("cranelift", "generic+i8mm", "aarch64 with i8mm", "max", Some(("neoverse-n1", &["i8mm"]))),
        ("cranelift", "apple-m1", "aarch64 with dotprod, fp16, lse, pauth", "max", Some(("neoverse-n1", &["pauth"]))),
        ("llvm", "generic", "any aarch64", "cortex-a57", None),
        ("llvm", "generic+lse", "aarch64 with lse", "neoverse-n1", Some(("cortex-a57", &["lse"]))),
        (
            "llvm",
            "neoverse-n1",
            "aarch64 with aes, crc, dotprod, fp16, lse, rcpc, rdm, sha2",
            "neoverse-n1",
            Some(("cortex-a57", &["dotprod", "fp16", "lse", "rcpc", "rdm"])),
        ),
    ] {
        if !generators().contains(&generator) {
            continue;
        }
        let flags = ["--target", OTHER, "--cpu", cpu, "--generator", generator];
        folder.builds(&[&["answer.wat", "-o", "answer"][..], &flags].concat());
        assert_eq!(processor(&folder, "answer"), features, "{cpu} by {generator}");
        assert_eq!(run_on(&folder, "qemu-aarch64", runs_on, "answer").status, 42, "{cpu} on {runs_on}");
        if let Some((processor, missing)) = fails_on {
            lacks(&run_on(&folder, "qemu-aarch64", processor, "answer"), missing);
        }
    }
    Ok(())
}

/// The same of x86-64: a processor by name, features, and this machine's own.
fn an_x86_processor_without_the_features_of_a_program_is_refused() -> Result<()> {
    const X86_64: &str = "x86_64-unknown-linux-gnu";
    tool::require("qemu-x86_64")?;
    let folder = Folder::with(&[("answer.wat", ANSWER)]);
    let host = folder.wasm2native(&["--target", "help"]).succeeds();
    if !host.stdout.lines().any(|line| line.starts_with(X86_64) && line.ends_with("; programs, too")) {
        bail!(Skip::Reason(format!("this build carries no runtime for {X86_64}")));
    }
    const HASWELL: &[&str] = &["avx", "avx2", "bmi1", "bmi2", "fma", "lzcnt"];
    for generator in generators() {
        let build = |cpu: Option<&str>| {
            let cpu = cpu.into_iter().flat_map(|cpu| ["--cpu", cpu]);
            let flags = ["answer.wat", "-o", "answer", "--target", X86_64, "--generator", generator].into_iter();
            folder.builds(&flags.chain(cpu).collect::<Vec<_>>());
            processor(&folder, "answer")
        };
        let more = match generator {
            "llvm" => &["f16c", "movbe", "pclmul"][..],
            _ => &[],
        };
        let told = build(None);
        assert!(["popcnt", "sse3", "sse41", "sse42", "ssse3"].iter().all(|it| told.contains(it)), "{told}");
        assert!(!told.contains("avx"), "{told}");
        assert_eq!(run_on(&folder, "qemu-x86_64", "Nehalem", "answer").status, 42);
        lacks(&run_on(&folder, "qemu-x86_64", "Nehalem,-popcnt,-sse4.2", "answer"), &["popcnt", "sse42"]);

        let told = build(Some("haswell"));
        assert!(HASWELL.iter().chain(more).all(|it| told.contains(it)), "{told}");
        assert_eq!(run_on(&folder, "qemu-x86_64", "max", "answer").status, 42);
        lacks(&run_on(&folder, "qemu-x86_64", "Nehalem", "answer"), &[HASWELL, more].concat());

        let told = build(Some("x86-64-v2+avx"));
        assert!(told.contains("avx") && !told.contains("avx2"), "{told}");
        lacks(&run_on(&folder, "qemu-x86_64", "Nehalem", "answer"), &["avx"]);

        // This machine has whatever it has: the program runs here, and its list is what is missing.
        let told = build(Some("native"));
        assert_eq!(outcome(Command::new(folder.path("answer")).env_clear()).status, 42);
        let out = run_on(&folder, "qemu-x86_64", "Nehalem", "answer");
        if told.contains("avx2") {
            assert!(out.status == 1 && out.stderr.contains("avx2"), "{out:?}");
        }
    }
    Ok(())
}

/// An instruction of AVX has three operands, so that no copy is needed; AVX-512 has one for what
/// takes several otherwise.
fn processors_with_avx_get_code_with_avx() {
    let vectors = r#"(module
        (func (export "add") (param f64 f64) (result f64) (f64.add (local.get 1) (local.get 0)))
        (func (export "abs") (param v128) (result v128) (i64x2.abs (local.get 0))))"#;
    let folder = Folder::with(&[("v.wat", vectors), ("answer.wat", ANSWER)]);
    let code = |cpu: &str| {
        let args = ["v.wat", "--target", "x86_64-unknown-linux-gnu", "--cpu", cpu, "--emit", "listing"];
        folder.wasm2native(&args).succeeds().stdout
    };
    for (cpu, has_avx, add, abs) in [
        ("x86-64-v2", false, " addsd ", "pxor"),
        ("x86-64-v3", true, " vaddsd ", " vpxor"),
        ("x86-64-v4", true, " vaddsd ", " vpabsq "),
        ("znver1", true, " vaddsd ", " vpxor"),
        ("znver2", true, " vaddsd ", " vpxor"),
        ("znver3", true, " vaddsd ", " vpxor"),
        ("znver4", true, " vaddsd ", " vpabsq "),
        ("haswell", true, " vaddsd ", " vpxor"),
        ("alderlake", true, " vaddsd ", " vpxor"),
        ("bdver2", true, " vaddsd ", " vpxor"),
    ] {
        let code = code(cpu);
        assert!(code.contains(add) && code.contains(abs), "{cpu}: no {add} or no {abs} in {code}");
        folder.builds(&["answer.wat", "--target", "x86_64-unknown-linux-gnu", "--cpu", cpu, "-o", "answer"]);
        let told = processor(&folder, "answer");
        assert_eq!(told.contains("avx"), has_avx, "{cpu}: {told}");
    }
}
