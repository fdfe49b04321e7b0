//! What WASI knows of each program and library: its context, and the guest's memory as wasi-common sees it.

use crate::abi::Program;
use crate::backtrace::frame_pointer;
use crate::program;
use std::sync::atomic::Ordering;
use wasi_common::WasiCtx;
use wiggle::GuestMemory;

pub fn set(program: &Program, context: WasiCtx) {
    program.wasi.store(Box::into_raw(Box::new(context)).cast(), Ordering::Release);
}

/// The context of the program that called.
///
/// # Safety
/// The caller is a WASI function called by translated code. WASI functions call nothing that could call another, and the threads of a
/// program run its code in turn.
#[inline(always)]
pub unsafe fn get() -> &'static mut WasiCtx {
    let program = program::of_caller(frame_pointer());
    // SAFETY: `set` put it there before any code of the program ran. As required of the caller, this is the only borrow.
    unsafe { program.wasi.load(Ordering::Acquire).cast::<WasiCtx>().as_mut() }
        .expect("WASI starts before any code that could call it")
}

/// The guest's memory, as large as it is now. Without an exported memory every pointer is out of bounds.
///
/// # Safety
/// As for [`get`].
#[inline(always)]
pub unsafe fn memory() -> GuestMemory<'static> {
    let memory = program::of_caller(frame_pointer()).wasi_memory;
    if memory.is_null() {
        return GuestMemory::Unshared(&mut []);
    }
    // SAFETY: the bytes below the current size are mapped, and translated code waits for the call to return.
    unsafe {
        let memory = &*memory;
        GuestMemory::Unshared(std::slice::from_raw_parts_mut(memory.base, memory.bytes as usize))
    }
}
