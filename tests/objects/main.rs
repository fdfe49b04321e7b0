//! Objects for every target, made from the fixtures and read back: headers, sections, symbols,
//! relocations.
//!
//! What the objects say is checked against the module and against each other: the object for this
//! machine, which `tests/run.rs` links and runs, has the same symbols as all others. Nothing is run
//! here, and only Mach-O objects are linked, where the machine has their linkers (`macho.rs`).
//! `cargo test --test objects -- mem/grow` makes one fixture's.

mod compilers;
mod macho;
mod read;
mod same;
mod variadic;

use anyhow::{Context, Result, bail, ensure};
use read::{Picture, Section, Symbol};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use test_kit::directive::Entry;
use test_kit::fixture::{self, Fixture};
use test_kit::trial::trial;
use wasm2native::abi;
use wasm2native::codegen::target::TARGETS;
use wasm2native::driver;
use wasm2native::foreign::{LIBRARY, SECTION, parse};
use wasm2native::options::{Cpu, Emit, Options, Origin, Output, Source};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

/// One target of each kind, with the number by which its header names the processor, and the
/// largest page that its systems have.
const KINDS: [Kind; 8] = [
    Kind { target: HERE, cpu: None, machine: 62, page: 4 << 10 },
    Kind { target: "aarch64-unknown-linux-gnu", cpu: None, machine: 183, page: 64 << 10 },
    Kind { target: "riscv64gc-unknown-linux-gnu", cpu: Some("rv64gcv"), machine: 243, page: 4 << 10 },
    Kind { target: "s390x-unknown-linux-gnu", cpu: None, machine: 22, page: 4 << 10 },
    Kind { target: "x86_64-apple-darwin", cpu: None, machine: 0x0100_0007, page: 4 << 10 },
    Kind { target: "aarch64-apple-darwin", cpu: None, machine: 0x0100_000c, page: 16 << 10 },
    Kind { target: "x86_64-pc-windows-msvc", cpu: None, machine: 0x8664, page: 4 << 10 },
    Kind { target: "aarch64-pc-windows-msvc", cpu: None, machine: 0xaa64, page: 4 << 10 },
];

/// The target whose objects other tests link and run.
const HERE: &str = "x86_64-unknown-linux-gnu";

const PREFIX: &str = "it";

#[derive(Copy, Clone)]
struct Kind {
    target: &'static str,
    cpu: Option<&'static str>,
    machine: u32,
    page: u64,
}

impl Kind {
    /// Whether a table says in which register the address of a compared access is; see
    /// `codegen::cranelift::compared`.
    fn has_compared_accesses(self) -> bool {
        !["riscv64", "s390x"].iter().any(|processor| self.target.starts_with(processor))
    }

    fn is_macho(self) -> bool {
        self.target.contains("apple")
    }

    fn is_coff(self) -> bool {
        self.target.contains("windows")
    }

    fn is_big_endian(self) -> bool {
        self.target.starts_with("s390x")
    }

    /// The symbol for a name of C.
    fn symbol(self, name: &str) -> String {
        if self.is_macho() { format!("_{name}") } else { name.to_owned() }
    }
}

/// What a program calls whose traps tell more of accesses than the fault does.
const EXPLAIN_ACCESS: &str = "w2n_explain_access";

fn main() {
    let mut trials = Vec::new();
    for kind in KINDS {
        let test = |name, check: fn(Kind) -> Result<()>| trial(format!("{}/{name}", kind.target), move || check(kind));
        trials.push(test("imports and exports", imports_and_exports));
        trials.push(test("debug information", debug_information));
        trials.push(test("byte order", byte_order));
        trials.push(test("signatures", signatures));
        trials.push(test("variable arguments", variadic::check));
        if kind.is_macho() {
            trials.push(test("library of ld64.lld", macho::becomes_a_library));
            trials.push(test("program of zig cc", macho::becomes_a_program));
        }
    }
    for path in fixture::all().expect("the fixtures can be listed") {
        if path.extension().is_some_and(|it| it == "wat") {
            trials.push(trial(fixture::name_of(&path), move || check_fixture(&path)));
        }
    }
    trials.push(trial("names of targets", names_of_targets));
    trials.push(trial("no vectors on riscv64", no_vectors_on_riscv64));
    trials.extend(same::trials());
    trials.extend(compilers::trials());
    test_kit::trial::run(trials);
}

/// An object of the module, for `kind`.
fn object(kind: Kind, name: &str, source: &[u8], options: &Options) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(name);
    std::fs::write(&path, source)?;
    let options = Options {
        target: Some(kind.target.to_owned()),
        cpu: kind.cpu.map_or(Cpu::Default, |name| Cpu::Named(name.to_owned())),
        prefix: Some(PREFIX.to_owned()),
        ..options.clone()
    };
    let output = folder.path().join("it.o");
    let outputs = [Output { emit: Emit::Obj, file: output.clone() }];
    driver::build(&Input::read(&path)?, &options, &outputs, &Silent)?;
    Ok(std::fs::read(&output)?)
}

fn check_fixture(path: &Path) -> Result<()> {
    let fixture = Fixture::read(path)?;
    let source = test_kit::product::input(&fixture)?;
    let script = Input { name: fixture.file_name(), bytes: source.clone() }.is_script();
    // Those that show messages of the compiler have no object.
    if script || fixture.expected("error").is_some() {
        return Ok(());
    }
    let wasm = wat::parse_bytes(&source)?;
    if has_import_of_two_types(&wasm)? {
        return Ok(());
    }
    let options = options(&fixture)?;
    let mut here = None;
    for kind in KINDS {
        let check = || {
            let bytes = object(kind, "it.wat", &source, &options)?;
            let picture = read::read(&bytes)?;
            check_form(kind, &picture)?;
            check_symbols(kind, &picture, &wasm, &options)?;
            if kind.is_macho() {
                macho::link_where_possible(kind, &picture, &bytes)?;
            }
            anyhow::Ok((undefined(kind, &picture)?, exported(kind, &picture)?))
        };
        let symbols = check().with_context(|| kind.target)?;
        let first = here.get_or_insert_with(|| symbols.clone());
        let mut expected = first.clone();
        if !kind.has_compared_accesses() && !symbols.0.contains(EXPLAIN_ACCESS) {
            expected.0.remove(EXPLAIN_ACCESS);
        }
        ensure!(expected == symbols, "{HERE} and {} have other symbols:\n{first:?}\n{symbols:?}", kind.target);
    }
    Ok(())
}

/// A program can have a shim for each type of an import. In an object the import is one symbol.
fn has_import_of_two_types(wasm: &[u8]) -> Result<bool> {
    let mut types: HashMap<(String, String), wasmparser::TypeRef> = HashMap::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let wasmparser::Payload::ImportSection(section) = payload? else { continue };
        for import in section.into_imports() {
            let import = import?;
            let other = types.insert((import.module.to_owned(), import.name.to_owned()), import.ty);
            if other.is_some_and(|other| other != import.ty) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Those flags of the fixture that an object depends on.
fn options(fixture: &Fixture) -> Result<Options> {
    let mut options = Options::default();
    for pair in fixture.setup.build.windows(2) {
        match pair[0].as_str() {
            "--enable" => options.enable.extend(pair[1].split(',').map(str::to_owned)),
            "--import" => options.imports.push(Source { origin: Origin::Line, text: pair[1].clone() }),
            "--imports" => options.imports.push(declarations(fixture, &pair[1])?),
            _ => {}
        }
    }
    Ok(options)
}

fn declarations(fixture: &Fixture, name: &str) -> Result<Source> {
    if name == "libc" {
        return Ok(Source { origin: Origin::Library, text: LIBRARY.to_owned() });
    }
    let file = fixture.setup.entries.iter().find_map(|entry| match entry {
        Entry::File(file, bytes) if file == name => Some(bytes.clone()),
        _ => None,
    });
    let text = String::from_utf8(file.with_context(|| format!("the fixture has no file {name}"))?)?;
    Ok(Source { origin: Origin::File(name.to_owned()), text })
}

/// What holds for every object, whatever is in it.
fn check_form(kind: Kind, picture: &Picture) -> Result<()> {
    ensure!(picture.machine == kind.machine, "the header says machine {:#x}", picture.machine);
    for section in &picture.sections {
        check_relocations(picture, section).with_context(|| format!("section {}", section.name))?;
        if section.name.ends_with("w2n.pages") || section.name.ends_with("w2n_pages") {
            let is_whole = section.size % kind.page == 0 && section.alignment % kind.page == 0;
            ensure!(is_whole, "pages of memories: {} bytes, aligned to {}", section.size, section.alignment);
        }
    }
    for symbol in &picture.symbols {
        let Some((section, offset)) = symbol.place else { continue };
        let size = picture.sections.get(section).with_context(|| format!("{symbol:?} is in no section"))?.size;
        ensure!(offset <= size, "{symbol:?} lies behind its section, which has {size} bytes");
    }
    let names: BTreeSet<_> = picture.symbols.iter().filter(|it| it.is_global).map(|it| &it.name).collect();
    ensure!(names.len() == picture.symbols.iter().filter(|it| it.is_global).count(), "a global symbol stands twice");
    if kind.is_macho() {
        let bare = picture.symbols.iter().find(|symbol| !symbol.name.starts_with('_'));
        ensure!(bare.is_none(), "no underscore: {bare:?}");
    }
    let text = section(picture, if kind.is_macho() { "__TEXT,__text" } else { ".text" })?;
    ensure!(text.is_code && !text.is_writable && text.size > 0, "the text section is not code");
    let frames = match kind {
        _ if kind.is_macho() => "__TEXT,__eh_frame",
        // A module of leaf functions needs none.
        _ if kind.is_coff() => return Ok(()),
        _ => ".eh_frame",
    };
    ensure!(!section(picture, frames)?.relocations.is_empty(), "frames belong to functions");
    if !kind.is_macho() {
        ensure!(section(picture, ".note.GNU-stack")?.size == 0, "the stack is not to be executable");
    }
    Ok(())
}

fn check_relocations(picture: &Picture, section: &Section) -> Result<()> {
    for relocation in &section.relocations {
        ensure!(section.file_offset.is_some(), "{relocation:?} changes what is not in the file");
        ensure!(relocation.offset + relocation.width <= section.size, "{relocation:?} lies outside");
        let symbol = picture.symbols.get(relocation.symbol).with_context(|| format!("{relocation:?} has no symbol"))?;
        ensure!(symbol.place.is_some() || symbol.is_global, "{relocation:?} refers to nothing: {symbol:?}");
        ensure!(relocation.is_absolute || !section.is_writable, "{relocation:?}: tables hold nothing but addresses");
        // COFF's loader changes addresses in read-only data, too.
        let fixed = section.is_code || (!section.is_writable && !section.name.starts_with(".rdata"));
        ensure!(!(relocation.is_absolute && fixed), "{relocation:?} is an address in what nobody may change");
    }
    Ok(())
}

fn section<'a>(picture: &'a Picture, name: &str) -> Result<&'a Section> {
    picture.sections.iter().find(|section| section.name == name).with_context(|| format!("no section {name}"))
}

/// Undefined symbols are imports or the runtime's; exports are defined and global.
/// Declarations may give imports other symbols.
fn check_symbols(kind: Kind, picture: &Picture, wasm: &[u8], options: &Options) -> Result<()> {
    let section = Source { origin: Origin::Section, text: declarations_inside(wasm)? };
    let mut declarations = Vec::new();
    for source in options.imports.iter().chain([&section]) {
        declarations.extend(parse::parse(source)?);
    }
    let mut imports = BTreeSet::new();
    let mut exports = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        match payload? {
            wasmparser::Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let name = format!("{}.{}", import.module, import.name);
                    let declared = declarations.iter().filter(|it| it.import.to_string() == name);
                    imports.extend(declared.filter_map(|it| it.symbol.clone()));
                    imports.insert(match import.module {
                        "env" => escape(import.name),
                        module => escape(&format!("{module}_{}", import.name)),
                    });
                }
            }
            wasmparser::Payload::ExportSection(section) => {
                for export in section {
                    exports.push(escape(&format!("{PREFIX}_{}", export?.name)));
                }
            }
            _ => {}
        }
    }
    let undefined = undefined(kind, picture)?;
    let mut needs: Vec<_> = abi::builtin::Builtin::ALL.iter().map(|builtin| builtin.symbol()).collect();
    needs.extend([
        "w2n_wasi_start",
        "w2n_wasi_extra",
        "w2n_wasi_configure",
        "w2n_invoke",
        "w2n_find_line",
        EXPLAIN_ACCESS,
        "w2n_unpack",
        "w2n_tell_crash",
    ]);
    let unknown = undefined.iter().find(|name| !imports.contains(*name) && !needs.contains(&name.as_str()));
    ensure!(unknown.is_none(), "{unknown:?} is neither an import nor the runtime's");
    let exported = exported(kind, picture)?;
    // An import that is exported again keeps its own symbol and gets no other.
    let missing = exports.iter().find(|name| !exported.contains(*name) && imports.is_empty());
    ensure!(missing.is_none(), "export {missing:?} is not a global symbol: there are {exported:?}");
    Ok(())
}

/// What the module itself declares.
fn declarations_inside(wasm: &[u8]) -> Result<String> {
    let mut text = String::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        if let wasmparser::Payload::CustomSection(section) = payload?
            && section.name() == SECTION
        {
            text.push_str(std::str::from_utf8(section.data())?);
            text.push('\n');
        }
    }
    Ok(text)
}

/// Names in C of the symbols that other objects must define.
fn undefined(kind: Kind, picture: &Picture) -> Result<BTreeSet<String>> {
    names(kind, picture, |symbol| symbol.place.is_none() && symbol.is_global)
}

fn exported(kind: Kind, picture: &Picture) -> Result<BTreeSet<String>> {
    names(kind, picture, |symbol| symbol.place.is_some() && symbol.is_exported && !symbol.is_merged)
}

fn names(kind: Kind, picture: &Picture, wanted: impl Fn(&Symbol) -> bool) -> Result<BTreeSet<String>> {
    let prefix = kind.symbol("");
    let names = picture.symbols.iter().filter(|symbol| wanted(symbol)).map(|symbol| {
        symbol.name.strip_prefix(&prefix).map(str::to_owned).with_context(|| format!("{symbol:?} has no {prefix}"))
    });
    names.collect()
}

/// The naming rule for what a C identifier can't hold.
fn escape(name: &str) -> String {
    let byte = |(index, byte): (usize, u8)| match byte {
        b'0'..=b'9' if index > 0 => char::from(byte).to_string(),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => char::from(byte).to_string(),
        _ => format!("_x{byte:02x}"),
    };
    let text: String = name.bytes().enumerate().map(byte).collect();
    if text.is_empty() { "_".to_owned() } else { text }
}

/// With `-g` there are the sections, and they say where the functions are. Their contents are those
/// that `--test debug` tries.
fn debug_information(kind: Kind) -> Result<()> {
    let source = include_bytes!("../debug/counter.wasm");
    let options = Options { debug: true, ..Options::default() };
    let picture = read::read(&object(kind, "counter.wasm", source, &options)?)?;
    for part in ["debug_info", "debug_line", "debug_abbrev"] {
        let section = picture.sections.iter().find(|section| section.name.ends_with(part));
        let section = section.with_context(|| format!("there is no {part}"))?;
        ensure!(section.size > 0, "{part} is empty");
        if part == "debug_abbrev" {
            continue;
        }
        let names_bump = |relocation: &read::Relocation| {
            let symbol = &picture.symbols[relocation.symbol];
            relocation.is_absolute && relocation.width == 8 && symbol.name.contains("bump")
        };
        ensure!(section.relocations.iter().any(names_bump), "{part} does not say where `bump` is");
    }
    Ok(())
}

/// Every kind of import and of need, and exactly these.
fn imports_and_exports(kind: Kind) -> Result<()> {
    let source = include_bytes!("edges.wat");
    let picture = read::read(&object(kind, "edges.wat", source, &Options::default())?)?;
    let set = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>();
    let undefined = undefined(kind, &picture)?;
    let wanted = ["puts", "other_counter", "other_table", "other_fault", "other_odd_x20name_x21"];
    let needs = ["w2n_memory_grow", "w2n_table_grow", "memmove", "memset", "w2n_allocate", "w2n_throw"];
    let library = ["w2n_library_init", "w2n_library_configure", "w2n_library_reset", "w2n_library_start"];
    let needs = [&needs[..], &library, &["w2n_tell_crash", "w2n_type_mismatch"]].concat();
    ensure!(undefined == set(&[&wanted[..], &needs].concat()), "undefined: {undefined:?}");
    let exported = exported(kind, &picture)?;
    let own = ["it_init", "it_configure", "it_reset", "it_memory", "it_memory_size", "it_memory_grow"];
    ensure!(
        exported == set(&[&own[..], &["it_run", "it_0_x21", "it_total", "it_entries"]].concat()),
        "exported: {exported:?}"
    );
    check_form(kind, &picture)?;
    // Imported data may lie anywhere: its address is read from a word, never computed from the
    // code's.
    for section in picture.sections.iter().filter(|section| section.is_code) {
        for relocation in &section.relocations {
            let symbol = &picture.symbols[relocation.symbol];
            let is_data = ["other_counter", "other_table", "other_fault"].iter();
            let is_data = is_data.map(|name| kind.symbol(name)).any(|name| name == symbol.name);
            ensure!(!is_data, "{relocation:?} reaches for {symbol:?}");
        }
    }
    Ok(())
}

/// Numbers are in the order of the machine, the bytes of a linear memory as the module has them.
fn byte_order(kind: Kind) -> Result<()> {
    let source = br#"(module
        (memory (export "memory") 1) (data (i32.const 0) "\01\02\03\04")
        (global (export "narrow") (mut i32) (i32.const 0x01020304))
        (global (export "wide") (mut f64) (f64.const 1)))"#;
    let bytes = object(kind, "it.wat", source, &Options::default())?;
    let picture = read::read(&bytes)?;
    let place = |name: &str| -> Result<usize> {
        let name = kind.symbol(name);
        let symbol = picture.symbols.iter().find(|it| it.name == name && it.place.is_some());
        let (section, offset) = symbol.and_then(|it| it.place).with_context(|| format!("no symbol {name}"))?;
        Ok((picture.sections[section].file_offset.context("it is in the file")? + offset) as usize)
    };
    let big = kind.is_big_endian();
    let (narrow, wide) = (0x0102_0304u32, 1f64.to_bits());
    let narrow = if big { narrow.to_be_bytes() } else { narrow.to_le_bytes() };
    let wide = if big { wide.to_be_bytes() } else { wide.to_le_bytes() };
    let page = if big { 65536u64.to_be_bytes() } else { 65536u64.to_le_bytes() };
    ensure!(bytes[place("it_narrow")?..].starts_with(&narrow), "an i32 is in the wrong order");
    ensure!(bytes[place("it_wide")?..].starts_with(&wide), "an f64 is in the wrong order");
    ensure!(bytes[place("w2n.memory.0")? + 8..].starts_with(&page), "the size of a memory is in the wrong order");
    // Where pages are larger than 4 KiB, so few bytes are copied, from an odd address.
    let image = place("w2n.pages").or_else(|_| place("w2n.bytes").map(|place| place + 1))?;
    ensure!(bytes[image..].starts_with(&[1, 2, 3, 4]), "the pages of a memory are changed");
    Ok(())
}

/// A function's signature is merged by the linker, and found from the field before the function's
/// entry.
fn signatures(kind: Kind) -> Result<()> {
    let source = br#"(module (table (export "t") 1 funcref) (elem (i32.const 0) $f)
        (func $f (param i32 f64) (result i64) (i64.const 1)))"#;
    let picture = read::read(&object(kind, "it.wat", source, &Options::default())?)?;
    let find = |name: &str| {
        let name = kind.symbol(name);
        picture.symbols.iter().position(|it| it.name == name).with_context(|| format!("no symbol {name}"))
    };
    let (function, signature) = (find("f")?, find(&format!("{}id.l", abi::table::SIGNATURE_PREFIX))?);
    let identity = &picture.symbols[signature];
    ensure!(identity.is_merged && identity.is_global && identity.place.is_some(), "{identity:?}");
    if kind.is_coff() {
        // GNU's linker knows what to merge by this.
        let section = identity.place.map(|(section, _)| &picture.sections[section].name);
        let name = format!(".rdata${}", identity.name);
        ensure!(section == Some(&name), "the signature is in section {section:?}, not in {name}");
    }
    let (section, entry) = picture.symbols[function].place.context("the function has code")?;
    let field = entry - abi::table::SIGNATURE_FIELD_BEFORE_ENTRY as u64;
    let relocations = picture.sections[section].relocations.iter().filter(|it| it.offset == field);
    let symbols: Vec<_> = relocations.map(|relocation| relocation.symbol).collect();
    // The difference of two symbols, or the distance from the field.
    let wanted = if kind.is_macho() { vec![function, signature] } else { vec![signature] };
    ensure!(symbols == wanted, "the field before the entry refers to {symbols:?}, not to {wanted:?}");
    Ok(())
}

fn names_of_targets() -> Result<()> {
    let clang = [
        "arm64-apple-darwin",
        "arm64-apple-macos",
        "arm64-apple-macos14",
        "x86_64-apple-macosx10.15.0",
        "aarch64-linux-gnu",
        "riscv64-linux-gnu",
        "s390x-linux-gnu",
        "x86_64-linux-musl",
        "x86_64-w64-mingw32",
        "aarch64-windows-msvc",
    ];
    let check = |name: &str| driver::check_target(&Options { target: Some(name.to_owned()), ..Options::default() });
    for name in TARGETS.iter().map(|(name, _)| *name).chain(clang) {
        check(name).with_context(|| name.to_owned())?;
    }
    for name in [
        "i686-unknown-linux-gnu",
        "x86_64-unknown-linux-gnux32",
        "aarch64_be-unknown-linux-gnu",
        "riscv64imac-unknown-none-elf",
        "wasm32-wasip1",
        "x86_64-unknown-freebsd",
        "aarch64-apple-ios",
        "toaster",
    ] {
        let Err(error) = check(name) else { bail!("{name} is a target") };
        ensure!(error.to_string().contains("--target help"), "{name}: {error}");
    }
    Ok(())
}

/// Registers for vectors are an extension there: who has none can't have `v128`, and everything
/// else does without.
fn no_vectors_on_riscv64() -> Result<()> {
    let kind = Kind { target: "riscv64gc-unknown-linux-gnu", cpu: None, machine: 243, page: 4 << 10 };
    for source in [
        "(module (func (export \"f\") (result i64) (i64x2.extract_lane 0 (v128.const i64x2 1 2))))",
        "(module (func (export \"f\") (param v128)))",
        "(module (func (export \"f\") (local v128)))",
        "(module (global $g (mut v128) (v128.const i64x2 1 2)) (func (export \"f\") (drop (global.get $g))))",
    ] {
        let Err(error) = object(kind, "it.wat", source.as_bytes(), &Options::default()) else {
            bail!("it compiles: {source}")
        };
        ensure!(format!("{error:#}").contains("--cpu rv64gcv"), "{source}: {error:#}");
    }
    let source = br#"(module (memory 1) (func (export "f")
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 31))
        (memory.copy (i32.const 0) (i32.const 100) (i32.const 32))))"#;
    check_form(kind, &read::read(&object(kind, "it.wat", source, &Options::default())?)?)
}
