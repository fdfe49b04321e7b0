//! Floats are printed as Rust prints them: the shortest decimal that reads back equal, without an
//! exponent. Random bit patterns, made by the same generator here and in the program.

use crate::source::wasi_options;
use libtest_mimic::{Failed, Trial};
use std::fmt::Write;
use test_kit::reference::{self, Request};
use wasm2native::cot::{Compiled, Options, Product, Stage, compile};

const N_NUMBERS: usize = 5000;

const PROGRAM: &str = "
fn main() i64 {
    var state: u64 = 88172645463325252
    for i in 0..5000 {
        state = state ^ (state << 13)
        state = state ^ (state >> 7)
        state = state ^ (state << 17)
        println(@bitCast(f64, state))
        println(@bitCast(f32, @truncate(u32, state >> 20)))
        println(@floatFromInt(f64, state >> 40) / 1000.0)
        println(@bitCast(f64, state >> 12))
        println(@bitCast(f64, state & 0x7ff0000000000000))
    }
    return 0
}
";

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("floats/as-rust-prints", floats_are_printed_as_rust_prints_them)]
}

fn floats_are_printed_as_rust_prints_them() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("floats.cot");
    std::fs::write(&path, PROGRAM)?;
    let options = Options { release: true, ..wasi_options() };
    let Product::Wasm(Compiled { wasm, .. }) = compile(&path, &options, Stage::Wasm)? else {
        return Err("no module".into());
    };
    let engine = reference::engine().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let outcome = reference::run(&engine, &wasm, &Request::default()).map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let printed = outcome.stdout;
    let expected = expected()?;
    for (number, (got, wanted)) in printed.lines().zip(expected.lines()).enumerate() {
        if got != wanted {
            return Err(format!("line {}: {got} instead of {wanted}", number + 1).into());
        }
    }
    if printed.lines().count() == 5 * N_NUMBERS { Ok(()) } else { Err("not all numbers were printed".into()) }
}

fn expected() -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut state: u64 = 88172645463325252;
    for _ in 0..N_NUMBERS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        writeln!(text, "{}", f64::from_bits(state))?;
        writeln!(text, "{}", f32::from_bits((state >> 20) as u32))?;
        writeln!(text, "{}", (state >> 40) as f64 / 1000.0)?;
        writeln!(text, "{}", f64::from_bits(state >> 12))?;
        writeln!(text, "{}", f64::from_bits(state & 0x7ff0_0000_0000_0000))?;
    }
    // The same values by another name.
    Ok(text.replace("NaN", "nan"))
}
