//! Where exceptions land: LLVM's table `.gcc_except_table` (Itanium C++ ABI, "Exception Handling
//! Tables"), which is a section for each function.

use super::adopt::{Elf, resolve};
use super::processor::Processor;
use super::types;
use crate::code::TryCall;
use crate::layout::Symbol;
use crate::number::{to_u32, to_usize};
use crate::wasm::TagIndex;
use anyhow::{Context, Result, bail};
use gimli::read::{EndianSlice, Reader};
use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
use std::collections::HashMap;

type Bytes<'a> = EndianSlice<'a, gimli::LittleEndian>;

/// A row of the table of calls: code, its landing, and what it takes.
struct Row {
    start: u64,
    end: u64,
    landing: u64,
    action: u64,
}

/// The calls of a function that an exception may land after, by its code. `frame_size` is the
/// distance from the frame pointer to the stack pointer at a landing.
///
/// # Errors
/// When the table is not of the form that clang writes, or there is no such distance.
pub fn read(
    file: &Elf,
    function: &str,
    code: &[u8],
    frame_size: Option<u32>,
    processor: &Processor,
) -> Result<Vec<TryCall>> {
    let Some(section) = file.section_by_name(&format!(".gcc_except_table.{function}")) else {
        return Ok(Vec::new());
    };
    let table = Table::parse(section.data()?)?;
    let tags = tags(file, &section)?;
    let frame_size = frame_size.context("clang did not say how large a frame is")?;
    let mut calls = Vec::new();
    let returns = (processor.returns)(code);
    for row in table.rows.iter().filter(|row| row.landing != 0) {
        let handlers = table.handlers(row, &tags)?;
        let inside = |at: &&u32| (row.start..row.end).contains(&u64::from(at.saturating_sub(1)));
        for &return_address in returns.iter().filter(inside) {
            calls.push(TryCall { return_address, frame_size, handlers: handlers.clone() });
        }
    }
    calls.sort_by_key(|call| call.return_address);
    Ok(calls)
}

struct Table<'a> {
    rows: Vec<Row>,
    actions: Bytes<'a>,
    /// Where the types begin, from the start of the section: they are numbered backwards from
    /// there.
    types: u64,
    /// Bytes of a type.
    type_size: u64,
}

impl<'a> Table<'a> {
    fn parse(data: &'a [u8]) -> Result<Table<'a>> {
        const OMITTED: u8 = 0xff;
        const DISTANCES_4: u8 = 0x9b;
        const DISTANCES_8: u8 = 0x9c;
        const ULEB128: u8 = 0x01;
        let whole = EndianSlice::new(data, gimli::LittleEndian);
        let mut reader = whole;
        let form = (reader.read_u8()?, reader.read_u8()?);
        let type_size = match form {
            (OMITTED, OMITTED) => 0,
            (OMITTED, DISTANCES_4) => 4,
            (OMITTED, DISTANCES_8) => 8,
            _ => bail!("clang wrote a table of exceptions in a form that is not known here"),
        };
        let mut types = 0;
        if type_size > 0 {
            let distance = reader.read_uleb128()?;
            types = distance.checked_add(whole_offset(whole, reader)).context("a table of exceptions is cut off")?;
        }
        if reader.read_u8()? != ULEB128 {
            bail!("clang wrote a table of calls in a form that is not known here");
        }
        let length = reader.read_uleb128()?;
        let mut calls = reader.split(to_usize(length))?;
        let mut rows = Vec::new();
        while !calls.is_empty() {
            let mut next = || calls.read_uleb128();
            let (start, length, landing, action) = (next()?, next()?, next()?, next()?);
            let end = start.checked_add(length).context("a call ends nowhere")?;
            rows.push(Row { start, end, landing, action });
        }
        Ok(Table { rows, actions: reader, types, type_size })
    }

    /// What a row takes, in order.
    fn handlers(&self, row: &Row, tags: &HashMap<u64, TagIndex>) -> Result<Vec<(Option<TagIndex>, u32)>> {
        let landing = u32::try_from(row.landing)?;
        let mut handlers = Vec::new();
        let mut next = row.action.checked_sub(1);
        while let Some(at) = next {
            let mut reader = self.actions;
            reader.skip(to_usize(at))?;
            let filter = reader.read_sleb128()?;
            let after = whole_offset(self.actions, reader).cast_signed();
            let distance = reader.read_sleb128()?;
            let number = u64::try_from(filter).ok().filter(|it| *it > 0).context("clang made a landing for no tag")?;
            let place = number.checked_mul(self.type_size).and_then(|back| self.types.checked_sub(back));
            let tag = tags.get(&place.context("a type outside of its table")?);
            handlers.push((tag.copied(), landing));
            next = match distance {
                0 => None,
                distance => after.checked_add(distance).and_then(|at| u64::try_from(at).ok()),
            };
        }
        Ok(handlers)
    }
}

fn whole_offset(whole: Bytes, reader: Bytes) -> u64 {
    reader.offset_from(whole) as u64
}

/// The tags in the table, by their place. An entry leads to a variable that has the tag's address.
fn tags<'data>(file: &Elf<'data>, section: &impl ObjectSection<'data>) -> Result<HashMap<u64, TagIndex>> {
    let mut tags = HashMap::new();
    for (at, relocation) in section.relocations() {
        let (variables, place) = resolve(file, relocation.target(), relocation.addend())?;
        let variables = file.section_by_index(variables.context("a type that is not of the object")?)?;
        let variable = variables.relocations().find(|(at, _)| i64::try_from(*at) == Ok(place));
        let (_, variable) = variable.context("a type without an address")?;
        let RelocationTarget::Symbol(symbol) = variable.target() else { bail!("a type without a symbol") };
        let name = file.symbol_by_index(symbol)?.name()?;
        match types::of_symbol(name).map(|name| Symbol::decode(&name)) {
            Some(Symbol::Tag(tag)) => tags.insert(at, tag),
            _ => bail!("clang lands for `{name}`, which is not a tag"),
        };
    }
    Ok(tags)
}

/// The return addresses of all calls.
pub fn x86_64_returns(code: &[u8]) -> Vec<u32> {
    let calls = Decoder::new(64, code, DecoderOptions::NONE).into_iter();
    calls.filter(|it| it.mnemonic() == Mnemonic::Call).map(|it| to_u32(to_usize(it.next_ip()))).collect()
}

/// The same on aarch64: after `bl` and `blr`.
pub fn aarch64_returns(code: &[u8]) -> Vec<u32> {
    let (words, _) = code.as_chunks::<4>();
    let is_call = |word: &[u8; 4]| {
        let word = u32::from_le_bytes(*word);
        word & 0xfc00_0000 == 0x9400_0000 || word & 0xffff_fc1f == 0xd63f_0000
    };
    let calls = words.iter().enumerate().filter(|(_, word)| is_call(word));
    calls.map(|(number, _)| to_u32(number.saturating_add(1).saturating_mul(4))).collect()
}
