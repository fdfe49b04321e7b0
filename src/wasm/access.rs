//! The access to a memory that an operator makes, by the operator's place in the module.

use super::MemoryIndex;
use wasmparser::{BinaryReader, MemArg, MemArgTarget, Operator, OperatorsReader};

/// A load, store or atomic access.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub memory: MemoryIndex,
    /// What the operator adds to the index.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

/// The access of the operator at a byte offset of a module; nothing if it makes none, or waits at
/// an address.
pub fn at(wasm: &[u8], offset: u32) -> Option<Access> {
    let rest = wasm.get(usize::try_from(offset).ok()?..)?;
    let operator = OperatorsReader::new(BinaryReader::new(rest, offset.into())).read().ok()?;
    let memarg = match operator {
        Operator::MemoryAtomicNotify { .. } | Operator::MemoryAtomicWait32 { .. } => return None,
        Operator::MemoryAtomicWait64 { .. } => return None,
        operator => memarg(&operator)?,
    };
    let MemArgTarget::Memory(memory) = memarg.target else { return None };
    let size = 1u64.checked_shl(memarg.max_align.into())?;
    Some(Access { memory: MemoryIndex::from_u32(memory), offset: memarg.offset, size })
}

/// The memory that a copy within it or a fill changes, by the operator's place in the module;
/// nothing for other operators.
pub fn bulk_at(wasm: &[u8], offset: u32) -> Option<MemoryIndex> {
    let rest = wasm.get(usize::try_from(offset).ok()?..)?;
    match OperatorsReader::new(BinaryReader::new(rest, offset.into())).read().ok()? {
        Operator::MemoryCopy { dst_mem, src_mem } if dst_mem == src_mem => Some(MemoryIndex::from_u32(dst_mem)),
        Operator::MemoryFill { mem } => Some(MemoryIndex::from_u32(mem)),
        _ => None,
    }
}

fn memarg(operator: &Operator) -> Option<MemArg> {
    macro_rules! one {
        () => {
            None
        };
        ([memarg $value:ident] $([$other:ident $rest:ident])*) => {{
            $(let _ = $rest;)*
            Some(*$value)
        }};
        ([$other:ident $value:ident] $($rest:tt)*) => {{
            let _ = $value;
            one!($($rest)*)
        }};
    }
    macro_rules! operators {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($rest:tt)*))*) => {
            match operator {
                $(Operator::$op $({ $($arg),* })? => one!($($([$arg $arg])*)?),)*
                _ => None,
            }
        };
    }
    wasmparser::for_each_operator!(operators)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_are_told_from_other_operators() {
        let access = |bytes: &[u8]| {
            let module = [&[0; 3], bytes].concat();
            at(&module, 3).map(|access| (access.memory.as_u32(), access.offset, access.size))
        };
        // i32.load8_u, i64.store with a memory, v128.load32_zero, i64.atomic.rmw16.add_u.
        assert_eq!(access(&[0x2d, 0, 100]), Some((0, 100, 1)));
        assert_eq!(access(&[0x37, 0x43, 2, 0x80, 1]), Some((2, 128, 8)));
        assert_eq!(access(&[0xfd, 92, 2, 5]), Some((0, 5, 4)));
        assert_eq!(access(&[0xfe, 0x21, 1, 6]), Some((0, 6, 2)));
        // memory.size, memory.atomic.notify, i32.const, nothing.
        assert_eq!(access(&[0x3f, 0]), None);
        assert_eq!(access(&[0xfe, 0, 2, 0]), None);
        assert_eq!(access(&[0x41, 5]), None);
        assert_eq!(access(&[]), None);
        let bulk = |bytes: &[u8]| bulk_at(bytes, 0).map(MemoryIndex::as_u32);
        // memory.copy within a memory and between two, memory.fill, memory.init, i32.load.
        assert_eq!(bulk(&[0xfc, 10, 3, 3]), Some(3));
        assert_eq!(bulk(&[0xfc, 10, 0, 1]), None);
        assert_eq!(bulk(&[0xfc, 11, 2]), Some(2));
        assert_eq!(bulk(&[0xfc, 8, 0, 0]), None);
        assert_eq!(bulk(&[0x28, 2, 0]), None);
    }
}
