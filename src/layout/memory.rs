//! How a linear memory lies in the address space.

use super::index_type;
use crate::abi;
use anyhow::{Result, bail};
use cranelift_codegen::ir::Type;
use wasmparser::MemoryType;

/// A linear memory.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct MemoryPlan {
    /// Initial size in bytes.
    pub bytes: u64,
    /// Largest size in bytes.
    pub maximum: u64,
    /// Address space that it takes, and the least that will do.
    pub reserved: u64,
    pub least: u64,
    /// The address of its first byte, where that is known before the program runs.
    pub place: Option<u64>,
    /// The size never changes: `memory.size` is a constant.
    pub fixed: bool,
    /// Type of addresses and sizes.
    pub index: Type,
    pub page_size: u64,
    pub bounds: Bounds,
    /// Bytes after the largest size that fault.
    pub guard: u64,
}

impl MemoryPlan {
    /// What an access of `size` bytes compares with the size of the memory: its index and this.
    /// `None` where accesses fault instead.
    pub fn compared(&self, offset: u64, size: u64) -> Option<u64> {
        match self.bounds {
            Bounds::Guarded => None,
            // The module chooses the offset: a sum that wraps would place the access before the
            // memory.
            Bounds::Checked if offset.checked_add(size).is_some_and(|end| end <= self.guard) => Some(0),
            Bounds::Checked => Some(offset),
            // A sum beyond 64 bits is beyond every memory.
            Bounds::Exact => Some(offset.saturating_add(size)),
        }
    }
}

/// How accesses beyond the end of a memory are found.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Bounds {
    /// They fault: the reservation holds every address that an access can form.
    Guarded,
    /// The index is compared with the size; from there on, what the guard holds faults.
    Checked,
    /// The end of the access is compared with the size, which may lie within a page of the machine.
    Exact,
}

/// # Errors
/// When the memory is too large to reserve.
pub fn plan_memory(ty: &MemoryType, fixed: bool, memory_checks: bool) -> Result<MemoryPlan> {
    let page_size = match ty.page_size_log2 {
        None => abi::memory::WASM_PAGE,
        Some(log2) => 1u64.checked_shl(log2).expect("validated: a page has 1 or 65536 bytes"),
    };
    let bytes = ty
        .initial
        .checked_mul(page_size)
        .filter(|bytes| *bytes <= abi::memory::ADDRESS_SPACE - abi::memory::CHECKED_GUARD);
    let Some(bytes) = bytes else {
        bail!("{} pages at the start are more than the address space of a process can hold", ty.initial);
    };
    let limit = match ty.memory64 {
        // The size must be a number of 32 bits, too.
        false if page_size == 1 => u64::from(u32::MAX),
        false => 1 << 32,
        true => abi::memory::LARGEST_RESERVATION.max(bytes),
    };
    let maximum = ty.maximum.unwrap_or(u64::MAX).saturating_mul(page_size).min(limit);
    let (bounds, guard) = match (page_size, ty.memory64) {
        (abi::memory::WASM_PAGE, false) if memory_checks => (Bounds::Checked, abi::memory::SMALL_GUARD),
        (abi::memory::WASM_PAGE, false) => (Bounds::Guarded, 0),
        (abi::memory::WASM_PAGE, true) => (Bounds::Checked, abi::memory::CHECKED_GUARD),
        _ => (Bounds::Exact, 0),
    };
    let (reserved, least) = match bounds {
        Bounds::Guarded => (abi::memory::GUARDED_RESERVATION, abi::memory::GUARDED_RESERVATION),
        Bounds::Checked => {
            let with_guard = |bytes: u64| bytes.checked_add(guard);
            let sizes = with_guard(maximum).zip(with_guard(bytes));
            sizes.expect("the limit leaves room for the guard in the address space")
        }
        Bounds::Exact => (maximum, bytes),
    };
    let index = index_type(ty.memory64);
    Ok(MemoryPlan { bytes, maximum, reserved, least, place: None, fixed, index, page_size, bounds, guard })
}
