//! Builds the runtime that `wasm2native` carries, see `src/link/runtime.rs`.
//!
//! Comes in: the crate `wasi-shim`, and the C library of this machine or of Rust's musl target.
//! Goes out, in `OUT_DIR`:
//! * for programs that call no C: `runtime.o`, the crate as one object, and `libraries.a`, those
//!   members of the C library's and the compiler's archives that the runtime or translated code can
//!   need, both without unwinding tables;
//! * for the others: `unwinding.o`, the same object with them, `complete0.a` and so on, all of the
//!   archives, and `symbols`, a line for each name that they define: the letter of its kind, its
//!   size, the name;
//! * the C library's start files.
//!
//! All are stripped of debug sections, and all but the start files are compressed.
//!
//! `WASM2NATIVE_RUNTIME_LIBC=glibc|musl` chooses the C library. For a target without either, the
//! files are empty, and only objects and programs that another linker finishes can be made.

#[path = "wasi-shim/src/abi/c_library.rs"]
mod c_library;

#[path = "src/runtime_target.rs"]
mod runtime_target;

use object::elf::{self, FileHeader64, SectionHeader64};
use object::pod::{bytes_of, from_bytes};
use object::{LittleEndian as LE, Object, ObjectSymbol, SymbolFlags, SymbolIndex};
use runtime_target::{Jump, Origin, RUNTIME_TARGETS, RuntimeTarget, START_FILES};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

type Elf<'data> = object::read::elf::ElfFile64<'data, LE>;
type Symbol<'data, 'file> = object::read::elf::ElfSymbol64<'data, 'file, LE>;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    for path in ["build.rs", "wasi-shim"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for variable in ["WASM2NATIVE_RUNTIME_LIBC", "CC"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let target = target()?;
    let libraries = target.map(Libraries::find).transpose()?;
    let runtime = target.map(|target| build_shim(target.triple, &out)).transpose()?;
    println!("cargo::rustc-env=WASM2NATIVE_RUNTIME_TARGET={}", target.map_or("", |target| target.triple));
    write_runtime(&out, target, runtime.unwrap_or_default(), &libraries.unwrap_or_default())
}

/// The target of the runtime: that of the C library which the user names, or that of the compiler.
/// Nothing if there is no runtime for it.
fn target() -> Result<Option<&'static RuntimeTarget>> {
    let compiler = std::env::var("TARGET")?;
    let Ok(name) = std::env::var("WASM2NATIVE_RUNTIME_LIBC") else {
        return Ok(RUNTIME_TARGETS.iter().find(|target| target.triple == compiler));
    };
    let named = RUNTIME_TARGETS.iter().filter(|target| target.c_library == name);
    let processor = compiler.split('-').next().unwrap_or_default();
    let own = named.clone().find(|target| target.triple.split('-').next() == Some(processor));
    let found = own.or(named.clone().next());
    Ok(Some(found.ok_or_else(|| format!("WASM2NATIVE_RUNTIME_LIBC is `{name}`, not `glibc` or `musl`"))?))
}

/// Where the C library's files are: nowhere if there is no runtime.
#[derive(Default)]
struct Libraries {
    start_files: Vec<PathBuf>,
    archives: Vec<PathBuf>,
    /// None where only static programs are made.
    shared: Vec<PathBuf>,
}

impl Libraries {
    fn find(target: &RuntimeTarget) -> Result<Libraries> {
        match target.origin {
            Origin::Compiler => Libraries::of_compiler(target),
            Origin::Rust => Libraries::of_rust(target),
        }
    }

    fn of_compiler(target: &RuntimeTarget) -> Result<Libraries> {
        let find = |name: &str| -> Result<PathBuf> {
            let compiler = std::env::var("CC").unwrap_or("cc".into());
            let output = Command::new(&compiler).arg(format!("-print-file-name={name}")).output()?;
            let path = PathBuf::from(String::from_utf8(output.stdout)?.trim());
            // A compiler that does not know the file prints its bare name.
            if !path.is_absolute() {
                return Err(format!("`{compiler}` knows no file `{name}`; it belongs to the C library").into());
            }
            Ok(path)
        };
        let mut archives = Vec::new();
        for name in target.archives {
            archives.extend(follow_script(find(name)?)?);
        }
        let start_files = START_FILES.map(find).into_iter().collect::<Result<_>>()?;
        let shared = target.machine.shared_libraries.map(find).into_iter().collect::<Result<_>>()?;
        Ok(Libraries { start_files, archives, shared })
    }

    fn of_rust(target: &RuntimeTarget) -> Result<Libraries> {
        let rustc = std::env::var("RUSTC")?;
        let arguments = ["--print", "target-libdir", "--target", target.triple];
        let output = Command::new(rustc).args(arguments).output()?;
        let directory = Path::new(String::from_utf8(output.stdout)?.trim()).join("self-contained");
        if !directory.exists() {
            let (directory, target) = (directory.display(), target.triple);
            return Err(format!("{directory} does not exist: run `rustup target add {target}`").into());
        }
        Ok(Libraries {
            start_files: START_FILES.map(|name| directory.join(name)).into(),
            archives: target.archives.iter().map(|name| directory.join(name)).collect(),
            shared: Vec::new(),
        })
    }
}

/// The archives themselves if the file is a linker script, `GROUP ( a.a b.a )`, as glibc's `libm.a`
/// is.
fn follow_script(path: PathBuf) -> Result<Vec<PathBuf>> {
    let data = std::fs::read(&path)?;
    if data.starts_with(b"!<arch>") {
        return Ok(vec![path]);
    }
    let text = String::from_utf8(data)?;
    Ok(text.split_whitespace().filter(|word| word.ends_with(".a")).map(PathBuf::from).collect())
}

/// The workspace that the runtime is built in, and its settings.
const WORKSPACE: &str = r#"[workspace]
members = ["crate"]
resolver = "3"

[profile.runtime]
inherits = "release"
opt-level = 3
lto = "fat"
codegen-units = 1
panic = "abort"
debug = false
overflow-checks = true
"#;

/// Where the manifest of the runtime says that its source is.
const SOURCE: &str = "../src/lib.rs";

/// Builds `wasi-shim` and returns its archive.
///
/// It is built in a workspace that is written here, with a lock file of its own, so that nothing
/// depends on whether this is a checkout or a package from a registry: that has the source of the
/// runtime, but no workspace.
fn build_shim(target: &str, out: &Path) -> Result<Vec<u8>> {
    let root = std::env::var("CARGO_MANIFEST_DIR")?;
    let workspace = out.join("runtime");
    let manifest = std::fs::read_to_string("wasi-shim/manifest.toml")?;
    if !manifest.contains(SOURCE) {
        return Err(format!("wasi-shim/manifest.toml does not name {SOURCE}").into());
    }
    std::fs::create_dir_all(workspace.join("crate"))?;
    std::fs::write(workspace.join("Cargo.toml"), WORKSPACE)?;
    std::fs::write(
        workspace.join("crate/Cargo.toml"),
        manifest.replace(SOURCE, &format!("{root}/wasi-shim/src/lib.rs")),
    )?;
    std::fs::copy("wasi-shim/manifest.lock", workspace.join("Cargo.lock"))?;

    let mut cargo = Command::new(std::env::var("CARGO")?);
    cargo.args(["build", "--locked", "--package", "wasi-shim", "--profile", "runtime", "--target", target]);
    cargo.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    // A directory of its own: the outer cargo holds the lock of the usual one.
    cargo.arg("--target-dir").arg(workspace.join("target"));
    // The runtime is the same whatever flags, checkers and wrappers this crate is built with.
    for variable in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"]
    {
        cargo.env_remove(variable);
    }
    let home = std::env::var("CARGO_HOME").ok().or_else(|| Some(format!("{}/.cargo", std::env::var("HOME").ok()?)));
    // No folder of this machine in the programs.
    let mut flags = vec!["-Cforce-frame-pointers=yes".to_owned(), format!("--remap-path-prefix={root}/=")];
    flags.extend(home.map(|home| format!("--remap-path-prefix={home}=cargo")));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("building the runtime failed: {status}").into());
    }
    Ok(std::fs::read(workspace.join("target").join(target).join("runtime/libwasi_shim.a"))?)
}

fn write_runtime(out: &Path, target: Option<&RuntimeTarget>, shim: Vec<u8>, libraries: &Libraries) -> Result<()> {
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

struct Member {
    name: String,
    data: Vec<u8>,
}

fn read_archive(data: &[u8]) -> Result<Vec<Member>> {
    let archive = object::read::archive::ArchiveFile::parse(data)?;
    let member = |member: object::read::Result<object::read::archive::ArchiveMember>| {
        let member = member?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        Ok(Member { name, data: member.data(data)?.to_vec() })
    };
    archive.members().map(member).collect()
}

/// Names that an object defines for others, and names that others must define for it. A weak
/// reference asks for nothing.
struct Symbols {
    defined: Vec<String>,
    undefined: Vec<String>,
    /// The lines of `symbols`.
    index_lines: Vec<String>,
}

impl Symbols {
    fn read(data: &[u8]) -> Result<Symbols> {
        let file = object::File::parse(data)?;
        let mut symbols = Symbols { defined: Vec::new(), undefined: Vec::new(), index_lines: Vec::new() };
        for symbol in file.symbols() {
            let list = match (symbol.is_undefined(), symbol.is_global(), symbol.is_weak()) {
                (true, _, false) => &mut symbols.undefined,
                (false, true, _) => {
                    symbols.index_lines.extend(index_line(&symbol)?);
                    &mut symbols.defined
                }
                _ => continue,
            };
            list.push(symbol.name()?.to_owned());
        }
        Ok(symbols)
    }
}

/// `f120 printf`: letter of the kind (function, data, thread-local, other), size, name. Hidden
/// symbols are among them: in an archive many of the C library's public functions are hidden.
fn index_line(symbol: &object::Symbol) -> Result<Option<String>> {
    let SymbolFlags::Elf { st_info, .. } = symbol.flags() else { return Ok(None) };
    let letter = match st_info.st_type() {
        elf::STT_FUNC | elf::STT_GNU_IFUNC => 'f',
        elf::STT_OBJECT | elf::STT_COMMON => 'd',
        elf::STT_TLS => 't',
        _ => 'n',
    };
    Ok(Some(format!("{letter}{} {}\n", symbol.size(), symbol.name()?)))
}

/// The members that a linker may take to define the roots, without `except`. The first definition
/// counts, as it does for linkers.
fn closure(pool: &[Symbols], roots: Vec<String>, except: Option<usize>) -> HashSet<usize> {
    let mut definitions = HashMap::new();
    for (index, symbols) in pool.iter().enumerate() {
        for name in &symbols.defined {
            definitions.entry(name.as_str()).or_insert(index);
        }
    }
    let mut needed = HashSet::new();
    let mut wanted: Vec<&str> = roots.iter().map(String::as_str).collect();
    while let Some(name) = wanted.pop() {
        match definitions.get(name) {
            Some(&index) if Some(index) != except && needed.insert(index) => {
                wanted.extend(pool[index].undefined.iter().map(String::as_str));
            }
            _ => {}
        }
    }
    needed
}

/// Beginnings of the names of sections that no program uses.
const DEBUG: [&[u8]; 5] = [b".debug", b".zdebug", b".comment", b".llvm", b".stab"];

/// And those of the unwinding tables: panics abort, and the backtrace of a trap does not need them,
/// but C does.
const UNUSED: [&[u8]; 6] = [b".debug", b".zdebug", b".comment", b".llvm", b".stab", b".eh_frame"];

/// The object without the sections whose names begin like these.
///
/// Sections keep their numbers, so that nothing else has to change; what is removed becomes an
/// unused section header.
fn strip(data: &[u8], removed: &[&[u8]]) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let mut header = *file.elf_header();
    let table = file.elf_section_table();
    let mut sections: Vec<SectionHeader64<LE>> = table.iter().copied().collect();
    let is_removed = |section: &SectionHeader64<LE>| -> Result<bool> {
        let name = table.section_name(LE, section)?;
        Ok(removed.iter().any(|prefix| name.starts_with(prefix)))
    };
    let mut result = bytes_of(&header).to_vec();
    for (section, old) in sections.iter_mut().zip(table.iter()) {
        let is_relocation = matches!(old.sh_type.get(LE), elf::SHT_RELA | elf::SHT_REL);
        let subject =
            if is_relocation { table.section(object::SectionIndex(old.sh_info.get(LE) as usize))? } else { old };
        if is_removed(subject)? {
            *section = *from_bytes(&[0; size_of::<SectionHeader64<LE>>()]).expect("the right size").0;
        } else if old.sh_type.get(LE) != elf::SHT_NOBITS && old.sh_type.get(LE) != elf::SHT_NULL {
            let alignment = old.sh_addralign.get(LE).max(1) as usize;
            result.resize(result.len().next_multiple_of(alignment), 0);
            section.sh_offset.set(LE, result.len() as u64);
            let start = old.sh_offset.get(LE) as usize;
            result.extend(&data[start..start + old.sh_size.get(LE) as usize]);
        }
    }
    result.resize(result.len().next_multiple_of(8), 0);
    header.e_shoff.set(LE, result.len() as u64);
    result[..size_of::<FileHeader64<LE>>()].copy_from_slice(bytes_of(&header));
    sections.iter().for_each(|section| result.extend(bytes_of(section)));
    Ok(result)
}

/// A shared library with zeros in place of all contents but what a linker reads: symbols, their
/// versions, and its name. Compressed it is small.
fn hollow(data: &[u8]) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let mut result = vec![0; data.len()];
    let mut keep =
        |start: usize, length: usize| result[start..start + length].copy_from_slice(&data[start..start + length]);
    let header = file.elf_header();
    keep(0, size_of_val(header));
    keep(header.e_phoff.get(LE) as usize, size_of_val(file.elf_program_headers()));
    let sections = file.elf_section_table();
    keep(header.e_shoff.get(LE) as usize, sections.len() * size_of::<SectionHeader64<LE>>());
    for section in sections.iter() {
        let is_read = matches!(
            section.sh_type.get(LE),
            elf::SHT_DYNSYM
                | elf::SHT_DYNAMIC
                | elf::SHT_GNU_VERSYM
                | elf::SHT_GNU_VERDEF
                | elf::SHT_GNU_VERNEED
                | elf::SHT_STRTAB
        );
        if is_read {
            keep(section.sh_offset.get(LE) as usize, section.sh_size.get(LE) as usize);
        }
    }
    Ok(result)
}

/// What other objects may refer to in the runtime: functions of `abi/builtin.rs` and those of WASI.
const INTERFACE: [&str; 2] = ["w2n_", "wasi_"];

/// The object with all other symbols than those of [`INTERFACE`] local, so that it can be linked
/// with a program in Rust, which has a standard library of its own. Local symbols stand before
/// global ones, so that symbols get other numbers.
fn localize(data: &[u8]) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let headers: Vec<SectionHeader64<LE>> = file.elf_section_table().iter().copied().collect();
    let end =
        file.symbols().find(|symbol| symbol.name() == Ok("w2n_panic_unknown")).ok_or("the runtime has no panic")?;
    let end = file.elf_symbol_table().symbol(end.index())?;
    let mut symbols = Vec::new();
    for (index, symbol) in file.elf_symbol_table().enumerate() {
        let mut symbol = *symbol;
        let name = file.elf_symbol_table().symbol_name(LE, &symbol)?;
        let is_interface = INTERFACE.iter().any(|prefix| name.starts_with(prefix.as_bytes()));
        if name.starts_with(b"_Unwind_") {
            // Nothing unwinds: panics abort. What would begin it must not be looked for elsewhere.
            let name = symbol.st_name;
            symbol = *end;
            symbol.st_name = name;
        }
        if symbol.st_shndx.get(LE) != elf::SHN_UNDEF && !is_interface {
            symbol.set_st_info(elf::STB_LOCAL, symbol.st_type());
        }
        symbols.push((index, symbol));
    }
    // The first symbol, which stands for none, is local. The sort keeps the order otherwise.
    symbols.sort_by_key(|(_, symbol)| symbol.st_bind() != elf::STB_LOCAL);
    let n_local = symbols.iter().filter(|(_, symbol)| symbol.st_bind() == elf::STB_LOCAL).count();
    let mut numbers = vec![0; symbols.len()];
    symbols.iter().enumerate().for_each(|(new, (old, _))| numbers[old.0] = new as u32);

    let mut result = data.to_vec();
    let mut put = |at: usize, bytes: &[u8]| result[at..at + bytes.len()].copy_from_slice(bytes);
    for (number, mut header) in headers.into_iter().enumerate() {
        let start = header.sh_offset.get(LE) as usize;
        match header.sh_type.get(LE) {
            elf::SHT_SYMTAB => {
                header.sh_info.set(LE, n_local as u32);
                let place = |index: usize| start + index * size_of::<elf::Sym64<LE>>();
                symbols.iter().enumerate().for_each(|(index, (_, symbol))| put(place(index), bytes_of(symbol)));
            }
            elf::SHT_RELA => {
                let size = size_of::<elf::Rela64<LE>>();
                for at in (start..start + header.sh_size.get(LE) as usize).step_by(size) {
                    let mut relocation = *from_bytes::<elf::Rela64<LE>>(&data[at..]).map_err(|()| "misaligned")?.0;
                    let symbol = numbers[relocation.r_sym(LE, false) as usize];
                    relocation.set_r_info(LE, false, symbol, relocation.r_type(LE, false));
                    put(at, bytes_of(&relocation));
                }
            }
            // Groups are for objects of which some sections may be left out in favour of others:
            // here, all is taken.
            elf::SHT_GROUP => header = *from_bytes(&[0; size_of::<SectionHeader64<LE>>()]).expect("the right size").0,
            elf::SHT_SYMTAB_SHNDX | elf::SHT_REL => return Err("the runtime has sections of an unknown kind".into()),
            _ => {}
        }
        header.sh_flags.set(LE, elf::SectionFlags(header.sh_flags.get(LE).0 & !elf::SHF_GROUP.0));
        put(file.elf_header().e_shoff.get(LE) as usize + number * size_of_val(&header), bytes_of(&header));
    }
    Ok(result)
}

/// The standard library's ends of a program that went wrong, by the ends of their symbols, and the
/// runtime's own: see `wasi-shim/src/panic.rs`.
const REDIRECTED: [(&str, &str); 3] = [
    ("rust_begin_unwind", "w2n_panic"),
    ("9panicking15panic_with_hook", "w2n_panic_unknown"),
    ("5alloc8rust_oom", "w2n_out_of_memory"),
];

/// Makes functions that never return jump to others: their code becomes one jump. Where the
/// compiler names them otherwise, nothing changes but the size of programs.
fn redirect(data: &[u8], pairs: &[(&str, &str)], jump: &Jump) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let mut result = data.to_vec();
    for &(from, to) in pairs {
        let find = |end: &str| file.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.ends_with(end)));
        match (find(from), find(to)) {
            (Some(from), Some(to)) if write_jump(&mut result, jump, &file, (&from, to.index()))? => {}
            _ => println!("cargo::warning=the runtime is larger than it should be: no function `{from}`"),
        }
    }
    Ok(result)
}

/// Overwrites the code of a function that has a section for itself, and its relocations. Says
/// whether it could.
fn write_jump(result: &mut [u8], jump: &Jump, file: &Elf, ends: (&Symbol, SymbolIndex)) -> Result<bool> {
    let (function, target) = ends;
    let Some(section) = function.section_index() else { return Ok(false) };
    let table = file.elf_section_table();
    let code = table.section(section)?;
    let mut relocations = table
        .iter()
        .filter(|header| header.sh_type.get(LE) == elf::SHT_RELA && header.sh_info.get(LE) as usize == section.0);
    let Some(relocations) = relocations.next() else { return Ok(false) };
    let is_alone = function.address() == 0 && function.size() == code.sh_size.get(LE);
    if !is_alone || function.size() < jump.code.len() as u64 {
        return Ok(false);
    }
    let start = code.sh_offset.get(LE) as usize;
    result[start..start + jump.code.len()].copy_from_slice(jump.code);
    // A relocation of type 0 does nothing.
    let start = relocations.sh_offset.get(LE) as usize;
    result[start..start + relocations.sh_size.get(LE) as usize].fill(0);
    let size = size_of::<elf::Rela64<LE>>();
    let mut relocation =
        *from_bytes::<elf::Rela64<LE>>(&result[start..start + size]).map_err(|()| "misaligned section")?.0;
    relocation.r_offset.set(LE, jump.offset);
    relocation.set_r_info(LE, false, target.0 as u32, elf::RelocationType(jump.relocation));
    relocation.r_addend.set(LE, jump.addend);
    result[start..start + size].copy_from_slice(bytes_of(&relocation));
    Ok(true)
}

/// A member of a Unix archive; names are numbers, because archives may hold two members of one
/// name.
fn append_member(archive: &mut Vec<u8>, number: usize, data: &[u8]) -> Result<()> {
    writeln!(archive, "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", format!("{number}.o/"), 0, 0, 0, 644, data.len())?;
    archive.extend(data);
    archive.resize(archive.len().next_multiple_of(2), b'\n');
    Ok(())
}

fn write_compressed(path: &Path, data: &[u8]) -> Result<()> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data)?;
    std::fs::write(path, encoder.finish()?)?;
    Ok(())
}
