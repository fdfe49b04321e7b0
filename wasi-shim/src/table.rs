//! Tables: they start as data of the executable, and move to mapped memory when they outgrow it.

use crate::abi::{FUNC_ENTRY_SIZE, FuncEntry, HOST_PAGE, Table};

/// Set in [`Table::capacity`], which only this file reads, once the entries lie in memory that was mapped here.
const MAPPED: u64 = 1 << 63;

/// [`crate::abi::Builtin::TableGrow`].
///
/// # Safety
/// `table` is a table of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_grow(table: *mut Table, more: u64, value: usize, signature: usize) -> i64 {
    // SAFETY: one thread runs translated code, and it is here.
    let table = unsafe { &mut *table };
    let old = table.length;
    let Some(new) = old.checked_add(more).filter(|&new| new <= table.maximum) else { return -1 };
    if new > table.capacity & !MAPPED && !move_entries(table, new) {
        return -1;
    }
    // SAFETY: the capacity is at least `new`.
    unsafe {
        let first = table.base.add((old * table.entry_size) as usize);
        if table.entry_size == FUNC_ENTRY_SIZE {
            w2n_table_fill(first.cast(), more, value, signature);
        } else {
            std::slice::from_raw_parts_mut(first.cast::<usize>(), more as usize).fill(value);
        }
    }
    table.length = new;
    old as i64
}

/// Makes room for `needed` entries, and for half as many again as there were, so that growing one by one is cheap.
fn move_entries(table: &mut Table, needed: u64) -> bool {
    let wanted = needed.max(table.length + table.length / 2).min(table.maximum);
    let Some(bytes) = wanted.checked_mul(table.entry_size).and_then(|b| b.checked_next_multiple_of(HOST_PAGE)) else {
        return false;
    };
    let capacity = table.capacity & !MAPPED;
    // SAFETY: memory that was mapped here is remapped; other memory is copied from, and not used again.
    let base = unsafe {
        if table.capacity & MAPPED != 0 {
            let old_bytes = (capacity * table.entry_size) as usize;
            libc::mremap(table.base.cast(), old_bytes, bytes as usize, libc::MREMAP_MAYMOVE)
        } else {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let base = libc::mmap(std::ptr::null_mut(), bytes as usize, access, flags, -1, 0);
            if base != libc::MAP_FAILED {
                libc::memcpy(base, table.base.cast(), (table.length * table.entry_size) as usize);
            }
            base
        }
    };
    if base == libc::MAP_FAILED {
        return false;
    }
    table.base = base.cast();
    table.capacity = (bytes / table.entry_size) | MAPPED;
    true
}

/// [`crate::abi::Builtin::TableFill`].
///
/// # Safety
/// `count` entries at `first` lie in one table of functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_fill(first: *mut FuncEntry, count: u64, code: usize, signature: usize) {
    for index in 0..count as usize {
        // SAFETY: the caller checked the range.
        unsafe { first.add(index).write(FuncEntry { code, signature }) };
    }
}
