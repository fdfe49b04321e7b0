//! Objects → executable by the machine's C compiler, which drives a linker and brings a C library:
//! static or dynamic, as it does by itself and by the flags it is given.

use super::compiler::{Compiler, file_argument, prefixed};
use super::symbols::{self, Format};
use super::{LinkRequest, Report};
use crate::scratch::Scratch;
use anyhow::{Context, Result, anyhow};
use std::ffi::OsString;
use std::path::Path;

/// The program's bytes, and how it went.
///
/// # Errors
/// With what the compiler said.
pub fn link(compiler: &Compiler, request: LinkRequest) -> Result<(Vec<u8>, Report)> {
    let LinkRequest { runtime, objects, natives, strip, options, .. } = request;
    // Linkers remove an output first, and clean up by its name: they work in a folder of their own.
    let folder = Scratch::new()?;
    let output = folder.path().join("program");
    let mut arguments: Vec<OsString> = vec!["-o".into(), output.clone().into()];
    for (index, object) in objects.iter().enumerate() {
        arguments.push(write(folder.path(), &format!("module{index}.o"), object)?);
    }
    arguments.push(write(folder.path(), "runtime.o", &runtime.object()?)?);
    // Users should not have to know in which order archives need each other.
    arguments.push("-Wl,--gc-sections".into());
    arguments.extend(options.folders.iter().map(|folder| prefixed("-L", folder)));
    arguments.push("-Wl,--start-group".into());
    let n_named = natives.n_named();
    for (index, native) in natives.files.iter().take(n_named).enumerate() {
        arguments.push(match &native.path {
            Some(path) => file_argument(path),
            None => write(folder.path(), &format!("native{index}.o"), &native.bytes)?,
        });
    }
    arguments.extend(natives.libraries.iter().map(|name| format!("-l{name}").into()));
    arguments.push("-Wl,--end-group".into());
    arguments.extend(compiler.libraries().iter().map(OsString::from));
    arguments.extend(strip.then(|| "-s".into()));
    arguments.extend(options.flags.iter().map(OsString::from));
    let has_bitcode = natives.files.iter().any(|file| symbols::format(&file.bytes) == Format::Bitcode);
    let help = if has_bitcode { "\nhelp: clang and zig link LLVM bitcode: --linker clang" } else { "" };
    let said = compiler.link(&arguments).map_err(|error| anyhow!("{error:#}{help}"))?;
    let program = std::fs::read(&output).with_context(|| format!("`{}` made no program", compiler.name()))?;
    let words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
    let command = compiler.words().into_iter().chain(words).collect();
    Ok((program, Report { warnings: Some(said).filter(|said| !said.is_empty()).into_iter().collect(), command }))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<OsString> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).with_context(|| format!("can't write {}", path.display()))?;
    Ok(path.into_os_string())
}
