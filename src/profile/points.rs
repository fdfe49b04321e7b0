//! The points of a function body where it is counted how often they are passed, and the hash that
//! tells one body from another.
//!
//! A point is the beginning of a block that control leads to: the entry, the beginning of a loop,
//! each way out of a branch, the end of a construct, a handler. Points are numbered by operators in
//! their order, so they are the same for every generator, level and processor. Branches are counted
//! by their ways, so the counts say how likely each is.
//!
//! The hash is that of the operators with the labels that they name. Constants, addresses and
//! indices have no part in it: they change with every change elsewhere in a program.

use crate::number::{to_u32, to_usize};
use crate::wasm::Module;
use wasmparser::{BrTable, Catch, FunctionBody, Operator as Op, OperatorsReader, Result};

/// The point at which a function is entered.
pub const ENTRY: u32 = 0;

/// What a profile must know of a body.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub hash: u64,
    pub n_points: u32,
}

impl Shape {
    /// # Errors
    /// When the body can't be decoded, which its validation reports, too.
    pub fn of(module: &Module, body: &FunctionBody) -> Result<Shape> {
        let start = body.range().start;
        let bytes = body.as_bytes();
        let mut reader = body.get_binary_reader_for_operators()?;
        reader.set_features(module.features);
        let mut operators = OperatorsReader::new(reader);
        let mut text = Vec::new();
        let mut n_points = 1u32;
        while !operators.eof() {
            let at = to_usize(operators.original_position().saturating_sub(start));
            let op = operators.read()?;
            add_opcode(&mut text, bytes.get(at..).unwrap_or_default());
            add_labels(&mut text, &op)?;
            n_points = n_points.saturating_add(points(&op));
        }
        let hash = *blake3::hash(&text).as_bytes().first_chunk().expect("a hash is longer");
        Ok(Shape { hash: u64::from_be_bytes(hash), n_points })
    }
}

/// How many points an operator has. Those of an `if` are its two ways, those of a conditional
/// branch: taken, not taken.
pub fn points(op: &Op) -> u32 {
    match op {
        Op::Loop { .. } | Op::End | Op::Catch { .. } | Op::CatchAll => 1,
        Op::If { .. }
        | Op::BrIf { .. }
        | Op::BrOnNull { .. }
        | Op::BrOnNonNull { .. }
        | Op::BrOnCast { .. }
        | Op::BrOnCastFail { .. } => 2,
        Op::BrTable { targets } => to_u32(distinct(targets).len()),
        Op::TryTable { try_table } => to_u32(try_table.catches.len()),
        _ => 0,
    }
}

/// The labels of a table, each once, in their order: each has a point.
pub fn distinct(targets: &BrTable) -> Vec<u32> {
    let mut labels: Vec<_> = targets.targets().filter_map(Result::ok).chain([targets.default()]).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// The first byte of an operator, and the number after it where it says which.
fn add_opcode(text: &mut Vec<u8>, operator: &[u8]) {
    let Some((&first, rest)) = operator.split_first() else { return };
    text.push(first);
    if matches!(first, 0xfb..=0xfe) {
        let length = rest.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last.saturating_add(1));
        text.extend(&rest[..length]);
    }
}

fn add_labels(text: &mut Vec<u8>, op: &Op) -> Result<()> {
    let mut add = |label: u32| text.extend(label.to_le_bytes());
    match op {
        Op::Br { relative_depth }
        | Op::BrIf { relative_depth }
        | Op::BrOnNull { relative_depth }
        | Op::BrOnNonNull { relative_depth }
        | Op::BrOnCast { relative_depth, .. }
        | Op::BrOnCastFail { relative_depth, .. }
        | Op::Delegate { relative_depth }
        | Op::Rethrow { relative_depth } => add(*relative_depth),
        Op::BrTable { targets } => {
            add(targets.len());
            for label in targets.targets() {
                add(label?);
            }
            add(targets.default());
        }
        Op::TryTable { try_table } => {
            for catch in &try_table.catches {
                let (kind, label) = match *catch {
                    Catch::One { label, .. } => (0, label),
                    Catch::OneRef { label, .. } => (1, label),
                    Catch::All { label } => (2, label),
                    Catch::AllRef { label } => (3, label),
                };
                add(kind);
                add(label);
            }
        }
        _ => {}
    }
    Ok(())
}
