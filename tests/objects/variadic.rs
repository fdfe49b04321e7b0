//! Calls with variable arguments: each platform wants them in other places
//! (`src/translate/variadic.rs` has the table).
//!
//! What Cranelift is asked for is read from its intermediate form, what comes before the jump to
//! the function from the object.

use crate::{Kind, object, read};
use anyhow::{Context, Result, ensure};
use wasm2native::driver;
use wasm2native::options::{Cpu, Emit, Options, Origin, Output, Source};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

const MODULE: &str = r#"(module
  (import "env" "printf" (func $printf (param i32 i32 f64 i64 f32) (result i32)))
  (memory 1)
  (func (export "f") (result i32)
    (call $printf (i32.const 8) (i32.const -1) (f64.const 2) (i64.const 3) (f32.const 4))))"#;

/// A pointer, and what `int`, `double`, `long long` and `float` are promoted to.
const DECLARATION: &str = "env.printf: (ptr, ..., i8, f64, i64, f32) -> i32";

pub fn check(kind: Kind) -> Result<()> {
    let imports = vec![Source { origin: Origin::Line, text: DECLARATION.to_owned() }];
    let options = Options { imports, ..Options::default() };
    let text = intermediate(kind, &options)?;
    let signature = format!("= {} -> i32", parameters(kind));
    ensure!(text.contains(&signature), "no call has the signature `{signature}`:\n{text}");
    check_stub(kind, &object(kind, "it.wat", MODULE.as_bytes(), &options)?)
}

/// The parameters as Cranelift sees them.
fn parameters(kind: Kind) -> String {
    match kind.target {
        // The ninth and later ones lie on the stack, in 8 bytes each, once no register is left.
        "aarch64-apple-darwin" => {
            let (integers, floats) = ("i64, ".repeat(8), "f64, ".repeat(8));
            format!("({integers}{floats}i64, f64, i64, f64)")
        }
        // Floating-point numbers are integers.
        "riscv64gc-unknown-linux-gnu" => "(i64, i32 sext, i64, i64, i64)".to_owned(),
        "s390x-unknown-linux-gnu" => "(i64, i32 sext, f64, i64, f64)".to_owned(),
        _ => "(i64, i32, f64, i64, f64)".to_owned(),
    }
}

fn intermediate(kind: Kind, options: &Options) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let [input, file] = ["it.wat", "it.clif"].map(|name| folder.path().join(name));
    std::fs::write(&input, MODULE)?;
    let options = Options {
        target: Some(kind.target.to_owned()),
        cpu: kind.cpu.map_or(Cpu::Default, |name| Cpu::Named(name.to_owned())),
        ..options.clone()
    };
    driver::build(&Input::read(&input)?, &options, &[Output { emit: Emit::Clif, file: file.clone() }], &Silent)?;
    Ok(std::fs::read_to_string(file)?)
}

/// What stands before the jump: on x86-64 the number of vector registers; on Windows x64 the
/// registers of floating-point arguments are copied, of which this call has one, the third.
fn check_stub(kind: Kind, bytes: &[u8]) -> Result<()> {
    let stub: &[u8] = match kind.target {
        "x86_64-pc-windows-msvc" => &[0x66, 0x49, 0x0f, 0x7e, 0xd0, 0xe9],
        target if target.starts_with("x86_64") => &[0xb8, 2, 0, 0, 0, 0xe9],
        _ => return Ok(()),
    };
    let picture = read::read(bytes)?;
    let name = kind.symbol("printf");
    let calls = picture.sections.iter().filter(|section| section.is_code).flat_map(|section| {
        let is_call = |it: &&read::Relocation| picture.symbols[it.symbol].name == name;
        section.relocations.iter().filter(is_call).map(move |it| (section, it.offset))
    });
    let places: Vec<_> = calls.collect();
    let [(section, offset)] = places[..] else { anyhow::bail!("{} calls of printf", places.len()) };
    let end = (section.file_offset.context("code is in the file")? + offset) as usize;
    ensure!(bytes[..end].ends_with(stub), "before the call stands {:x?}", &bytes[end - stub.len()..end]);
    Ok(())
}
