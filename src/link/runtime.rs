//! The runtime of a target, with its C library, as the build script made it: one that this program
//! carries, or one that the user has in a file.
//!
//! There are two sets: [`Set::Plain`] is what every program needs, without unwinding tables, and
//! with a small C library of our own (`wasi-shim/libc`) where the target has it;
//! [`Set::Complete`], for programs that call C, is the runtime with those tables and the whole C
//! library. Only what is asked for is decompressed.

use super::archive::write_archive;
use super::files::Inputs;
use super::symbols::{self, SymbolKind};
use crate::object::format::ObjectFormat;
use crate::runtime_file::RuntimeFile;
use crate::runtime_target::{Machine, RUNTIME_TARGETS, RuntimeTarget};
use anyhow::{Context, Result, bail};
use flate2::read::ZlibDecoder;
use object::elf::{SHF_EXCLUDE, SHT_PROGBITS};
use object::read::archive::ArchiveFile;
use object::write::Object;
use object::{Object as _, ObjectSection, SectionFlags, SectionKind};
use rayon::prelude::*;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use target_lexicon::{OperatingSystem, Triple};

/// A part of a runtime: how the file calls it, and the linker. The latter is for messages, and such
/// as no file of a user has.
pub struct Part {
    file: &'static str,
    pub name: &'static str,
}

const fn part(file: &'static str, name: &'static str) -> Part {
    Part { file, name }
}

/// Before all other objects.
static START_FILES: [Part; 3] =
    [part("rcrt1.o", "<rcrt1.o>"), part("crti.o", "<crti.o>"), part("crtbeginS.o", "<crtbeginS.o>")];

/// After all other objects.
static END_FILES: [Part; 2] = [part("crtendS.o", "<crtendS.o>"), part("crtn.o", "<crtn.o>")];

/// The same of a shared library.
pub static SHARED_START_FILES: [Part; 2] = [part("crti.o", "<crti.o>"), part("crtbeginS.o", "<crtbeginS.o>")];
pub static SHARED_END_FILES: [Part; 2] = [part("crtendS.o", "<crtendS.o>"), part("crtn.o", "<crtn.o>")];

/// What a linker must know of the C library that a shared library will meet: all of its symbols,
/// and nothing else.
pub static SHARED_LIBRARIES: [Part; 3] =
    [part("shared0", "<libc>"), part("shared1", "<libm>"), part("shared2", "<dynamic linker>")];

/// What the runtime needs of its compiler, and a shared C library has not.
pub static SHARED_HELPERS: Part = part("helpers.a", "<the compiler's library>");

static OWN: [Part; 3] = [
    part("runtime.o", "<runtime>"),
    part("libc.o", "<the C library>"),
    part("libraries.a", "<the compiler's library>"),
];

static PLAIN: [Part; 2] = [part("runtime.o", "<runtime>"), part("libraries.a", "<the C library, in part>")];

static COMPLETE: [Part; 5] = [
    part("unwinding.o", "<runtime>"),
    part("complete0.a", "<the C library, 1 of 4>"),
    part("complete1.a", "<the C library, 2 of 4>"),
    part("complete2.a", "<the C library, 3 of 4>"),
    part("complete3.a", "<the C library, 4 of 4>"),
];

const SYMBOLS: &str = "symbols";

/// The files that this program carries.
static CARRIED: &[&[u8]] = &include!(concat!(env!("OUT_DIR"), "/carried.rs"));

/// What a program is linked with.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Set {
    #[default]
    Plain,
    Complete,
}

/// The runtime of one target.
pub struct Runtime {
    pub target: &'static RuntimeTarget,
    file: RuntimeFile,
}

/// All that this program carries.
pub fn carried() -> impl Iterator<Item = Runtime> {
    CARRIED.iter().map(|bytes| {
        let file = RuntimeFile::read((*bytes).into()).expect("the build script wrote it");
        let target = RUNTIME_TARGETS.iter().find(|target| target.triple == file.target);
        Runtime { target: target.expect("the build script has the same table"), file }
    })
}

/// The one for a target, if there is one: what the user has in the file `supplied`, or what this
/// program carries.
///
/// # Errors
/// The file is no runtime for the target.
pub fn of(triple: &Triple, supplied: Option<&Path>) -> Result<Option<Runtime>> {
    if let Some(path) = supplied {
        return Runtime::read(path, triple).with_context(|| path.display().to_string()).map(Some);
    }
    let name = triple.to_string();
    let named = carried().find(|runtime| runtime.target.triple == name);
    Ok(named.or_else(|| carried().find(|runtime| is_for(runtime.target, triple))))
}

/// Whether programs with the runtime run on the processor and system.
fn is_for(target: &RuntimeTarget, triple: &Triple) -> bool {
    triple.operating_system == OperatingSystem::Linux && target.machine.elf_name == triple.architecture.into_str()
}

/// How the user gets a runtime for a target.
pub fn advice(triple: &Triple) -> String {
    match RUNTIME_TARGETS.iter().find(|target| is_for(target, triple)) {
        Some(RuntimeTarget { triple, .. }) => format!(
            "help: --runtime FILE names one that a wasm2native which carries it wrote with --emit runtime=FILE; built with \
             WASM2NATIVE_RUNTIMES={triple}, it does\nhelp: -c makes an object"
        ),
        None => "help: -c makes an object".to_owned(),
    }
}

/// Which runtimes fit this program.
const INTERFACE: &str = env!("WASM2NATIVE_RUNTIME_INTERFACE");

/// The section of an object that holds a whole [`RuntimeFile`].
const SECTION: &str = ".w2n.runtime";

/// Bytes of a part at most.
const LARGEST_PART: u64 = 1 << 30;

impl Runtime {
    /// The runtime in a file that [`Runtime::archive`] wrote.
    fn read(path: &Path, triple: &Triple) -> Result<Runtime> {
        const OTHER: &str = "this is not a runtime: wasm2native --emit runtime=FILE writes one";
        let bytes = std::fs::read(path).context("can't read it")?;
        let archive = ArchiveFile::parse(&*bytes).ok().context(OTHER)?;
        let members = archive.members().filter_map(|member| member.ok()?.data(&*bytes).ok());
        let mut carriers = members.filter_map(|data| {
            let object = object::File::parse(data).ok()?;
            Some(object.section_by_name(SECTION)?.data().ok()?.to_vec())
        });
        let file = carriers.next().and_then(|data| RuntimeFile::read(data.into())).context(OTHER)?;
        let target = RUNTIME_TARGETS.iter().find(|target| target.triple == file.target).with_context(|| {
            format!("this is a runtime for {}, which this wasm2native does not know", file.target.escape_debug())
        })?;
        if !is_for(target, triple) {
            bail!("this is a runtime for {}, and the target is {triple}", target.triple);
        }
        if file.interface != INTERFACE {
            bail!(
                "this runtime is of another version of wasm2native ({}; this is {INTERFACE}): their code does not fit together",
                file.interface.escape_debug()
            );
        }
        Ok(Runtime { target, file })
    }

    /// An archive for any linker, with the runtime as one object, and beside it an object that
    /// nothing needs, in which [`of`] finds everything.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn archive(&self) -> Result<Vec<u8>> {
        let triple = Triple::from_str(self.target.triple).expect("the table has triples");
        let format = ObjectFormat::of(&triple);
        let mut carrier = Object::new(format.binary, format.architecture, format.endianness);
        let section = carrier.add_section(Vec::new(), SECTION.into(), SectionKind::Other);
        carrier.append_section_data(section, self.file.bytes(), 1);
        // A linker that takes the object nevertheless leaves the section out.
        let flags = SectionFlags::Elf { sh_type: SHT_PROGBITS, sh_flags: SHF_EXCLUDE };
        carrier.section_mut(section).flags = flags;
        // Without it linkers take the object for one that wants an executable stack.
        carrier.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
        let carrier = carrier.write().context("the object of the runtime")?;
        write_archive(&[("runtime.o", &self.object()?), ("carried.o", &carrier)])
    }

    pub fn machine(&self) -> &'static Machine {
        self.target.machine
    }

    /// The runtime first.
    pub fn parts(&self, set: Set) -> &'static [Part] {
        match set {
            Set::Plain if self.target.has_own_library => &OWN,
            Set::Plain => &PLAIN,
            Set::Complete => &COMPLETE,
        }
    }

    /// What stands before all other objects, and after them. The own library needs nothing there.
    pub fn start_files(&self, set: Set) -> (&'static [Part], &'static [Part]) {
        match set {
            Set::Plain if self.target.has_own_library => (&[], &[]),
            _ => (&START_FILES, &END_FILES),
        }
    }

    /// The runtime as one object, with unwinding tables, for another linker, which brings its own C
    /// library.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn object(&self) -> Result<Vec<u8>> {
        self.part(&COMPLETE[0])
    }

    /// Everything of a program but its own objects: how the linker calls it, and its bytes.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn contents(&self, set: Set) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let (first, last) = self.start_files(set);
        let parts: Vec<_> = self.parts(set).iter().chain(first).chain(last).collect();
        parts.par_iter().map(|part| Ok((part.name, self.part(part)?))).collect()
    }

    pub(super) fn files(&self, set: Set) -> Result<Inputs> {
        Ok(self.contents(set)?.into_iter().map(|(name, bytes)| (name.into(), bytes.into())).collect())
    }

    /// Everything of a shared library but its own object, by name.
    ///
    /// # Errors
    /// The runtime has no shared C library.
    pub(super) fn shared_files(&self) -> Result<Inputs> {
        if self.file.part(SHARED_LIBRARIES[0].file).is_none() {
            bail!("this build of wasm2native carries a static C library only: it can't link shared libraries");
        }
        let own = [&COMPLETE[0], &SHARED_HELPERS].into_iter();
        let parts = own.chain(&SHARED_START_FILES).chain(&SHARED_END_FILES).chain(&SHARED_LIBRARIES);
        parts.map(|part| Ok((part.name.into(), self.part(part)?.into()))).collect()
    }

    /// The functions that the runtime defines for objects.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn functions(&self) -> Result<Vec<String>> {
        let runtime = symbols::object(COMPLETE[0].name, &self.object()?, self.machine())?;
        let mut names: Vec<String> = runtime.defined.into_iter().map(|definition| definition.name).collect();
        names.sort();
        Ok(names)
    }

    /// What the C library defines: kind and size in bytes of every symbol.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn symbols(&self) -> Result<HashMap<String, (SymbolKind, u64)>> {
        let damaged = "the table of the C library's symbols in the runtime is damaged";
        let text = String::from_utf8(self.part(&part(SYMBOLS, "<symbols>"))?).context(damaged)?;
        let mut symbols = HashMap::new();
        for line in text.lines() {
            let (facts, name) = line.split_once(' ').context(damaged)?;
            let kind = match facts.as_bytes().first().context(damaged)? {
                b'f' => SymbolKind::Function,
                b'd' => SymbolKind::Data,
                b't' => SymbolKind::ThreadLocal,
                _ => SymbolKind::Unknown,
            };
            let size = facts.get(1..).and_then(|size| size.parse().ok()).context(damaged)?;
            // The first definition counts, as for linkers.
            symbols.entry(name.to_owned()).or_insert((kind, size));
        }
        Ok(symbols)
    }

    fn part(&self, part: &Part) -> Result<Vec<u8>> {
        let triple = self.target.triple;
        let data =
            self.file.part(part.file).with_context(|| format!("the runtime for {triple} lacks {}", part.file))?;
        let mut result = Vec::new();
        let decompressed = ZlibDecoder::new(data).take(LARGEST_PART).read_to_end(&mut result);
        decompressed.with_context(|| format!("the runtime for {triple} is damaged: {}", part.file))?;
        Ok(result)
    }
}
