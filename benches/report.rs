//! The measurements as a table for people and as CSV.

use crate::statistics::geometric_mean;
use std::fmt::Write;

pub struct Row {
    pub name: String,
    pub wasm_bytes: u64,
    /// Seconds, ours and wasmtime's.
    pub compile: (f64, f64),
    pub run: Option<(f64, f64)>,
    /// Executable, and wasmtime's compiled module, which has no runtime in it.
    pub bytes: (u64, u64),
}

#[derive(Default)]
pub struct Table {
    pub rows: Vec<Row>,
    pub failures: Vec<String>,
}

impl Table {
    pub fn text(&self) -> String {
        let mut out = String::new();
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(14);
        let mut line = |text: String| writeln!(out, "{text}").expect("strings grow");
        line(format!("{:width$} {:>9} | {:^26} | {:^26} | {:^17}", "", "wasm", "compile, ms", "run, ms", "size, KiB"));
        line(format!(
            "{:width$} {:>9} | {:>8} {:>8} {:>8} | {:>8} {:>8} {:>8} | {:>8} {:>8}",
            "program", "KiB", "ours", "wasmtime", "ratio", "ours", "wasmtime", "ratio", "ours", "wasmtime"
        ));
        for row in &self.rows {
            line(format!(
                "{:width$} {:>9} | {} | {} | {:>8} {:>8}",
                row.name,
                row.wasm_bytes.div_ceil(1024),
                pair(Some(row.compile)),
                pair(row.run),
                row.bytes.0.div_ceil(1024),
                row.bytes.1.div_ceil(1024)
            ));
        }
        if !self.rows.is_empty() {
            let ratio = |(ours, theirs): (f64, f64)| ours / theirs;
            let compile = geometric_mean(self.rows.iter().map(|row| ratio(row.compile)));
            let run = geometric_mean(self.rows.iter().filter_map(|row| row.run.map(ratio)));
            line(format!("{:width$} {:>9} | {:>26.3} | {:>26.3} |", "geometric mean", "", compile, run));
        }
        for failure in &self.failures {
            line(format!("FAILED {failure}"));
        }
        out
    }

    pub fn csv(&self) -> String {
        let mut out = String::from(
            "program,wasm_bytes,compile_ours_s,compile_wasmtime_s,run_ours_s,run_wasmtime_s,bytes_ours,bytes_wasmtime\n",
        );
        for row in &self.rows {
            let run = row.run.map_or(",".to_owned(), |(ours, theirs)| format!("{ours:.6},{theirs:.6}"));
            writeln!(
                out,
                "{},{},{:.6},{:.6},{run},{},{}",
                row.name, row.wasm_bytes, row.compile.0, row.compile.1, row.bytes.0, row.bytes.1
            )
            .expect("strings grow");
        }
        out
    }
}

fn pair(seconds: Option<(f64, f64)>) -> String {
    match seconds {
        Some((ours, theirs)) => format!("{:>8.1} {:>8.1} {:>8.3}", ours * 1e3, theirs * 1e3, ours / theirs),
        None => format!("{:>8} {:>8} {:>8}", "-", "-", "-"),
    }
}
