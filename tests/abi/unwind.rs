//! Walking the stack from a C function through Wasm frames to `main`, and leaving Wasm frames
//! behind: by glibc's unwinder, by frame pointers, by gdb at every instruction and after a fault,
//! by C++ exceptions, `longjmp` and `pthread_exit`.
//!
//! A C++ exception passes Wasm frames as it passes those of C code: nothing runs in them, no
//! handler of Wasm catches it, and the registers that a callee saves are restored. See `unwind.wat`
//! for the calls.

use crate::batch;
use crate::processor::Processor;
use anyhow::{Context, Result, anyhow, bail, ensure};
use libtest_mimic::Trial;
use object::{Object, ObjectSymbol};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use test_kit::folder::Folder;
use test_kit::trial::trial;
use test_kit::{gdb, process, tool};

/// The stacks at the seven calls of `bottom`.
const AT_BOTTOM: [&str; 7] = [
    "bottom inner outer m_outer main",
    "bottom inner middle outer m_outer main",
    "bottom bottom thunk outer m_outer main",
    "bottom inner outer m_outer main",
    "bottom grown outer m_outer main",
    "bottom inner outer m_outer main",
    "bottom inner caller_of_wide outer m_outer main",
];

/// The stacks on the way there, at any instruction: what tail calls have left is gone.
const ON_THE_WAY: [&str; 17] = [
    "m_outer main",
    "outer m_outer main",
    "tail outer m_outer main",
    "inner outer m_outer main",
    "middle outer m_outer main",
    "inner middle outer m_outer main",
    "leaf middle outer m_outer main",
    "thunk outer m_outer main",
    "bottom thunk outer m_outer main",
    "grow outer m_outer main",
    "grown outer m_outer main",
    "wide outer m_outer main",
    "caller_of_wide outer m_outer main",
    "wide caller_of_wide outer m_outer main",
    "tail caller_of_wide outer m_outer main",
    "inner caller_of_wide outer m_outer main",
    "main",
];

/// The program, in C and, where there is a compiler, in C++.
struct Programs(Folder);

pub fn trials() -> Vec<Trial> {
    let programs = Arc::new(OnceLock::new());
    let trial = |name: &str, check: fn(&Programs) -> Result<()>| {
        let programs: Arc<OnceLock<Result<Programs, String>>> = Arc::clone(&programs);
        trial(format!("unwind-{name}"), move || {
            let programs = programs.get_or_init(|| build().map_err(|error| format!("{error:#}")));
            check(programs.as_ref().map_err(|error| anyhow!(error.clone()))?)
        })
    };
    vec![
        trial("by-unwinder", by_unwinder),
        trial("by-frame-pointers", by_frame_pointers),
        trial("by-debugger-at-every-instruction", at_every_instruction),
        trial("by-debugger-after-a-fault", after_a_fault),
        trial("by-debugger-in-a-static-program", in_a_static_program),
        trial("longjmp", |programs| says(programs, "c", "jump", "landed with 7\nkept\n")),
        trial("pthread-exit", |programs| says(programs, "c", "thread", "the thread has ended with 8\n")),
        trial("exception", |programs| {
            says(programs, "cxx", "exception", "caught 5\nkept\ncaught 6\nkept\ncaught 7\nkept\n")
        }),
        trial("exception-program-longjmp", |programs| says(programs, "cxx", "jump", "landed with 7\nkept\n")),
    ]
}

fn build() -> Result<Programs> {
    let folder = Folder::with(&[
        ("unwind.wat", include_str!("unwind.wat")),
        ("unwind.c", include_str!("unwind.c")),
        ("static.wat", STATIC),
    ]);
    batch::compile(folder.path("."), &["--emit", "staticlib", "unwind.wat", "--prefix", "m"])?;
    let flags = ["-O2", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror", "-pthread", "-Wl,-z,now"];
    let c: &[&str] = &["unwind.c", "unwind.a", "-o", "c"];
    let cxx: &[&str] = &["-x", "c++", "unwind.c", "-x", "none", "unwind.a", "-o", "cxx"];
    batch::run(tool::cc().args(flags).args(c).current_dir(folder.path(".")))?;
    if tool::require("c++").is_ok() {
        batch::run(tool::command("c++").args(flags).args(cxx).current_dir(folder.path(".")))?;
    }
    Ok(Programs(folder))
}

impl Programs {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }
}

/// Runs a program that must succeed and print `expected`.
fn says(programs: &Programs, name: &str, mode: &str, expected: &str) -> Result<()> {
    if name == "cxx" {
        tool::require("c++")?;
    }
    let outcome = process::run(process::program(programs.path(name)).arg(mode), b"")?;
    let stdout = &outcome.stdout;
    ensure!(outcome.status == 0 && stdout == expected, "{}, and it said:\n{stdout}", process::describe(outcome.status));
    Ok(())
}

fn by_unwinder(programs: &Programs) -> Result<()> {
    compare_stacks(&stacks(&programs.path("c"), "unwinder")?)
}

fn by_frame_pointers(programs: &Programs) -> Result<()> {
    compare_stacks(&stacks(&programs.path("c"), "frame-pointers")?)
}

fn compare_stacks(stacks: &[String]) -> Result<()> {
    let stacks: Vec<_> = stacks.iter().map(|stack| to_main(stack)).collect();
    ensure!(stacks == AT_BOTTOM, "these are the stacks:\n  {}", stacks.join("\n  "));
    Ok(())
}

/// Without what is outside of `main`.
fn to_main(stack: &str) -> &str {
    stack.split_once(" main ").map_or(stack, |(inside, _)| &stack[..inside.len() + " main".len()])
}

/// The stacks that the program prints, as names.
fn stacks(program: &Path, mode: &str) -> Result<Vec<String>> {
    let outcome = process::run(process::program(program).arg(mode), b"")?;
    ensure!(outcome.status == 0, "{}", process::describe(outcome.status));
    let bytes = std::fs::read(program)?;
    let file = object::File::parse(&*bytes)?;
    let symbols: Vec<_> = file.symbols().filter(|symbol| symbol.kind() == object::SymbolKind::Text).collect();
    let main = symbols.iter().find(|symbol| symbol.name() == Ok("main")).context("there is a `main`")?.address();
    let name = |word: &str| -> Result<String> {
        // A return address follows its call, which may be a function's last instruction.
        let inside = main.wrapping_add_signed(word.parse::<i64>()? - 1);
        let mut around = symbols.iter().filter(|it| (it.address()..it.address() + it.size()).contains(&inside));
        // Exports have a name for others and one for themselves.
        let named = around.clone().find(|symbol| symbol.is_global()).or_else(|| around.next());
        Ok(named.map_or(Ok("?"), |symbol| symbol.name())?.to_owned())
    };
    let stack = |line: &str| Ok(line.split_whitespace().map(name).collect::<Result<Vec<_>>>()?.join(" "));
    outcome.stdout.lines().map(stack).collect()
}

/// The backtraces in what gdb said, as names.
fn backtraces(text: &str) -> Vec<String> {
    let mut stacks: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some((number, rest)) = line.strip_prefix('#').and_then(|line| line.split_once(' ')) else { continue };
        let rest = rest.trim_start();
        let named = rest.strip_prefix("0x").and_then(|rest| rest.split_once(" in ")).map_or(rest, |(_, named)| named);
        let name = named.split(" (").next().unwrap_or_default();
        // Of the two names of an export, either is shown.
        let name = name.replace("w2n.export.", "m_");
        match stacks.last_mut().filter(|_| number != "0") {
            Some(stack) => *stack += &format!(" {name}"),
            None => stacks.push(name),
        }
    }
    stacks
}

/// From the first instruction of the export on, gdb shows the whole stack: before a function has
/// its frame, and after it. But not between `pop rbp` and the jump of a tail call, where a caller
/// is missing: Cranelift takes notes of prologues alone, and gdb knows only the epilogues that end
/// with `ret`.
fn at_every_instruction(programs: &Programs) -> Result<()> {
    let head = format!("break *m_outer\n{}\nset $n = 0\n", gdb::start());
    const LOOP: &str = "\
        while $n < 3000 && $pc != (unsigned long)&finished\nx/i $pc\nbt\nstepi\nset $n = $n + 1\nend\n";
    let script = programs.path("script.gdb");
    std::fs::write(&script, head + LOOP)?;
    let source = format!("source {}", script.display());
    let text = gdb::session(&programs.path("c"), "", &[&source])?;
    let processor = Processor::of_target().context("there is a row for this processor")?;
    let instructions = text.lines().filter(|line| line.starts_with("=> "));
    let mut seen = BTreeSet::new();
    let mut has_frame = true;
    for (instruction, stack) in instructions.zip(backtraces(&text)) {
        if has_frame || processor.knows_epilogues && instruction.contains("\tret") {
            seen.insert(stack);
        }
        has_frame = match has_frame {
            true => !instruction.contains(processor.frame_end),
            false => instruction.contains(processor.jump) || instruction.contains("\tret"),
        };
    }
    let expected: BTreeSet<String> = AT_BOTTOM.into_iter().chain(ON_THE_WAY).map(str::to_owned).collect();
    let list = |set: BTreeSet<&String>| set.into_iter().map(|it| format!("\n  {it}")).collect::<String>();
    let (wrong, missing) = (list(seen.difference(&expected).collect()), list(expected.difference(&seen).collect()));
    ensure!(wrong.is_empty() && missing.is_empty(), "wrong stacks:{wrong}\nstacks that were never seen:{missing}");
    Ok(())
}

fn after_a_fault(programs: &Programs) -> Result<()> {
    let processor = Processor::of_target().context("there is a row for this processor")?;
    let cases =
        [("divide", processor.division, "divide divider m_divider main"), ("stop", "SIGILL", "stopper m_stopper main")];
    for (mode, signal, expected) in cases {
        let text = gdb::session(&programs.path("c"), mode, &[gdb::start(), "bt"])?;
        let stacks = backtraces(&text);
        ensure!(text.contains(signal) && stacks == [expected], "{mode}: {stacks:?}; gdb said:\n{text}");
    }
    Ok(())
}

/// The address is outside of the memory.
const STATIC: &str = r#"(module (memory 1)
  (func $load (param i32) (result i32) (i32.load (local.get 0)))
  (func $run (export "main") (result i32) (i32.add (call $load (i32.const -5)) (i32.const 1))))"#;

/// As [`after_a_fault`], without another linker, C library or start code than those that
/// wasm2native brings; and again inside of the handler of the fault.
fn in_a_static_program(programs: &Programs) -> Result<()> {
    batch::compile(programs.path("."), &["static.wat", "-o", "static"])?;
    let commands = [gdb::start(), "bt", "break write", "continue", "bt"];
    let text = gdb::session(&programs.path("static"), "", &commands)?;
    let stacks = backtraces(&text);
    let [fault, handler] = &stacks[..] else { bail!("gdb shows no two stacks:\n{text}") };
    let fault_names: Vec<_> = fault.split(' ').collect();
    let is_whole = matches!(fault_names[..], ["load", "run", .., "main"]) && handler.ends_with(fault);
    ensure!(is_whole && handler.contains("<signal handler called> "), "{stacks:?}; gdb said:\n{text}");
    Ok(())
}
