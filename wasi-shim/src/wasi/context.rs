//! The one WASI context of the program, and the guest's memory as wasi-common sees it.

use crate::program;
use std::cell::UnsafeCell;
use wasi_common::WasiCtx;
use wiggle::GuestMemory;

struct Slot(UnsafeCell<Option<WasiCtx>>);

// SAFETY: one thread runs translated code, and only it calls WASI.
unsafe impl Sync for Slot {}

static CONTEXT: Slot = Slot(UnsafeCell::new(None));

pub fn set(context: WasiCtx) {
    // SAFETY: runs before the first WASI call, so nobody has borrowed the slot.
    unsafe { *CONTEXT.0.get() = Some(context) };
}

/// The context.
///
/// # Safety
/// The caller is a WASI function called by translated code. WASI functions call nothing that could call another.
pub unsafe fn get() -> &'static mut WasiCtx {
    // SAFETY: as required of the caller, this is the only borrow.
    unsafe { &mut *CONTEXT.0.get() }.as_mut().expect("the entry starts WASI before it runs any code that could call it")
}

/// The guest's memory, as large as it is now. Without an exported memory every pointer is out of bounds.
///
/// # Safety
/// As for [`get`].
pub unsafe fn memory() -> GuestMemory<'static> {
    let memory = program::main().wasi_memory;
    if memory.is_null() {
        return GuestMemory::Unshared(&mut []);
    }
    // SAFETY: the bytes below the current size are mapped, and translated code waits for the call to return.
    unsafe {
        let memory = &*memory;
        GuestMemory::Unshared(std::slice::from_raw_parts_mut(memory.base, memory.bytes as usize))
    }
}
