//! Branch hints: the custom section `metadata.code.branch_hint` of the branch hinting proposal,
//! which says of a conditional branch whether it is likely to be taken.
//!
//! As in every custom section, a mistake is not an error: a damaged section has no hints, and
//! translation ignores a hint for anything but a conditional branch.

use super::FuncIndex;
use std::collections::HashMap;
use wasmparser::BranchHintSectionReader;

/// Of each function that has hints: in the order of their places.
#[derive(Default)]
pub struct BranchHints {
    /// By the indices in the section. The module may not have such functions.
    functions: HashMap<u32, Vec<Hint>>,
}

/// The hint for one branch.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Byte offset of the instruction from the first byte of the function's locals.
    pub offset: u32,
    /// Likely to be taken: for `if`, that the condition holds.
    pub taken: bool,
}

impl BranchHints {
    pub fn read(section: BranchHintSectionReader) -> BranchHints {
        read(section).unwrap_or_default()
    }

    /// The hints for the branches of a function, sorted by offset.
    pub fn of(&self, func: FuncIndex) -> &[Hint] {
        self.functions.get(&func.as_u32()).map_or(&[], Vec::as_slice)
    }
}

fn read(section: BranchHintSectionReader) -> wasmparser::Result<BranchHints> {
    let mut hints = BranchHints::default();
    for function in section {
        let function = function?;
        let mut list = Vec::new();
        for hint in function.hints {
            let hint = hint?;
            list.push(Hint { offset: hint.func_offset, taken: hint.taken });
        }
        list.sort_by_key(|hint| hint.offset);
        hints.functions.insert(function.func, list);
    }
    Ok(hints)
}
