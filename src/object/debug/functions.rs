//! Which code comes from which operators.

use crate::code::{Code, CompiledFunction, DebugMap, LocalPlace};
use crate::layout::Symbol;
use crate::number::to_u32;
use crate::unit::Unit;
use gimli::write::Address;
use target_lexicon::Architecture;
use wasmparser::ValType;

/// The functions of which debuggers are told, sorted by their bodies.
pub struct Functions<'a> {
    all: Vec<Function<'a>>,
}

pub struct Function<'a> {
    pub compiled: &'a CompiledFunction,
    pub map: &'a DebugMap,
    /// Byte offsets in the module between which the body lies.
    pub body: (u32, u32),
    pub length: u32,
    pub is_x86_64: bool,
    /// Types of parameters and other locals: how many have a type or one before it. A function can
    /// have 50,000 in a few bytes.
    locals: Vec<(u32, ValType)>,
    /// The function's own code by operators: byte offset in the module, first byte of code, end.
    pieces: Vec<(u32, u32, u32)>,
}

impl<'a> Functions<'a> {
    pub fn of(unit: &Unit, code: &'a Code) -> Functions<'a> {
        let is_x86_64 = code.triple.architecture == Architecture::X86_64;
        let function = |func| Function::of(unit, func, is_x86_64);
        let mut all: Vec<Function> = code.functions.iter().filter_map(function).collect();
        all.sort_by_key(|func| func.body);
        Functions { all }
    }

    /// The function that begins at an offset in the module: with its body, or, as some compilers
    /// have it, with the size of its body.
    pub fn beginning_at(&self, offset: u32) -> Option<&Function<'a>> {
        // A number of 32 bits (core specification, 5.2.2).
        const LONGEST_SIZE: u32 = 5;
        let next = self.all.partition_point(|func| func.body.0 < offset);
        let is_before = next.checked_sub(1).is_none_or(|before| self.all[before].body.1 <= offset);
        let func = self.all.get(next)?;
        (is_before && func.body.0.saturating_sub(offset) <= LONGEST_SIZE).then_some(func)
    }
}

impl<'a> Function<'a> {
    fn of(unit: &Unit, compiled: &'a CompiledFunction, is_x86_64: bool) -> Option<Function<'a>> {
        let (Symbol::Function(index), Some(map)) = (compiled.symbol, &compiled.debug) else { return None };
        let body = unit.module.functions[index].definition.local()?;
        let range = body.range();
        let mut locals: Vec<(u32, ValType)> = Vec::new();
        let params = unit.module.function_type(index).params().iter().map(|ty| Ok((1, *ty)));
        for group in params.chain(body.get_locals_reader().ok()?) {
            let (count, ty) = group.ok()?;
            locals.push((locals.last().map_or(0, |(end, _)| *end).checked_add(count)?, ty));
        }
        let length = to_u32(compiled.bytes.len());
        let ends = map.positions.iter().skip(1).map(|next| next.offset).chain([length]);
        let own =
            map.positions.iter().zip(ends).filter(|(position, _)| position.wasm_offset != 0 && position.scope == 0);
        let mut pieces: Vec<_> = own.map(|(position, end)| (position.wasm_offset, position.offset, end)).collect();
        pieces.sort_unstable();
        Some(Function {
            compiled,
            map,
            body: (u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?),
            length,
            is_x86_64,
            locals,
            pieces,
        })
    }

    /// The type of a local.
    pub fn local(&self, number: u32) -> Option<ValType> {
        let group = self.locals.partition_point(|(end, _)| *end <= number);
        self.locals.get(group).map(|(_, ty)| *ty)
    }

    /// The address of a place in the code.
    pub fn address(&self, inside: u32) -> Address {
        Address::Symbol { symbol: self.compiled.symbol.pack(), addend: inside.into() }
    }

    /// How many pieces of code [`Function::code_of`] looks at.
    pub fn n_pieces(&self, start: u32, end: u32) -> usize {
        let place = |at| self.pieces.partition_point(|(offset, _, _)| *offset < at);
        place(end).saturating_sub(place(start))
    }

    /// The code that comes from the operators between two offsets in the module, in its order.
    pub fn code_of(&self, start: u32, end: u32) -> Vec<(u32, u32)> {
        let first = self.pieces.partition_point(|(offset, _, _)| *offset < start);
        let last = self.pieces.partition_point(|(offset, _, _)| *offset < end);
        let pieces = &self.pieces[first.min(last)..last];
        joined(pieces.iter().map(|(_, start, end)| (*start, *end)).collect())
    }

    /// The code of a copy of another function, and of the copies in it.
    pub fn code_of_copy(&self, scope: u32) -> Vec<(u32, u32)> {
        let ends = self.map.positions.iter().skip(1).map(|next| next.offset).chain([self.length]);
        let inside = self.map.positions.iter().zip(ends).filter(|(position, _)| self.is_inside(position.scope, scope));
        joined(inside.map(|(position, end)| (position.offset, end)).collect())
    }

    fn is_inside(&self, mut scope: u32, copy: u32) -> bool {
        // Each copy comes after the one around it.
        while scope > copy {
            scope = self.compiled.inlined[scope.saturating_sub(1) as usize].parent;
        }
        scope == copy
    }

    /// Where a local is, in the order of the code.
    pub fn places(&self, local: u32) -> &[LocalPlace] {
        let places = &self.map.locals;
        let first = places.partition_point(|place| place.local < local);
        let last = places.partition_point(|place| place.local <= local);
        &places[first..last]
    }
}

/// Ranges that touch become one.
fn joined(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for (start, end) in ranges.into_iter().filter(|(start, end)| start < end) {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}
