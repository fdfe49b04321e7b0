//! How programs end (sections 19 and 20): every form of `main`, and what becomes of its result on
//! all targets.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::fmt::Write;
use test_kit::trial::{Skip, trial};

use crate::run;

/// A declaration of `main`, the exit status, what is written to standard error.
const FORMS: [(&str, i32, &str); 22] = [
    ("fn main() i64 { return 0 }", 0, ""),
    ("fn main() i64 { return 300 }", 300 % 256, ""),
    ("fn main() i64 { return -1 }", 255, ""),
    ("fn main() int { return 3 }", 3, ""),
    ("fn main() u8 { return 200 }", 200, ""),
    ("fn main() i8 { return -2 }", 254, ""),
    ("fn main() u16 { return 257 }", 1, ""),
    ("fn main() i32 { return -300 }", -300 & 255, ""),
    ("fn main() u32 { return 4294967295 }", 255, ""),
    ("fn main() u64 { return 18446744073709551614 }", 254, ""),
    ("fn main() void { }", 0, ""),
    ("fn main() { return }", 0, ""),
    ("fn main() Er!void { }", 0, ""),
    ("fn main() Er!void { return error.Bad }", 1, "error: Bad\n"),
    ("fn main() Er!void { try fails() }", 1, "error: Worse\n"),
    ("fn main() !void { return error.Whatever }", 1, "error: Whatever\n"),
    ("fn main() Er!i64 { return 5 }", 5, ""),
    ("fn main() Er!i64 { return try fails() }", 1, "error: Worse\n"),
    ("fn main() !u8 { return 255 }", 255, ""),
    (
        "fn main() noreturn { while (true) { @panic(\"the end\") } }",
        2,
        "...:3: panic: the end\n//     at ...:3:37 in main\n",
    ),
    ("export fn main() i64 { return 4 }", 4, ""),
    ("fn main() i64 { defer println(\"deferred\") return answer }\nvar answer: i64 = 6", 6, ""),
];

pub fn trials() -> Vec<Trial> {
    vec![trial("ends/forms-of-main", forms_of_main)]
}

fn forms_of_main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut faults = String::new();
    let mut skipped = Ok(());
    for (number, (main, status, complaint)) in FORMS.iter().enumerate() {
        // wasmtime refuses statuses that a shell could take for something else.
        let hosts = if *status < 126 { "native wasi bare" } else { "native bare" };
        let mut text =
            format!("//! hosts = \"{hosts}\"    //! exit = {status}\nconst Er = error {{ Bad, Worse }}\n{main}\n");
        text += "fn fails() Er!i64 { return error.Worse }\n";
        if main.contains("println") {
            text += "//= stdout\n// deferred\n";
        }
        if !complaint.is_empty() {
            write!(text, "//= stderr\n// {complaint}")?;
        }
        let path = folder.path().join(format!("main{number}.cot"));
        std::fs::write(&path, text)?;
        match run::check(&path) {
            Err(error) if !error.is::<Skip>() => writeln!(faults, "{main}:\n{error:#}")?,
            result => skipped = skipped.and(result),
        }
    }
    ensure!(faults.is_empty(), faults);
    skipped
}
