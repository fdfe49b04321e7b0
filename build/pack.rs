//! The parts of a runtime:
//! * for programs that call no C: `runtime.o`, the crate as one object; `libc.o`, the own C library
//!   as another; and `libraries.a`, those members of the compiler's archives that they and
//!   translated code can need, all without unwinding tables. Without an own library, the members
//!   come from the C library as well;
//! * for the others: `unwinding.o`, the same object with them, `complete0.a` and so on, all of the
//!   archives, and `symbols`, a line for each name that they define: the letter of its kind, its
//!   size, the name;
//! * for shared libraries: `helpers.a`, what the object needs of the compiler, which the shared C
//!   library has not;
//! * the C library's start files, and what linkers read of its shared form.
//!
//! All are stripped of debug sections, and compressed.

use crate::archive::{Member, Symbols, append_member, closure, read_archive};
use crate::libraries::Libraries;
use crate::localize::localize;
use crate::runtime_target::START_FILES;
use crate::strings::split;
use crate::strip::{DEBUG, UNUSED, hollow, strip};
use crate::{Result, c_library};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;

/// The parts of a runtime, compressed. `shim` and `own` are the archives of the crates.
pub fn parts(shim: &[u8], own: Option<&[u8]>, libraries: &Libraries) -> Result<Vec<(String, Vec<u8>)>> {
    let mut parts = Vec::new();
    let mut add = |name: String, data: Vec<u8>| parts.push((name, data));
    let mut start_roots = Vec::new();
    for (name, path) in START_FILES.into_iter().zip(&libraries.start_files) {
        let data = strip(&std::fs::read(path)?, &UNUSED)?;
        start_roots.extend(Symbols::read(&data)?.undefined);
        add(name.to_owned(), data);
    }
    for (index, path) in libraries.shared.iter().enumerate() {
        add(format!("shared{index}"), hollow(&std::fs::read(path)?)?);
    }
    let mut pool = read_archive(shim)?;
    let n_shim = pool.len();
    for path in &libraries.archives {
        println!("cargo::rerun-if-changed={}", path.display());
        pool.extend(read_archive(&std::fs::read(path)?)?);
    }
    let symbols = pool.iter().map(|member| Symbols::read(&member.data)).collect::<Result<Vec<_>>>()?;

    // The crate itself is the member that defines what `main` calls; the others that Rust adds are
    // its compiler's helpers.
    let is_main = |symbols: &Symbols| symbols.defined.iter().any(|name| name == "w2n_main");
    let main = symbols.iter().position(is_main).ok_or("the archive of the runtime has no `w2n_main`")?;
    let runtime = localize(&pool[main].data)?;
    add("runtime.o".to_owned(), split(&strip(&runtime, &UNUSED)?)?);
    let undefined = Symbols::read(&runtime)?.undefined;
    add("helpers.a".to_owned(), needed_members(&pool[..n_shim], &symbols[..n_shim], undefined, main)?);
    let mut roots: Vec<String> = c_library::C_FUNCTIONS.split(' ').map(str::to_owned).collect();
    roots.extend(Symbols::read(&runtime)?.undefined);
    if let Some(own) = own {
        let (library, helpers) = own_library(own, roots)?;
        add("libc.o".to_owned(), library);
        add("libraries.a".to_owned(), helpers);
    } else {
        roots.extend(start_roots);
        add("libraries.a".to_owned(), needed_members(&pool, &symbols, roots, main)?);
    }
    add("unwinding.o".to_owned(), split(&strip(&runtime, &DEBUG)?)?);
    // The C library's definitions come before those of the crate's helpers.
    let helpers = (0..n_shim).filter(|index| *index != main);
    for (nth, archive) in complete(&pool, (n_shim..pool.len()).chain(helpers.clone()))?.into_iter().enumerate() {
        add(format!("complete{nth}.a"), archive);
    }
    let members = (n_shim..pool.len()).chain(helpers).filter(|&index| !is_decimal(&pool[index].name));
    let lines: String = members.flat_map(|index| &symbols[index].index_lines).map(String::as_str).collect();
    add("symbols".to_owned(), lines.into_bytes());
    compress(parts)
}

/// The own C library as an object, and the members of its archive besides that it and `roots` need.
fn own_library(archive: &[u8], mut roots: Vec<String>) -> Result<(Vec<u8>, Vec<u8>)> {
    let pool = read_archive(archive)?;
    let symbols = pool.iter().map(|member| Symbols::read(&member.data)).collect::<Result<Vec<_>>>()?;
    let is_main = |symbols: &Symbols| symbols.defined.iter().any(|name| name == "_start");
    let main = symbols.iter().position(is_main).ok_or("the archive of the C library has no `_start`")?;
    roots.extend(symbols[main].undefined.iter().cloned());
    let object = split(&strip(&pool[main].data, &UNUSED)?)?;
    Ok((object, needed_members(&pool, &symbols, roots, main)?))
}

/// An archive of those members that the roots need, without the one with the number `except`.
fn needed_members(pool: &[Member], symbols: &[Symbols], roots: Vec<String>, except: usize) -> Result<Vec<u8>> {
    let needed = closure(symbols, roots, except);
    let mut archive = b"!<arch>\n".to_vec();
    for (index, member) in pool.iter().enumerate().filter(|(index, _)| needed.contains(index)) {
        append_member(&mut archive, index, &strip(&member.data, &UNUSED)?)?;
    }
    Ok(archive)
}

/// How many archives the whole C library becomes, of about the same size: they are decompressed
/// side by side.
const N_PARTS: usize = 4;

/// The whole C library: the members with these numbers.
fn complete(pool: &[Member], members: impl Iterator<Item = usize>) -> Result<Vec<Vec<u8>>> {
    let members = members.filter(|&index| !is_decimal(&pool[index].name));
    let stripped = members.map(|index| Ok((index, strip(&pool[index].data, &DEBUG)?)));
    let stripped = stripped.collect::<Result<Vec<_>>>()?;
    let total: usize = stripped.iter().map(|(_, data)| data.len()).sum();
    let mut archives = vec![b"!<arch>\n".to_vec(); N_PARTS];
    let mut done = 0;
    for (index, data) in &stripped {
        append_member(&mut archives[done * N_PARTS / total], *index, data)?;
        done += data.len();
    }
    Ok(archives)
}

/// Whether a member of libgcc computes with decimal floats (`_Decimal64`): hardly anybody needs
/// them, and their tables are larger than all the rest.
fn is_decimal(name: &str) -> bool {
    let stem = name.trim_end_matches(".o");
    name.starts_with("bid") || (name.starts_with('_') && stem.split('_').any(|it| ["sd", "dd", "td"].contains(&it)))
}

/// Compresses all parts, side by side.
fn compress(parts: Vec<(String, Vec<u8>)>) -> Result<Vec<(String, Vec<u8>)>> {
    let one = |data: Vec<u8>| -> std::io::Result<Vec<u8>> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&data)?;
        encoder.finish()
    };
    std::thread::scope(|scope| {
        let workers = parts.into_iter().map(|(name, data)| (name, scope.spawn(move || one(data))));
        let workers: Vec<_> = workers.collect();
        let finish = |(name, worker): (String, std::thread::ScopedJoinHandle<std::io::Result<Vec<u8>>>)| {
            Ok((name, worker.join().map_err(|_| "a thread of the build script panicked")??))
        };
        workers.into_iter().map(finish).collect()
    })
}
