//! What debuggers are told of a function: the operators that its instructions come from, and where
//! the locals of Wasm are.

use super::isa::Isa;
use crate::code::{DebugMap, LocalPlace, Place, Position, Register};
use crate::codegen::inline::origin::{Origin, Origins};
use crate::number::to_u32;
use crate::translate::locals::{Known, Notes, Stay};
use cranelift_codegen::ir::{StackSlotKey, ValueLabel};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CompiledCode, LabelValueLoc, Reg};
use target_lexicon::Architecture;

/// How many places of locals a function may have: those of functions that are machines themselves,
/// with thousands of locals and operators, would be longer than everything else together.
const MOST_PLACES: usize = 1 << 16;

/// How many pieces of code are looked at for them, one local after the other.
const MOST_PIECES: usize = 1 << 24;

/// What `notes` say of the function's locals, and where its instructions come from.
pub fn map(isa: &Isa, code: &CompiledCode, origins: &Origins, notes: &Notes) -> DebugMap {
    let isa = &*isa.usual;
    let positions = positions(code, origins);
    let locals = match kept(isa, code) {
        kept if kept.is_empty() => followed(isa, code, notes, &positions),
        kept => kept,
    };
    DebugMap { positions, locals }
}

/// The operators that instructions come from; each holds up to the next.
pub fn positions(code: &CompiledCode, origins: &Origins) -> Vec<Position> {
    let mut positions: Vec<Position> = Vec::new();
    let mut add = |offset, Origin { wasm_offset, scope }| {
        let position = Position { offset, wasm_offset, scope };
        match positions.last_mut() {
            Some(last) if last.offset == offset => *last = position,
            Some(last) if (last.wasm_offset, last.scope) == (wasm_offset, scope) => {}
            _ => positions.push(position),
        }
    };
    let mut end = 0;
    for location in code.buffer.get_srclocs_sorted() {
        if location.start > end {
            add(end, Origin { wasm_offset: 0, scope: 0 });
        }
        add(location.start, origins.origin(location.loc));
        end = location.end;
    }
    if usize::try_from(end).is_ok_and(|end| end < code.code_buffer().len()) {
        add(end, Origin { wasm_offset: 0, scope: 0 });
    }
    positions
}

/// Locals that have places in the frame.
fn kept(isa: &dyn TargetIsa, code: &CompiledCode) -> Vec<LocalPlace> {
    // What lies between the frame pointer and the canonical frame address: the caller's frame
    // pointer, and the return address.
    const LINK: u32 = 16;
    let is_known = matches!(isa.triple().architecture, Architecture::X86_64 | Architecture::Aarch64(_));
    let Some(frame) = code.buffer.frame_layout().filter(|_| is_known) else { return Vec::new() };
    let end = to_u32(code.code_buffer().len());
    let place = |key: Option<StackSlotKey>, below: u32| {
        let local = u32::try_from(key?.bits()).ok()?;
        let above = frame.frame_to_fp_offset.checked_add(LINK)?;
        let offset = i64::from(below).checked_sub(above.into())?;
        Some(LocalPlace { local, start: 0, end, place: Place::Frame(i32::try_from(offset).ok()?) })
    };
    let places = frame.stackslots.values().filter_map(|slot| place(slot.key, slot.offset));
    let mut places: Vec<LocalPlace> = places.collect();
    places.sort_by_key(|place| place.local);
    places
}

/// Locals whose values are somewhere as long as the code needs them.
fn followed(isa: &dyn TargetIsa, code: &CompiledCode, notes: &Notes, positions: &[Position]) -> Vec<LocalPlace> {
    let pieces = pieces(code, positions);
    let mut places: Vec<LocalPlace> = Vec::new();
    let mut n_looked_at = 0usize;
    for stay in notes.stays.iter().filter(|stay| stay.start < stay.end) {
        let mut code_of: Vec<(u32, u32)> = of_stay(&pieces, stay).collect();
        n_looked_at = n_looked_at.saturating_add(code_of.len());
        code_of.sort_unstable();
        for (start, end) in code_of {
            match stay.value {
                Known::Constant(bits) => add(&mut places, stay.local, start, end, Place::Constant(bits)),
                Known::Label(label) => {
                    for range in code.value_labels_ranges.get(&ValueLabel::from_u32(label)).into_iter().flatten() {
                        let (start, end) = (range.start.max(start), range.end.min(end));
                        if let Some(place) = place(isa, range.loc).filter(|_| start < end) {
                            add(&mut places, stay.local, start, end, place);
                        }
                    }
                }
            }
        }
        if places.len() > MOST_PLACES || n_looked_at > MOST_PIECES {
            return Vec::new();
        }
    }
    places.sort_by_key(|place| (place.local, place.start));
    places
}

/// Adds a place, or makes the last one longer.
fn add(places: &mut Vec<LocalPlace>, local: u32, start: u32, end: u32, place: Place) {
    match places.last_mut() {
        Some(last) if (last.local, last.place, last.end) == (local, place, start) => last.end = end,
        _ => places.push(LocalPlace { local, start, end, place }),
    }
}

fn place(isa: &dyn TargetIsa, location: LabelValueLoc) -> Option<Place> {
    match location {
        LabelValueLoc::Reg(register) => dwarf_number(isa, register).map(Place::Register),
        LabelValueLoc::CFAOffset(offset) => i32::try_from(offset).ok().map(Place::Frame),
    }
}

fn dwarf_number(isa: &dyn TargetIsa, register: Reg) -> Option<Register> {
    isa.map_regalloc_reg_to_dwarf(register).ok().map(Register)
}

/// A piece of code, and the operator that it comes from.
struct Piece {
    wasm_offset: u32,
    start: u32,
    end: u32,
}

/// The code of the function itself, sorted by operators.
fn pieces(code: &CompiledCode, positions: &[Position]) -> Vec<Piece> {
    let end = to_u32(code.code_buffer().len());
    let ends = positions.iter().skip(1).map(|next| next.offset).chain([end]);
    let own = positions.iter().zip(ends).filter(|(position, _)| position.wasm_offset != 0 && position.scope == 0);
    let mut pieces: Vec<Piece> =
        own.map(|(position, end)| Piece { wasm_offset: position.wasm_offset, start: position.offset, end }).collect();
    pieces.sort_by_key(|piece| (piece.wasm_offset, piece.start));
    pieces
}

fn of_stay<'a>(pieces: &'a [Piece], stay: &Stay) -> impl Iterator<Item = (u32, u32)> + use<'a> {
    let first = pieces.partition_point(|piece| piece.wasm_offset < stay.start);
    let end = pieces.partition_point(|piece| piece.wasm_offset < stay.end);
    pieces[first.min(end)..end].iter().map(|piece| (piece.start, piece.end))
}
