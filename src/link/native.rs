//! The files that the user gives to link with, their kinds, and who links the program.
//!
//! In process where everything is an object or an archive; by a C compiler where the user names
//! one, or where something is there that the built-in linker does not take: shared libraries,
//! linker scripts, flags for a linker, code in a compiler's own form.

use super::compiler::Compiler;
use super::runtime::Runtime;
use super::search::{self, Prefer};
use super::symbols::{self, Format, ObjectSymbols, SymbolKind};
use crate::abi;
use crate::options::LinkOptions;
use crate::runtime_target::{Machine, RuntimeTarget};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A file to link with.
#[derive(Debug)]
pub struct Native {
    /// What messages call it.
    pub name: String,
    /// None for what was compiled here.
    pub path: Option<PathBuf>,
    pub bytes: Vec<u8>,
    /// The members of a thin archive, by their names in it.
    pub members: Vec<(PathBuf, Vec<u8>)>,
    pub kind: Kind,
    pub objects: Vec<ObjectSymbols>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Always part of the program.
    Object,
    /// Part of the program as far as something needs it.
    Archive,
    Shared,
    /// What only a C compiler understands: a linker script, an object without machine code.
    Opaque,
}

/// Everything that a program is linked with besides its own objects and the runtime.
pub struct Natives {
    /// All of it is for this target.
    pub target: &'static RuntimeTarget,
    pub files: Vec<Native>,
    /// Names for `-l`, where a compiler links.
    pub libraries: Vec<String>,
    /// The compiler that links; `None`: in process.
    pub compiler: Option<Compiler>,
    /// What the compilers of `.c` files warned of.
    pub warnings: Vec<String>,
    /// The files that were read, those that sources include too.
    pub read: Vec<PathBuf>,
}

/// Endings of files that are for a linker or for the C compiler, for files whose bytes do not tell.
const ENDINGS: [&str; 12] = ["o", "a", "so", "c", "i", "s", "S", "obj", "lib", "dylib", "dll", "lo"];

/// What the C compiler makes objects of.
const SOURCES: [&str; 4] = ["c", "i", "s", "S"];

/// Sources of other languages, which want another driver and a library of their own.
const OTHER_SOURCES: [&str; 9] = ["cc", "cpp", "cxx", "c++", "C", "m", "mm", "rs", "h"];

/// Whether an input is something to link with, rather than a module. What is named as a module is
/// one.
pub fn is_native(path: &Path) -> bool {
    let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    if path == Path::new("-") || ["wasm", "wat", "wast"].contains(&ending) {
        return false;
    }
    let is_named_so = ENDINGS.contains(&ending) || OTHER_SOURCES.contains(&ending) || is_versioned(path);
    match first_bytes(path) {
        Some(bytes) if bytes.starts_with(b"\0asm") => false,
        Some(bytes) if symbols::format(&bytes) != Format::Other => true,
        _ => is_named_so,
    }
}

/// `libz.so.1`
fn is_versioned(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so."))
}

fn first_bytes(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    // A pipe can be read only once.
    let file = std::fs::File::open(path).ok().filter(|file| file.metadata().is_ok_and(|it| it.is_file()))?;
    file.take(16).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Whether a symbol is that of a function of WASI.
fn is_of_wasi(symbol: &str) -> bool {
    let name = |module: &&str| symbol.strip_prefix(*module).and_then(|rest| rest.strip_prefix('_'));
    let name = abi::wasi::MODULES.iter().find_map(name);
    name.is_some_and(|name| abi::wasi::FUNCTIONS.iter().any(|function| function.name == name))
}

impl Native {
    /// The file of a member of a thin archive.
    fn member(&self, name: &Path) -> PathBuf {
        beside(self.path.as_deref(), name)
    }
}

/// The file that an archive calls `member`.
fn beside(archive: Option<&Path>, member: &Path) -> PathBuf {
    archive.and_then(Path::parent).map_or_else(|| member.to_owned(), |folder| folder.join(member))
}

impl Natives {
    /// Nothing.
    pub fn none(target: &'static RuntimeTarget) -> Natives {
        Natives {
            target,
            files: Vec::new(),
            libraries: Vec::new(),
            compiler: None,
            warnings: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Reads everything, compiles sources, and finds libraries.
    ///
    /// # Errors
    /// With the name of the file that is not there, is damaged or is made for another machine; when
    /// a C compiler is needed, and there is none.
    pub fn read(options: &LinkOptions, target: &'static RuntimeTarget) -> Result<Natives> {
        let mut natives = Natives::none(target);
        for path in &options.files {
            natives.add_file(path, options).with_context(|| path.display().to_string())?;
        }
        let mut reason = natives.reason(options);
        for name in options.libraries.iter().filter(|name| !search::is_embedded(name)) {
            match search::find(name, &options.folders, Prefer::Archive, target.machine) {
                Ok(path) => {
                    let native = read_library(&path, target.machine)?;
                    if native.kind != Kind::Archive {
                        reason.get_or_insert(format!("{} is a shared library, which", path.display()));
                    }
                    natives.files.push(native);
                }
                // The compiler may have folders of its own.
                Err(_) if reason.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(reason) = reason {
            natives.link_by_compiler(options, &reason)?;
        }
        let named = options.files.iter().chain(natives.files.iter().filter_map(|file| file.path.as_ref()));
        let members = natives.files.iter().flat_map(|file| file.members.iter().map(move |(name, _)| file.member(name)));
        let read: Vec<_> = named.cloned().chain(members).collect();
        natives.read.extend(read);
        Ok(natives)
    }

    fn add_file(&mut self, path: &Path, options: &LinkOptions) -> Result<()> {
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let mut bytes = std::fs::read(path).context("can't read it")?;
        let is_source = symbols::format(&bytes) == Format::Other && SOURCES.contains(&ending);
        if is_source {
            let compiler = Compiler::find(options.linker.as_deref(), "a C source", self.target)?;
            let compiled = compiler.compile(path, &options.source_flags)?;
            bytes = compiled.object;
            self.warnings.extend(Some(compiled.warnings).filter(|it| !it.is_empty()));
            self.read.extend(compiled.included);
        } else if OTHER_SOURCES.contains(&ending) && symbols::format(&bytes) == Format::Other {
            bail!("only C and assembly are compiled\nhelp: compile it to an object first, and give that");
        }
        let native = identify(&path.display().to_string(), Some(path), bytes, self.target.machine)?;
        self.files.push(Native { path: native.path.filter(|_| !is_source), ..native });
        Ok(())
    }

    /// Why the program can't be linked in process.
    fn reason(&self, options: &LinkOptions) -> Option<String> {
        let is_strange = |file: &&Native| matches!(file.kind, Kind::Shared | Kind::Opaque);
        if let Some(file) = self.files.iter().find(is_strange) {
            return Some(match file.kind {
                Kind::Shared => format!("{} is a shared library, which", file.name),
                _ if symbols::format(&file.bytes) == Format::Bitcode => format!("{} is LLVM bitcode, which", file.name),
                _ => format!("{} holds code for a linker's plugin, or is a linker script, which", file.name),
            });
        }
        match options.flags.first() {
            Some(flag) => Some(format!("a flag for the linker, {flag},")),
            None => options.linker.as_ref().map(|_| "--linker".to_owned()),
        }
    }

    /// From here on a compiler links: it finds libraries its own way, and what is read of them is
    /// for messages only.
    fn link_by_compiler(&mut self, options: &LinkOptions, reason: &str) -> Result<()> {
        let compiler = Compiler::find(options.linker.as_deref(), reason, self.target)?;
        self.files.truncate(options.files.len());
        for name in &options.libraries {
            self.libraries.push(name.clone());
            if search::is_embedded(name) {
                continue;
            }
            let found = search::find(name, &options.folders, Prefer::Shared, self.target.machine).or_else(|error| {
                let asked = [format!("lib{name}.so"), format!("lib{name}.a")];
                asked.iter().find_map(|file| compiler.library(file)).ok_or(error)
            });
            self.files.push(read_library(&found?, self.target.machine)?);
        }
        self.compiler = Some(compiler);
        Ok(())
    }

    /// Files that the linker gets by name; libraries follow them.
    pub fn n_named(&self) -> usize {
        let n_libraries = self.libraries.iter().filter(|name| !search::is_embedded(name)).count();
        self.files.len().checked_sub(n_libraries).expect("each of them was read as a file")
    }

    /// Everything that decides about what is linked, but the options: for a hash.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        let files = self.files.iter().flat_map(|native| {
            let members = native.members.iter().map(|(_, bytes)| &bytes[..]);
            [native.name.as_bytes(), &native.bytes].into_iter().chain(members)
        });
        let compiler = self.compiler.iter().map(|compiler| compiler.program().as_os_str().as_encoded_bytes());
        files.chain(compiler)
    }

    /// Whether one of the files defines a symbol.
    pub fn defines(&self, symbol: &str) -> bool {
        let mut objects = self.files.iter().flat_map(|file| &file.objects);
        objects.any(|object| object.defined.iter().any(|definition| definition.name == symbol))
    }

    /// Whether an object defines a function of WASI in place of the runtime. A member of an archive
    /// can't: linkers look for one only where there is no definition yet.
    pub fn replaces(&self, symbol: &str) -> bool {
        let mut objects = self.files.iter().filter(|file| file.kind == Kind::Object).flat_map(|file| &file.objects);
        is_of_wasi(symbol) && objects.any(|object| object.defined.iter().any(|it| it.name == symbol))
    }

    /// Whether something may define symbols that only a compiler's linker can see.
    pub fn is_opaque(&self) -> bool {
        self.files.iter().any(|file| file.kind == Kind::Opaque)
    }

    /// What the C library defines: kind and size of each symbol. Where a compiler links, it is the
    /// system's, as far as that can be seen, and what C libraries always have.
    ///
    /// # Errors
    /// When the runtime is damaged.
    pub fn c_library(&self, runtime: &Runtime) -> Result<HashMap<String, (SymbolKind, u64)>> {
        let mut all = runtime.symbols()?;
        let [libc, libm, _] = self.target.machine.shared_libraries;
        for name in [libc, libm] {
            let Some(path) = self.compiler.as_ref().and_then(|compiler| compiler.library(name)) else { continue };
            let library =
                std::fs::read(path).ok().and_then(|bytes| symbols::shared(name, &bytes, self.target.machine).ok());
            let definitions = library.into_iter().flat_map(|library| library.defined);
            all.extend(definitions.map(|it| (it.name, (it.kind, it.size))));
        }
        Ok(all)
    }
}

fn read_library(path: &Path, machine: &Machine) -> Result<Native> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("can't read {name}"))?;
    identify(&name, Some(path), bytes, machine).with_context(|| name.clone())
}

/// Finds out what a file is, and reads its symbols.
fn identify(name: &str, path: Option<&Path>, bytes: Vec<u8>, machine: &Machine) -> Result<Native> {
    let mut members = Vec::new();
    let read_member = |member: &Path| {
        let file = beside(path, member);
        let bytes = std::fs::read(&file).with_context(|| format!("can't read its member {}", file.display()))?;
        members.push((member.to_owned(), bytes.clone()));
        Ok(bytes)
    };
    let (kind, objects) = match symbols::format(&bytes) {
        Format::Elf if symbols::is_shared(&bytes) => (Kind::Shared, vec![symbols::shared(name, &bytes, machine)?]),
        Format::Elf | Format::Bitcode | Format::Foreign(_) => {
            (Kind::Object, vec![symbols::object(name, &bytes, machine)?])
        }
        Format::Archive | Format::ThinArchive => (Kind::Archive, symbols::archive(name, &bytes, machine, read_member)?),
        Format::Other if bytes.is_empty() => bail!("the file is empty"),
        Format::Other if is_linker_script(&bytes) => (Kind::Opaque, Vec::new()),
        Format::Other => bail!("this is neither an object, nor an archive, nor a shared library"),
    };
    let kind = if objects.iter().any(|object| object.intermediate) { Kind::Opaque } else { kind };
    Ok(Native { name: name.to_owned(), path: path.map(Path::to_owned), bytes, members, kind, objects })
}

/// `/* GNU ld script */ GROUP ( libx.so.6 libx_nonshared.a )`
fn is_linker_script(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    ["GROUP", "INPUT", "OUTPUT_FORMAT"].iter().any(|word| text.contains(word))
}
