//! Objects → a library for another program: an archive for a linker, or a shared library that needs
//! the C library of its host.
//!
//! Comes in: the module's object. Goes out: the bytes of the file, which depend on the object
//! alone. Both hold the runtime, so a host is linked with nothing else but a C library
//! ([`HOST_ARGUMENTS`]).

use super::files::Files;
use super::runtime::{Runtime, SHARED_END_FILES, SHARED_LIBRARIES, SHARED_START_FILES, Set};
use super::{UNDEFINED, command, list_undefined, run};
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What a C compiler needs besides the archive. Since version 2.34 glibc has all of it in
/// `libc`, and these are empty.
pub const HOST_ARGUMENTS: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

/// Functions of the runtime for a library's host, and what runtimes in one process share.
pub const PUBLIC: [&str; 4] = ["w2n_try", "w2n_trap_text", "w2n_handle_signal", crate::abi::program::SHARED_SYMBOL];

/// An archive with the object and the runtime.
///
/// # Errors
/// The archive would be too large.
pub fn archive(runtime: &Runtime, object: &[u8]) -> Result<Vec<u8>> {
    // Where two such archives are linked into one program, the first runtime is taken, and does for
    // both.
    write_archive(&[("module.o", object), ("runtime.o", &runtime.object()?)])
}

/// A Unix archive with a symbol index, in GNU's format (`ar.h`; the index is a first member named
/// `/`). Times, owners and modes are the same for all, so that the bytes depend on the members
/// alone.
fn write_archive(members: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    const MAGIC: &[u8] = b"!<arch>\n";
    const HEADER: usize = 60;
    const TOO_LARGE: &str = "an archive has at most 4 GiB";
    let mut names = Vec::new();
    let mut owners = Vec::new();
    for (number, (_, data)) in members.iter().enumerate() {
        let file = object::File::parse(*data).context("can't read an object that belongs into the archive")?;
        for symbol in file.symbols().filter(|symbol| symbol.is_global() && !symbol.is_undefined()) {
            names.extend(symbol.name_bytes()?);
            names.push(0);
            owners.push(number);
        }
    }
    let padded = |length: usize| length.next_multiple_of(2);
    let n_symbols = u32::try_from(owners.len()).context(TOO_LARGE)?;
    let words = owners.len().checked_add(1).and_then(|n_words| n_words.checked_mul(4)).context(TOO_LARGE)?;
    let index_length = padded(words.saturating_add(names.len()));
    let mut place = MAGIC.len().saturating_add(HEADER).saturating_add(index_length);
    let mut places = Vec::new();
    for (_, data) in members {
        places.push(u32::try_from(place).context(TOO_LARGE)?);
        place = place.saturating_add(HEADER).saturating_add(padded(data.len()));
    }
    let mut index = n_symbols.to_be_bytes().to_vec();
    owners.iter().for_each(|&owner| index.extend(places[owner].to_be_bytes()));
    index.extend(names);
    index.resize(index_length, 0);

    let mut archive = MAGIC.to_vec();
    let all = [("", &index[..])].into_iter().chain(members.iter().copied());
    for (name, data) in all {
        let header = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", format!("{name}/"), 0, 0, 0, 644, data.len());
        archive.extend(header.as_bytes());
        archive.extend(data);
        archive.resize(padded(archive.len()), b'\n');
    }
    Ok(archive)
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
    let SharedLibrary { runtime, object, soname, exports, imports, strip } = library;
    let mut inputs = runtime.shared_files()?;
    let script = version_script(exports.iter().copied().chain(PUBLIC));
    inputs.insert(PathBuf::from("<exports>"), script.into_bytes().into());
    inputs.insert(PathBuf::from("<module>"), object.into());
    let mut arguments = command(runtime, FLAGS);
    arguments.extend(strip.then(|| "--strip-all".to_owned()));
    arguments.extend(["-soname", soname, "--version-script", "<exports>"].map(str::to_owned));
    arguments.extend(SHARED_START_FILES.iter().map(|file| file.name.to_owned()));
    arguments.extend(["<module>", runtime.parts(Set::Complete)[0].name, "--as-needed"].map(str::to_owned));
    arguments.extend(SHARED_LIBRARIES.iter().map(|file| file.name.to_owned()));
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
        bail!("symbols that nothing defines:\n  {}", list_undefined(&undefined));
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
