//! The edge to hosts (section 19): types of imports and exports of plain modules, what values
//! become, symbols of objects and libraries.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use object::{Object, ObjectSymbol};
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmtime::{Caller, Engine, ExternType, FuncType, Linker, Module, Store, Val, ValType};

use test_kit::trial::trial;
use test_kit::{command, process, tool};

pub fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn() -> Result<()>| trial(format!("boundary/{name}"), test);
    vec![
        trial("imports", imports_have_natural_types),
        trial("values", values_cross_to_the_host_and_back),
        trial("exports", exports_are_what_is_said),
        trial("symbols", objects_have_the_names_of_the_source),
        trial("library", a_host_in_c_calls_a_library),
    ]
}

/// Types of the imports of `imports.cot`, in the order of its calls.
const IMPORTS: [(&str, &str); 12] = [
    ("bytes", "i32 i32 i32 i32 -> i32"),
    ("halves", "i32 i32 -> i32"),
    ("words", "i32 i32 -> i32"),
    ("longs", "i64 i64 i64 -> i64"),
    ("floats", "f32 f64 f64 -> f32"),
    ("pointers", "i32 i32 i32 -> i32"),
    ("maybe", "i32 -> i32"),
    ("text", "i32 i64 -> i64"),
    ("slices", "i32 i64 i32 i32 i64 -> i32"),
    ("enums", "i32 i64 i32 -> i32"),
    ("nothing", " -> "),
    ("leaves", "i32 -> "),
];

fn imports_have_natural_types() -> Result<()> {
    let module = module("imports.cot")?;
    let mut found = Vec::new();
    for import in module.imports() {
        ensure!(import.module() == "env", "an import from {}", import.module());
        let ExternType::Func(ty) = import.ty() else { anyhow::bail!("{} is not a function", import.name()) };
        found.push((import.name().to_owned(), describe(&ty)));
    }
    let mut expected: Vec<_> = IMPORTS.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect();
    // The runtime's, for panics.
    expected.push(("write".to_owned(), "i64 i64 i64 -> i64".to_owned()));
    expected.push(("only_named".to_owned(), "i64 -> i64".to_owned()));
    expected.sort();
    found.sort();
    ensure!(found == expected, "imports are {found:#?}");
    Ok(())
}

/// What the host answers: it looks at its arguments, and gives bits that the results have to be cut
/// from.
fn answer(name: &str, args: &[Val], memory: &[u8]) -> Option<Val> {
    let int = |index: usize| match args[index] {
        Val::I32(value) => i64::from(value),
        Val::I64(value) => value,
        Val::F32(bits) => f32::from_bits(bits) as i64,
        Val::F64(bits) => f64::from_bits(bits) as i64,
        _ => i64::MIN,
    };
    let ints: Vec<i64> = (0..args.len()).map(int).collect();
    let right = match name {
        "bytes" => ints == [-1, 255, 7, 1],
        "halves" => ints == [-2, 65535],
        "words" => ints == [-3, -1],
        "longs" => ints == [-4, -1, 5],
        "floats" => matches!(args, [Val::F32(a), Val::F64(b), Val::F64(c)]
            if f32::from_bits(*a) == 0.5 && f64::from_bits(*b) == 0.25 && f64::from_bits(*c) == 3.0),
        "pointers" => word(memory, ints[0]) == 1 && ints[1] == 0 && memory[ints[2] as usize] == b'x',
        "maybe" => ints == [0],
        "text" => &memory[ints[0] as usize..][..4] == b"four",
        "slices" => {
            word(memory, ints[0] + 16) == 3 && ints[1] == 3 && ints[2] == 9 && &memory[ints[3] as usize..][..2] == b"yz"
        }
        "enums" => ints == [1, 1, 1],
        _ => true,
    };
    let result = match name {
        "bytes" => Val::I32(0x101),
        "halves" => Val::I32(0x1_0000 - 300),
        "words" | "nothing" | "leaves" => Val::I32(-1),
        "longs" => Val::I64(-1),
        "floats" => Val::F32(1.5f32.to_bits()),
        "pointers" => args[0],
        "maybe" => Val::I32(0),
        "text" => args[1],
        "slices" => Val::I32(3),
        "enums" => Val::I32(0x1_0001),
        "only_named" => Val::I64(ints[0] + 1),
        _ => return None,
    };
    right.then_some(result)
}

fn word(memory: &[u8], address: i64) -> i64 {
    i64::from_le_bytes(memory[address as usize..][..8].try_into().expect("eight bytes"))
}

fn values_cross_to_the_host_and_back() -> Result<()> {
    let module = module("imports.cot")?;
    let mut store = Store::new(module.engine(), ());
    let mut linker = Linker::new(module.engine());
    for import in module.imports() {
        let (name, ExternType::Func(ty)) = (import.name().to_owned(), import.ty()) else { continue };
        linker.func_new("env", import.name(), ty, move |mut caller: Caller<'_, ()>, args, results| {
            let memory = caller.get_export("memory").and_then(|it| it.into_memory()).expect("it is exported");
            let result = answer(&name, args, memory.data(&caller));
            let result = result.ok_or_else(|| wasmtime::Error::msg(format!("{name} got {args:?}")))?;
            results.fill(result);
            Ok(())
        })?;
    }
    let instance = linker.instantiate(&mut store, &module)?;
    let status = instance.get_typed_func::<(), i64>(&mut store, "main")?.call(&mut store, ())?;
    ensure!(status == 42, "the program ends with {status}");
    Ok(())
}

fn exports_are_what_is_said() -> Result<()> {
    let exports = |file: &str| -> Result<Vec<(String, String)>> {
        let module = module(file)?;
        let describe = |ty| if let ExternType::Func(ty) = ty { describe(&ty) } else { "memory".to_owned() };
        Ok(module.exports().map(|export| (export.name().to_owned(), describe(export.ty()))).collect())
    };
    let found = exports("exports.cot")?;
    let expected = [
        ("memory", "memory"),
        ("_initialize", " -> "),
        ("add", "i32 i32 -> i32"),
        ("scale", "f64 f32 -> f64"),
        ("invert", "i32 -> i32"),
        ("narrow", "i32 i32 -> i32"),
        ("length", "i32 i64 -> i64"),
        ("swap", "i32 -> "),
        ("count", " -> i64"),
        ("sum", "i32 i64 -> i64"),
    ];
    ensure!(found == expected.map(|(name, ty)| (name.to_owned(), ty.to_owned())), "exports are {found:#?}");
    // Without `export` there is `main` and the memory.
    let found = exports("imports.cot")?;
    ensure!(found.iter().map(|it| it.0.as_str()).eq(["memory", "main"]), "a program exports {found:?}");
    Ok(())
}

fn objects_have_the_names_of_the_source() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let object = folder.path().join("exports.o");
    build(command::cot_build(), "exports.cot", &object)?;
    let bytes = std::fs::read(object)?;
    let file = object::File::parse(&*bytes)?;
    let is_shown = |name: &str| file.symbols().any(|it| it.is_global() && it.is_definition() && it.name() == Ok(name));
    for name in ["add", "scale", "invert", "narrow", "length", "swap", "count", "sum"] {
        ensure!(is_shown(name), "there is no symbol {name}");
    }
    ensure!(!is_shown("hidden") && !is_shown("first"), "a function is shown that is not exported");
    Ok(())
}

fn a_host_in_c_calls_a_library() -> Result<()> {
    tool::require("cc")?;
    let folder = tempfile::tempdir()?;
    for library in ["exports.a", "libexports.so"] {
        let (library, host) = (folder.path().join(library), folder.path().join("host"));
        build(command::cot_build(), "exports.cot", &library)?;
        let mut command = tool::cc();
        command.arg(fixture("host.c")).arg(library).arg("-o").arg(&host);
        let linked = process::run(&mut command, b"")?;
        ensure!(linked.status == 0, "{}", linked.stderr);
        let outcome = process::run(process::program(host).env("LD_LIBRARY_PATH", folder.path()), b"")?;
        ensure!(outcome.status == 0, "the host ends with {}", process::describe(outcome.status));
        let text = outcome.stdout;
        ensure!(text == "5 3 0 0\n5 7\n4 3\n41 42\n", "the host says {text}");
    }
    Ok(())
}

fn describe(ty: &FuncType) -> String {
    let names = |types: Vec<ValType>| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(" ");
    format!("{} -> {}", names(ty.params().collect()), names(ty.results().collect()))
}

/// A program for plain Wasm.
fn module(file: &str) -> Result<Module> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("module.wasm");
    let mut command = command::cot();
    command.args(["build", "--target=wasm32"]);
    build(command, file, &output)?;
    Ok(Module::from_file(&Engine::default(), output)?)
}

/// Runs the command `cot build`, to which the files are added.
fn build(mut command: Command, file: &str, output: &Path) -> Result<()> {
    command.arg(fixture(file)).arg("-o").arg(output);
    let outcome = process::run(&mut command, b"").context("the compiler")?;
    ensure!(outcome.status == 0, "{}", outcome.stderr);
    Ok(())
}

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cot/boundary").join(file)
}
