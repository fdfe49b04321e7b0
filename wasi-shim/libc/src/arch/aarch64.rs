//! aarch64, as the procedure call standard (AAPCS64) and Linux use it.

use crate::arch::{Spawn, TlsVariant};
use core::arch::{asm, naked_asm};
use core::mem::offset_of;
use core::sync::atomic::{AtomicUsize, Ordering};

pub const TLS: TlsVariant = TlsVariant::One;

/// The relocation of an address in a static position-independent program.
pub const RELATIVE: u32 = 1027;

/// The name of the clock in the kernel's own library.
pub const CLOCK_GETTIME: &[u8] = b"__kernel_clock_gettime\0";

/// Defines where a program begins: hands the stack pointer, the dynamic section and the ELF header
/// to the function.
macro_rules! define_start {
    ($function:path) => {
        /// # Safety
        /// The kernel's, once.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn _start() -> ! {
            core::arch::naked_asm!(
                // No frame is above.
                "mov x29, #0",
                "mov x30, #0",
                "mov x0, sp",
                "adrp x1, _DYNAMIC",
                "add x1, x1, :lo12:_DYNAMIC",
                "adrp x2, __ehdr_start",
                "add x2, x2, :lo12:__ehdr_start",
                "b {function}",
                function = sym $function,
            )
        }
    };
}

/// A system call, with all registers that one can have. A result from -4095 to -1 is a negated
/// error number.
///
/// # Safety
/// As the call wants it.
#[inline(always)]
pub unsafe fn system_call(number: usize, arguments: [usize; 6]) -> usize {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: as required of the caller. The kernel changes no other register.
    unsafe {
        asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
            options(nostack),
        );
    }
    result
}

#[inline(always)]
pub fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem, pure, preserves_flags)) };
    pointer
}

/// Whether it could.
///
/// # Safety
/// The thread's block is there.
pub unsafe fn set_thread_pointer(pointer: usize) -> bool {
    // SAFETY: as required of the caller.
    unsafe { asm!("msr tpidr_el0, {}", in(reg) pointer, options(nostack)) };
    true
}

/// Starts a thread by `clone` with these flags; returns its result.
///
/// # Safety
/// The stack and the block belong to the new thread alone.
#[unsafe(naked)]
pub unsafe extern "C" fn spawn(flags: usize, new: *const Spawn) -> usize {
    naked_asm!(
        // The new thread has the registers of this one.
        "ldr x9, [x1, {function}]",
        "ldr x10, [x1, {argument}]",
        "ldr x3, [x1, {thread_pointer}]",
        "ldr x2, [x1, {number}]",
        "mov x4, x2",
        "ldr x1, [x1, {stack}]",
        "and x1, x1, #-16",
        "mov x8, {clone}",
        "svc #0",
        "cbz x0, 2f",
        "ret",
        "2:",
        "mov x29, #0",
        "mov x30, #0",
        "mov x0, x10",
        "br x9",
        function = const offset_of!(Spawn, function),
        argument = const offset_of!(Spawn, argument),
        thread_pointer = const offset_of!(Spawn, thread_pointer),
        number = const offset_of!(Spawn, number),
        stack = const offset_of!(Spawn, stack),
        clone = const libc::SYS_clone,
    )
}

/// Gives memory back and ends the thread: the memory may be its stack.
///
/// # Safety
/// Nothing else uses the memory, and no signal comes any more.
#[unsafe(naked)]
pub unsafe extern "C" fn unmap_and_exit(start: usize, size: usize) -> ! {
    naked_asm!(
        "mov x8, {munmap}",
        "svc #0",
        "mov x0, #0",
        "mov x8, {exit}",
        "svc #0",
        "udf #0",
        munmap = const libc::SYS_munmap,
        exit = const libc::SYS_exit,
    )
}

/// The kernel brings the function that ends a handler.
pub const SA_RESTORER: i32 = 0;

pub fn restorer() -> usize {
    0
}

/// What C code lays between its variables and the return address. Some builds of the library of
/// Rust's compiler are such code.
#[unsafe(no_mangle)]
static __stack_chk_guard: AtomicUsize = AtomicUsize::new(0);

/// Where such code goes that finds it changed.
#[unsafe(no_mangle)]
extern "C" fn __stack_chk_fail() -> ! {
    trap()
}

pub fn set_stack_guard(random: usize) {
    __stack_chk_guard.store(random, Ordering::Relaxed);
}

/// Ends the process, whatever it does about signals.
#[inline(always)]
pub fn trap() -> ! {
    // SAFETY: does not return.
    unsafe { asm!("udf #0", options(noreturn, nomem, nostack)) }
}
