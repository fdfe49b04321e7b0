//! Split DWARF (`clang -gsplit-dwarf`): the module has lines and addresses, and files beside it
//! have functions, types and variables (DWARF 5, 7.3.2; DWARF 4 with GNU's extensions).
//!
//! Comes in: a module and the folder where it lies. Goes out: the module with both joined, as if it
//! had been built without that option.

use super::budget::Budget;
use super::{Bytes, abbreviations, sections};
use anyhow::{Context, Result, bail, ensure};
use gimli::constants as dw;
use gimli::read::{Dwarf, DwarfPackage};
use gimli::write::{Address, ConvertUnit, ConvertUnitEntry, EndianVec, Sections, UnitEntryId};
use gimli::{DwoId, EndianSlice, LittleEndian};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use wasm_encoder::{CustomSection, Section};

/// A module with its DWARF joined.
pub struct Joined {
    pub wasm: Vec<u8>,
    /// What was read.
    pub files: Vec<PathBuf>,
    /// What could not be read, and why.
    pub missing: Vec<String>,
}

/// A unit whose contents are in another file.
struct Skeleton {
    id: DwoId,
    /// The file, and the folder in which the compiler ran.
    name: String,
    folder: String,
}

/// Whether a file has the DWARF of several units, as `llvm-dwp` makes it.
pub fn is_package(bytes: &[u8]) -> bool {
    sections(bytes).is_ok_and(|(sections, _)| sections.contains_key(".debug_cu_index"))
}

/// The files that a module takes its DWARF from, if it is split: a package, or a file for a unit.
pub fn files(wasm: &[u8], module: &Path, package: Option<&Path>) -> Vec<PathBuf> {
    let skeletons = sections(wasm).and_then(|(sections, _)| Ok(read(&sections)?.1)).unwrap_or_default();
    match package_of(&skeletons, module, package) {
        Some(package) => vec![package],
        None => skeletons.iter().filter_map(|skeleton| find(module, skeleton)).collect(),
    }
}

/// Joins what is split. `None` if nothing is. `package`: what the user named.
///
/// # Errors
/// When DWARF is damaged.
pub fn join(wasm: &[u8], module: &Path, package: Option<&Path>) -> Result<Option<Joined>> {
    let (own, _) = sections(wasm)?;
    if !own.contains_key(".debug_info") {
        return Ok(None);
    }
    let (dwarf, skeletons) = read(&own)?;
    if skeletons.is_empty() {
        return Ok(None);
    }
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    let mut contents: Vec<(Option<DwoId>, Vec<u8>)> = Vec::new();
    if let Some(package) = package_of(&skeletons, module, package) {
        match std::fs::read(&package) {
            Ok(bytes) => {
                contents.push((None, bytes));
                files.push(package);
            }
            Err(error) => missing.push(format!("{}: {error}", package.display())),
        }
    } else {
        for skeleton in &skeletons {
            let Some(file) = find(module, skeleton) else {
                missing.push(format!("{}: there is no such file", skeleton.name));
                continue;
            };
            match std::fs::read(&file) {
                Ok(bytes) => {
                    contents.push((Some(skeleton.id), bytes));
                    files.push(file);
                }
                Err(error) => missing.push(format!("{}: {error}", file.display())),
            }
        }
    }
    let mut units: HashMap<DwoId, Dwarf<Bytes>> = HashMap::new();
    for ((id, bytes), file) in contents.iter().zip(&files) {
        let added = match id {
            Some(id) => unit_of(bytes, *id, &dwarf).map(|unit| _ = units.insert(*id, unit)),
            None => units_of(bytes, &skeletons, &dwarf, &mut units),
        };
        if let Err(error) = added {
            missing.push(format!("{}: {error:#}", file.display()));
        }
    }
    let wasm = write(wasm, &dwarf, &units)?;
    Ok(Some(Joined { wasm, files, missing }))
}

/// What the module itself has, and its units of which there is more elsewhere.
fn read<'a>(sections: &HashMap<&str, &'a [u8]>) -> Result<(Dwarf<Bytes<'a>>, Vec<Skeleton>)> {
    let size = sections.values().map(|section| section.len()).fold(0, usize::saturating_add);
    let budget = Budget::new(size, 16);
    let mut dwarf = Dwarf::load(|id| {
        let data = sections.get(id.name()).copied().unwrap_or_default();
        Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
    })?;
    abbreviations::read(&mut dwarf)?;
    let mut skeletons = Vec::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = abbreviations::unit(&dwarf, header, &budget)?;
        let (Some(id), Some(name)) = (unit.dwo_id, unit.dwo_name()?) else { continue };
        let name = dwarf.attr_string(&unit, name)?.to_string_lossy().into_owned();
        let folder = unit.comp_dir.map_or(String::new(), |folder| folder.to_string_lossy().into_owned());
        skeletons.push(Skeleton { id, name, folder });
    }
    Ok((dwarf, skeletons))
}

/// The package: the one that the user named, else `MODULE.dwp`, if it is there.
fn package_of(skeletons: &[Skeleton], module: &Path, package: Option<&Path>) -> Option<PathBuf> {
    let mut beside = module.as_os_str().to_owned();
    beside.push(".dwp");
    let beside = || Some(PathBuf::from(beside)).filter(|beside| beside.is_file());
    package.map(Path::to_owned).or_else(beside).filter(|_| !skeletons.is_empty())
}

/// The file of a unit: beside the module, by its name there or without folders, or where the
/// compiler wrote it. A module may name anything, so what is not a plain file is not opened.
fn find(module: &Path, Skeleton { name, folder, .. }: &Skeleton) -> Option<PathBuf> {
    let path = Path::new(name);
    let is_below = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let below = is_below.then(|| module.with_file_name("").join(path));
    let beside = path.file_name().map(|name| module.with_file_name(name));
    let original = Path::new(folder).join(path);
    [below, beside, Some(original)].into_iter().flatten().find(|file| file.is_file())
}

/// The unit in a file of its own.
fn unit_of<'a>(bytes: &'a [u8], id: DwoId, parent: &Dwarf<Bytes<'a>>) -> Result<Dwarf<Bytes<'a>>> {
    ensure!(bytes.starts_with(b"\0asm"), "it is not a module");
    let (sections, _) = sections(bytes).context("it is damaged")?;
    let mut dwarf = Dwarf::load(|id: gimli::SectionId| {
        let data = id.dwo_name().and_then(|name| sections.get(name)).copied().unwrap_or_default();
        Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
    })?;
    dwarf.make_dwo(parent);
    let Some(header) = dwarf.units().next().context("it is damaged")? else { bail!("it has no DWARF") };
    let unit = dwarf.unit(header).context("it is damaged")?;
    ensure!(unit.dwo_id == Some(id), "it is of another build than the module");
    Ok(dwarf)
}

/// The units in a package.
fn units_of<'a>(
    bytes: &'a [u8],
    skeletons: &[Skeleton],
    parent: &Dwarf<Bytes<'a>>,
    units: &mut HashMap<DwoId, Dwarf<Bytes<'a>>>,
) -> Result<()> {
    ensure!(bytes.starts_with(b"\0asm"), "it is not a module");
    let (sections, _) = sections(bytes).context("it is damaged")?;
    let load = |id: gimli::SectionId| {
        // Indices of units have no other name.
        let name = id.dwo_name().unwrap_or(id.name());
        Ok::<_, gimli::Error>(EndianSlice::new(sections.get(name).copied().unwrap_or_default(), LittleEndian))
    };
    let package = DwarfPackage::load(load, EndianSlice::new(&[], LittleEndian)).context("it is damaged")?;
    for Skeleton { id, name, .. } in skeletons {
        let unit = package.find_cu(*id, parent).context("it is damaged")?;
        units.insert(*id, unit.with_context(|| format!("it lacks {name}"))?);
    }
    Ok(())
}

/// The module with joined units. What is written overrides the sections before it.
fn write(wasm: &[u8], dwarf: &Dwarf<Bytes>, units: &HashMap<DwoId, Dwarf<Bytes>>) -> Result<Vec<u8>> {
    let mut out = gimli::write::Dwarf::new();
    let mut section = out.convert(dwarf)?;
    while let Some((mut unit, root)) = section.read_unit()? {
        let contents = unit.read_unit.dwo_id.and_then(|id| units.get(&id));
        let root_id = unit.unit.root();
        match contents {
            None => copy(&mut unit, root, root_id)?,
            Some(contents) => {
                attributes(&mut unit, root_id, &root);
                let mut split = unit.convert_split(contents)?;
                let (mut unit, root) = split.read_unit()?;
                copy(&mut unit, root, root_id)?;
            }
        }
    }
    let mut written = Sections::new(EndianVec::new(LittleEndian));
    out.write(&mut written)?;
    let mut joined = wasm.to_vec();
    written.for_each(|id, section| {
        let section = CustomSection { name: id.name().into(), data: section.slice().into() };
        section.append_to(&mut joined);
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(joined)
}

fn copy<'a>(
    unit: &mut ConvertUnit<'_, Bytes<'a>>,
    root: ConvertUnitEntry<'_, Bytes<'a>>,
    root_id: UnitEntryId,
) -> Result<()> {
    if let Some(program) = unit.read_line_program(None, None)? {
        let (program, files) = program.convert(&same)?;
        unit.set_line_program(program, files);
    }
    attributes(unit, root_id, &root);
    let mut entry = unit.null_entry();
    while let Some(id) = unit.read_entry(&mut entry)? {
        if id.is_some() {
            let id = unit.add_entry(id, &entry);
            attributes(unit, id, &entry);
        }
    }
    Ok(())
}

/// Copies what can be expressed.
fn attributes<'a>(unit: &mut ConvertUnit<'_, Bytes<'a>>, id: UnitEntryId, entry: &ConvertUnitEntry<'_, Bytes<'a>>) {
    for attribute in &entry.attrs {
        if attribute.name() == dw::DW_AT_GNU_locviews {
            continue;
        }
        if let Ok(value) = unit.convert_attribute_value(entry.read_unit, attribute, &same) {
            unit.unit.get_mut(id).set(attribute.name(), value);
        }
    }
}

/// Addresses stay what they are in the module.
fn same(address: u64) -> Option<Address> {
    Some(Address::Constant(address))
}
