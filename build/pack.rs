//! The files that `wasm2native` carries:
//! * for programs that call no C: `runtime.o`, the crate as one object, and `libraries.a`, those
//!   members of the C library's and the compiler's archives that the runtime or translated code can
//!   need, both without unwinding tables;
//! * for the others: `unwinding.o`, the same object with them, `complete0.a` and so on, all of the
//!   archives, and `symbols`, a line for each name that they define: the letter of its kind, its
//!   size, the name;
//! * the C library's start files, and what linkers read of its shared form.
//!
//! All are stripped of debug sections, and all but the start files are compressed.

use crate::archive::{Member, Symbols, append_member, closure, read_archive};
use crate::libraries::Libraries;
use crate::localize::{REDIRECTED, localize, redirect};
use crate::runtime_target::{RuntimeTarget, START_FILES};
use crate::strip::{DEBUG, UNUSED, hollow, strip};
use crate::{Result, c_library};
use std::io::Write;
use std::path::Path;

/// Writes all of them to the folder `out`.
pub fn write(out: &Path, target: Option<&RuntimeTarget>, shim: Vec<u8>, libraries: &Libraries) -> Result<()> {
    let mut roots: Vec<String> = c_library::C_FUNCTIONS.split(' ').map(str::to_owned).collect();
    for (index, name) in START_FILES.into_iter().enumerate() {
        let path = libraries.start_files.get(index);
        let data = path.map(|path| strip(&std::fs::read(path)?, &UNUSED)).transpose()?.unwrap_or_default();
        if !data.is_empty() {
            roots.extend(Symbols::read(&data)?.undefined);
        }
        std::fs::write(out.join(name), data)?;
    }
    for index in 0..N_SHARED {
        let path = libraries.shared.get(index);
        let data = path.map(|path| hollow(&std::fs::read(path)?)).transpose()?.unwrap_or_default();
        write_compressed(&out.join(format!("shared{index}.z")), &data)?;
    }
    let mut pool = Vec::new();
    if !shim.is_empty() {
        pool.extend(read_archive(&shim)?);
    }
    let n_shim = pool.len();
    for path in &libraries.archives {
        println!("cargo::rerun-if-changed={}", path.display());
        pool.extend(read_archive(&std::fs::read(path)?)?);
    }
    let symbols = pool.iter().map(|member| Symbols::read(&member.data)).collect::<Result<Vec<_>>>()?;

    // The crate itself is the member that defines what `main` calls; the others that Rust adds are
    // its compiler's helpers.
    let main = symbols.iter().position(|symbols| symbols.defined.iter().any(|name| name == "w2n_main"));
    let runtime = match main.zip(target) {
        Some((main, target)) => localize(&redirect(&pool[main].data, &REDIRECTED, &target.machine.jump)?)?,
        None => Vec::new(),
    };
    if !runtime.is_empty() {
        roots.extend(Symbols::read(&runtime)?.undefined);
    }
    let needed = closure(&symbols, roots, main);
    let mut libraries = b"!<arch>\n".to_vec();
    for (index, member) in pool.iter().enumerate().filter(|(index, _)| needed.contains(index)) {
        append_member(&mut libraries, index, &strip(&member.data, &UNUSED)?)?;
    }
    for (name, sections) in [("runtime.o.z", &UNUSED[..]), ("unwinding.o.z", &DEBUG)] {
        let runtime = if runtime.is_empty() { Vec::new() } else { strip(&runtime, sections)? };
        write_compressed(&out.join(name), &runtime)?;
    }
    write_compressed(&out.join("libraries.a.z"), &libraries)?;
    // The C library's definitions come before those of the crate's helpers.
    let helpers = (0..n_shim).filter(|index| Some(*index) != main);
    write_complete(out, &pool, &symbols, (n_shim..pool.len()).chain(helpers))
}

/// How many shared libraries of the C library there are at most.
const N_SHARED: usize = 3;

/// How many archives the whole C library becomes, of about the same size: they are decompressed
/// side by side.
const N_PARTS: usize = 4;

/// Writes the whole C library: the members with these numbers.
fn write_complete(
    out: &Path,
    pool: &[Member],
    symbols: &[Symbols],
    members: impl Iterator<Item = usize>,
) -> Result<()> {
    let members: Vec<_> = members.filter(|&index| !is_decimal(&pool[index].name)).collect();
    let stripped = |&index: &usize| Ok((index, strip(&pool[index].data, &DEBUG)?));
    let stripped = members.iter().map(stripped).collect::<Result<Vec<_>>>()?;
    let total: usize = stripped.iter().map(|(_, data)| data.len()).sum();
    let mut parts = vec![b"!<arch>\n".to_vec(); N_PARTS];
    let mut done = 0;
    for (index, data) in &stripped {
        append_member(&mut parts[done * N_PARTS / total], *index, data)?;
        done += data.len();
    }
    let lines: String = members.iter().flat_map(|&index| &symbols[index].index_lines).map(String::as_str).collect();
    for (nth, part) in parts.iter().enumerate() {
        write_compressed(&out.join(format!("complete{nth}.a.z")), part)?;
    }
    write_compressed(&out.join("symbols.z"), lines.as_bytes())
}

/// Whether a member of libgcc computes with decimal floats (`_Decimal64`): hardly anybody needs
/// them, and their tables are larger than all the rest.
fn is_decimal(name: &str) -> bool {
    let stem = name.trim_end_matches(".o");
    name.starts_with("bid") || (name.starts_with('_') && stem.split('_').any(|it| ["sd", "dd", "td"].contains(&it)))
}

fn write_compressed(path: &Path, data: &[u8]) -> Result<()> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data)?;
    std::fs::write(path, encoder.finish()?)?;
    Ok(())
}
