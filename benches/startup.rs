//! Start-up: hello world of ours beside a static program of C and beside wasmtime with a compiled
//! module.

use crate::measure::time;
use crate::reference;
use crate::statistics::median;
use anyhow::Result;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

pub struct Start {
    pub name: &'static str,
    pub seconds: f64,
    /// Of the executable, where it is one.
    pub bytes: Option<u64>,
}

pub fn measure(work: &Path, runs: usize) -> Result<Vec<Start>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wasi/hello.wat");
    let wasm = work.join("hello.wasm");
    std::fs::write(&wasm, wat::parse_file(source)?)?;
    let native = work.join("hello");
    time(Command::new(env!("CARGO_BIN_EXE_wasm2native")).arg("--strip").arg(&wasm).arg("-o").arg(&native))?;
    let compiled = work.join("hello.cwasm");
    time(&mut reference::compile(&wasm, &compiled)?)?;
    let mut commands = vec![("ours", Command::new(&native)), ("wasmtime", reference::run(&compiled, None, None, &[])?)];
    let c = work.join("hello-c");
    if compile_c(work, &c) {
        commands.push(("gcc -O2 -static", Command::new(&c)));
    } else {
        eprintln!("start-up is not compared with C: gcc can't make a static program here");
    }
    let mut seconds = vec![Vec::new(); commands.len()];
    for _ in 0..runs {
        for ((_, command), seconds) in commands.iter_mut().zip(&mut seconds) {
            seconds.push(time(command)?.0);
        }
    }
    let start = |((name, command), seconds): ((&'static str, Command), Vec<f64>)| Start {
        name,
        seconds: median(&seconds),
        bytes: Path::new(command.get_program()).metadata().ok().map(|it| it.len()).filter(|_| name != "wasmtime"),
    };
    Ok(commands.into_iter().zip(seconds).map(start).collect())
}

fn compile_c(work: &Path, output: &Path) -> bool {
    let source = work.join("hello.c");
    let text = "#include <stdio.h>\nint main(void) { puts(\"hello, world!\"); return 0; }\n";
    std::fs::write(&source, text).is_ok()
        && time(Command::new("gcc").args(["-O2", "-static", "-s"]).arg(&source).arg("-o").arg(output)).is_ok()
        && output.exists()
}

pub fn text(starts: &[Start]) -> String {
    let mut out = String::new();
    let Some(ours) = starts.first() else { return out };
    writeln!(out, "\nstart-up of hello world").expect("strings grow");
    for start in starts {
        let size = start.bytes.map_or(String::new(), |bytes| format!("{} KiB", bytes.div_ceil(1024)));
        let ratio = ours.seconds / start.seconds;
        writeln!(out, "  {:16} {:>8.3} ms   ours by this {ratio:>6.2}   {size}", start.name, start.seconds * 1e3)
            .expect("strings grow");
    }
    out
}

pub fn csv(starts: &[Start]) -> String {
    let mut out = String::new();
    for start in starts {
        let bytes = start.bytes.map_or(String::new(), |bytes| bytes.to_string());
        writeln!(out, "start-up {},,,,{:.6},,{bytes},", start.name, start.seconds).expect("strings grow");
    }
    out
}
