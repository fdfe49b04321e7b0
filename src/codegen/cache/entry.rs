//! The contents of an entry: a compiled function without what depends on the rest of the module.
//!
//! Offsets in the module count from the first byte of the body that they are in, and functions are
//! numbered by their first mention in the body, or in those that may be copied into it. All other
//! indices are part of the key.

use crate::abi::trap::Trap;
use crate::code::{
    Compared, CompiledFunction, DebugMap, Frame, Inlined, LocalPlace, Position, Relocation, RelocationKind,
    RelocationTarget, Site, TryCall,
};
use crate::codegen::cranelift::function::known_symbol;
use crate::layout::Symbol;
use crate::number::to_usize;
use crate::wasm::{EntityIndex, FuncIndex, TagIndex};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Where a body lies, and what it names.
pub struct Place {
    /// Byte offset of the body in the module.
    pub start: u32,
    /// The functions that the body names, and those that may be copied into it, each once, in the
    /// order of their first mention.
    pub functions: Vec<FuncIndex>,
    /// Where each stands in that list.
    pub numbers: HashMap<FuncIndex, u32>,
    /// Byte offset of the body of each; `None` if it is imported.
    pub starts: Vec<Option<u32>>,
}

/// Everything but the bytes of the code, which precede it.
#[derive(Serialize, Deserialize)]
struct Rest {
    alignment: u32,
    has_frame: bool,
    stored: u32,
    relocations: Vec<(u32, RelocationKind, Target, i64)>,
    inlined: Vec<EntryInlined>,
    sites: Vec<EntrySite>,
    compared: Vec<Compared>,
    try_calls: Vec<EntryTryCall>,
    frame: Option<Frame>,
    debug: Option<EntryDebug>,
}

#[derive(Serialize, Deserialize)]
struct EntryDebug {
    positions: Vec<EntryPosition>,
    locals: Vec<LocalPlace>,
}

/// Distance from the position before, place of the operator, scope.
#[derive(Serialize, Deserialize)]
struct EntryPosition(u32, u32, u32);

#[derive(Serialize, Deserialize)]
enum Target {
    /// As [`Symbol::pack`] has it.
    Symbol(usize),
    Runtime(String),
    Here(u32),
}

/// Number of the function, parent, place of the call.
#[derive(Serialize, Deserialize)]
struct EntryInlined(u32, u32, u32);

/// Distance from the site before, trap, place of the operator, scope.
#[derive(Serialize, Deserialize)]
struct EntrySite(u32, u8, u32, u32);

/// Return address, frame size, handlers.
#[derive(Serialize, Deserialize)]
struct EntryTryCall(u32, u32, Vec<(Option<u32>, u32)>);

/// The trap of a site that is a call.
const CALL: u8 = 0;

/// `None` where the code names what the body doesn't.
pub fn encode(function: &CompiledFunction, place: &Place) -> Option<Vec<u8>> {
    let CompiledFunction {
        symbol: _,
        bytes,
        alignment,
        relocations,
        sites,
        compared,
        inlined,
        try_calls,
        frame,
        has_frame,
        stored,
        debug,
    } = function;
    let starts = place.all_starts(inlined)?;
    let relocation = |Relocation { offset, kind, target, addend }: &Relocation| {
        let target = match target {
            RelocationTarget::Symbol(symbol) => Target::Symbol(place.leave(*symbol)?.pack()),
            RelocationTarget::Runtime(name) => Target::Runtime((*name).to_owned()),
            RelocationTarget::Here(offset) => Target::Here(*offset),
        };
        Some((*offset, *kind, target, *addend))
    };
    let rest = Rest {
        alignment: *alignment,
        has_frame: *has_frame,
        stored: *stored,
        relocations: relocations.iter().map(relocation).collect::<Option<_>>()?,
        inlined: inlined.iter().map(|it| encode_inlined(it, place, &starts)).collect::<Option<_>>()?,
        sites: encode_sites(sites, &starts)?,
        compared: compared.clone(),
        try_calls: try_calls.iter().map(encode_try_call).collect(),
        frame: frame.clone(),
        debug: match debug {
            Some(debug) => Some(encode_debug(debug, &starts)?),
            None => None,
        },
    };
    let length = u32::try_from(bytes.len()).ok()?.to_le_bytes();
    postcard::to_extend(&rest, [&length, &bytes[..]].concat()).ok()
}

/// The function `func`, whose body lies at `place`. `None` if this is not an entry.
pub fn decode(contents: &[u8], func: FuncIndex, place: &Place) -> Option<CompiledFunction> {
    let (length, rest) = contents.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(to_usize(u32::from_le_bytes(*length).into()))?;
    let Rest { alignment, has_frame, stored, relocations, inlined, sites, compared, try_calls, frame, debug } =
        postcard::from_bytes(rest).ok()?;
    let (inlined, starts) = decode_inlined(&inlined, place)?;
    let relocation = |(offset, kind, target, addend)| {
        let target = match target {
            Target::Symbol(number) => RelocationTarget::Symbol(place.enter(Symbol::unpack(number))?),
            Target::Runtime(name) => RelocationTarget::Runtime(known_symbol(&name)?),
            Target::Here(offset) => RelocationTarget::Here(offset),
        };
        Some(Relocation { offset, kind, target, addend })
    };
    Some(CompiledFunction {
        symbol: Symbol::Function(func),
        bytes: bytes.to_vec(),
        alignment,
        relocations: relocations.into_iter().map(relocation).collect::<Option<_>>()?,
        sites: decode_sites(&sites, &starts)?,
        compared,
        inlined,
        try_calls: try_calls.into_iter().map(decode_try_call).collect(),
        frame,
        has_frame,
        stored,
        debug: match debug {
            Some(debug) => Some(decode_debug(debug, &starts)?),
            None => None,
        },
    })
}

impl Place {
    /// The symbol with a function's number in the body.
    fn leave(&self, symbol: Symbol) -> Option<Symbol> {
        with_function(symbol, |func| self.numbers.get(&func).map(|number| FuncIndex::from_u32(*number)))
    }

    /// Where the body begins, and those of all copies in it.
    fn all_starts(&self, inlined: &[Inlined]) -> Option<Vec<u32>> {
        let start = |inlined: &Inlined| {
            let Symbol::Function(func) = inlined.symbol else { return None };
            *self.starts.get(to_usize((*self.numbers.get(&func)?).into()))?
        };
        [Some(self.start)].into_iter().chain(inlined.iter().map(start)).collect()
    }

    /// Takes [`Place::leave`] back.
    fn enter(&self, symbol: Symbol) -> Option<Symbol> {
        with_function(symbol, |number| self.functions.get(to_usize(number.as_u32().into())).copied())
    }
}

/// The symbol, for another function if it is one of a function.
fn with_function(symbol: Symbol, other: impl Fn(FuncIndex) -> Option<FuncIndex>) -> Option<Symbol> {
    Some(match symbol {
        Symbol::Function(func) => Symbol::Function(other(func)?),
        Symbol::Import(func) => Symbol::Import(other(func)?),
        Symbol::Variadic(func) => Symbol::Variadic(other(func)?),
        Symbol::Slot(EntityIndex::Function(func)) => Symbol::Slot(EntityIndex::Function(other(func)?)),
        Symbol::Export(_) | Symbol::ArrayEntry(_) => return None,
        symbol => symbol,
    })
}

fn encode_inlined(inlined: &Inlined, place: &Place, starts: &[u32]) -> Option<EntryInlined> {
    let Inlined { symbol, parent, wasm_offset } = *inlined;
    let Symbol::Function(func) = symbol else { return None };
    let start = starts.get(to_usize(parent.into()))?;
    Some(EntryInlined(*place.numbers.get(&func)?, parent, wasm_offset.checked_sub(*start)?))
}

/// The copies, and where their bodies begin, after the function's own.
fn decode_inlined(inlined: &[EntryInlined], place: &Place) -> Option<(Vec<Inlined>, Vec<u32>)> {
    let (mut decoded, mut starts) = (Vec::new(), vec![place.start]);
    for EntryInlined(number, parent, call) in inlined {
        let number = to_usize((*number).into());
        let symbol = Symbol::Function(*place.functions.get(number)?);
        let wasm_offset = starts.get(to_usize((*parent).into()))?.checked_add(*call)?;
        decoded.push(Inlined { symbol, parent: *parent, wasm_offset });
        starts.push((*place.starts.get(number)?)?);
    }
    Some((decoded, starts))
}

/// The place of an operator in its body, plus one; 0 says that no operator is known. `starts`: of
/// the bodies, by scope.
fn encode_operator(wasm_offset: u32, scope: u32, starts: &[u32]) -> Option<u32> {
    match wasm_offset {
        0 => Some(0),
        offset => offset.checked_sub(*starts.get(to_usize(scope.into()))?)?.checked_add(1),
    }
}

fn decode_operator(operator: u32, scope: u32, starts: &[u32]) -> Option<u32> {
    let start = starts.get(to_usize(scope.into()))?;
    match operator.checked_sub(1) {
        None => Some(0),
        Some(inside) => start.checked_add(inside),
    }
}

fn encode_debug(debug: &DebugMap, starts: &[u32]) -> Option<EntryDebug> {
    let mut before = 0;
    let position = |position: &Position| {
        let Position { offset, wasm_offset, scope } = *position;
        let distance = offset.checked_sub(before)?;
        before = offset;
        Some(EntryPosition(distance, encode_operator(wasm_offset, scope, starts)?, scope))
    };
    let positions = debug.positions.iter().map(position).collect::<Option<_>>()?;
    Some(EntryDebug { positions, locals: debug.locals.clone() })
}

fn decode_debug(EntryDebug { positions, locals }: EntryDebug, starts: &[u32]) -> Option<DebugMap> {
    let mut offset = 0u32;
    let position = |EntryPosition(distance, operator, scope): EntryPosition| {
        offset = offset.checked_add(distance)?;
        Some(Position { offset, wasm_offset: decode_operator(operator, scope, starts)?, scope })
    };
    Some(DebugMap { positions: positions.into_iter().map(position).collect::<Option<_>>()?, locals })
}

/// `starts`: of the bodies, by scope.
fn encode_sites(sites: &[Site], starts: &[u32]) -> Option<Vec<EntrySite>> {
    let mut before = 0;
    let site = |site: &Site| {
        let Site { offset, trap, wasm_offset, scope } = *site;
        let distance = offset.checked_sub(before)?;
        before = offset;
        let operator = encode_operator(wasm_offset, scope, starts)?;
        Some(EntrySite(distance, trap.map_or(CALL, |trap| trap as u8), operator, scope))
    };
    sites.iter().map(site).collect()
}

fn decode_sites(sites: &[EntrySite], starts: &[u32]) -> Option<Vec<Site>> {
    let mut offset = 0u32;
    let site = |EntrySite(distance, trap, operator, scope): &EntrySite| {
        offset = offset.checked_add(*distance)?;
        let wasm_offset = decode_operator(*operator, *scope, starts)?;
        let trap = match *trap {
            CALL => None,
            number => Some(Trap::of(number)?),
        };
        Some(Site { offset, trap, wasm_offset, scope: *scope })
    };
    sites.iter().map(site).collect()
}

fn encode_try_call(call: &TryCall) -> EntryTryCall {
    let handlers = call.handlers.iter().map(|(tag, landing)| (tag.map(TagIndex::as_u32), *landing));
    EntryTryCall(call.return_address, call.frame_size, handlers.collect())
}

fn decode_try_call(EntryTryCall(return_address, frame_size, handlers): EntryTryCall) -> TryCall {
    let handlers = handlers.into_iter().map(|(tag, landing)| (tag.map(TagIndex::from_u32), landing));
    TryCall { return_address, frame_size, handlers: handlers.collect() }
}
