//! Objects → a library for another program: an archive for a linker, or a shared library that needs
//! the C library of its host.
//!
//! Comes in: the module's object. Goes out: the bytes of the file, which depend on the object
//! alone. Both hold the runtime, so a host is linked with nothing else but a C library
//! ([`HOST_ARGUMENTS`]).

use super::archive::write_archive;
use super::files::Files;
use super::native::Natives;
use super::runtime::{Runtime, SHARED_END_FILES, SHARED_HELPERS, SHARED_LIBRARIES, SHARED_START_FILES, Set};
use super::{UNDEFINED, add_native, command, conventions, list_undefined, run, run_with_natives};
use crate::report::Coded;
use crate::report::code::Code;
use anyhow::{Result, bail};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::slice;

/// What a C compiler needs besides the archive. Since version 2.34 glibc has all of it in
/// `libc`, and these are empty.
pub const HOST_ARGUMENTS: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

/// Functions of the runtime for a library's host, and what runtimes in one process share.
pub const PUBLIC: [&str; 5] =
    ["w2n_try", "w2n_trap_text", "w2n_raise_message", "w2n_handle_signal", crate::abi::program::SHARED_SYMBOL];

/// An archive with the object and the runtime.
///
/// # Errors
/// The archive would be too large.
pub fn archive(runtime: &Runtime, object: &[u8]) -> Result<Vec<u8>> {
    // Where two such archives are linked into one program, the first runtime is taken, and does for
    // both.
    write_archive(&[("module.o", object), ("runtime.o", &runtime.object()?)])
}

pub struct SharedLibrary<'a> {
    pub runtime: &'a Runtime,
    pub object: Vec<u8>,
    /// The name under which programs that were linked with it look for it.
    pub soname: &'a str,
    /// The symbols for its host.
    pub exports: Vec<&'a str>,
    /// Symbols that the host may define: the module's imports.
    pub imports: Vec<&'a str>,
    /// Objects and archives of the user's.
    pub natives: Option<Natives>,
    pub strip: bool,
}

/// It is never unloaded: signal handlers and what runtimes share point into it.
const FLAGS: &str = "-shared -z noexecstack -z relro -z now -z nodelete --gc-sections --eh-frame-hdr \
    --build-id=none --no-identity-comment --hash-style=gnu --warn-unresolved-symbols -o library";

/// A shared library that needs `libc.so.6` when it is loaded. The second value are the linker's
/// warnings.
///
/// # Errors
/// The runtime has no shared C library; a symbol that nothing defines.
pub fn shared(library: SharedLibrary) -> Result<(Vec<u8>, Vec<String>)> {
    let SharedLibrary { runtime, object, soname, exports, imports, natives, strip } = library;
    if let Some(natives) = &natives {
        conventions::check(slice::from_ref(&object), natives)?;
    }
    let mut inputs = runtime.shared_files()?;
    let script = version_script(exports.iter().copied().chain(PUBLIC));
    inputs.insert(PathBuf::from("<exports>"), script.into_bytes().into());
    inputs.insert(PathBuf::from("<module>"), object.into());
    let mut arguments = command(runtime, FLAGS);
    arguments.extend(strip.then(|| "--strip-all".to_owned()));
    arguments.extend(["-soname", soname, "--version-script", "<exports>"].map(str::to_owned));
    arguments.extend(SHARED_START_FILES.iter().map(|file| file.name.to_owned()));
    arguments.push("<module>".to_owned());
    let run = if natives.is_some() { run_with_natives } else { run };
    let natives = natives.into_iter().flat_map(|natives| natives.files).enumerate();
    arguments.extend(natives.map(|(index, native)| add_native(&mut inputs, index, native)));
    arguments.extend([runtime.parts(Set::Complete)[0].name, "--as-needed"].map(str::to_owned));
    arguments.extend(SHARED_LIBRARIES.iter().chain([&SHARED_HELPERS]).map(|file| file.name.to_owned()));
    arguments.extend(SHARED_END_FILES.iter().map(|file| file.name.to_owned()));

    let (files, output) = Files::new(inputs);
    let warnings = run(&arguments, files)?;
    let (undefined, warnings): (Vec<_>, Vec<_>) =
        warnings.into_iter().partition(|warning| warning.starts_with(UNDEFINED));
    let is_import = |warning: &String| {
        let rest = &warning[UNDEFINED.len()..];
        imports.contains(&rest.split_once(',').map_or(rest, |(name, _)| name))
    };
    let undefined: Vec<String> = undefined.into_iter().filter(|warning| !is_import(warning)).collect();
    if !undefined.is_empty() {
        let message = format!("symbols that nothing defines:\n  {}", list_undefined(&undefined));
        bail!(Coded::new(Code::UndefinedSymbol, message));
    }
    let bytes = std::mem::take(&mut *output.lock().expect("no thread panics while it holds the lock"));
    Ok((bytes, warnings))
}

/// Which symbols are visible outside, in the form that `ld` reads.
fn version_script<'a>(exports: impl Iterator<Item = &'a str>) -> String {
    let mut script = "{\n  global:\n".to_owned();
    for name in exports {
        writeln!(script, "    \"{name}\";").expect("a string takes everything");
    }
    script.push_str("  local: *;\n};\n");
    script
}
