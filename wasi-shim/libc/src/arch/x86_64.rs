//! x86-64, as the System V ABI's AMD64 supplement (psABI) and Linux use it.

use crate::arch::{Spawn, TlsVariant};
use crate::word::Word;
use core::arch::{asm, naked_asm};
use core::mem::offset_of;

pub const TLS: TlsVariant = TlsVariant::Two;

/// The relocation of an address in a static position-independent program.
pub const RELATIVE: u32 = 8;

/// The name of the clock in the kernel's own library.
pub const CLOCK_GETTIME: &[u8] = b"__vdso_clock_gettime\0";

/// Defines where a program begins (psABI, 3.4.1): hands the stack pointer, the dynamic section and
/// the ELF header to the function.
macro_rules! define_start {
    ($function:path) => {
        /// # Safety
        /// The kernel's, once.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn _start() -> ! {
            core::arch::naked_asm!(
                "xor ebp, ebp",
                "mov rdi, rsp",
                "lea rsi, [rip + _DYNAMIC]",
                "lea rdx, [rip + __ehdr_start]",
                "and rsp, -16",
                "call {function}",
                "ud2",
                function = sym $function,
            )
        }
    };
}

/// A system call, with all registers that one can have (psABI, A.2.1). A result from -4095 to -1 is
/// a negated error number.
///
/// # Safety
/// As the call wants it.
#[inline(always)]
pub unsafe fn system_call(number: usize, arguments: [usize; 6]) -> usize {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: as required of the caller. The kernel changes these two registers.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

#[inline(always)]
pub fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: the word at the thread pointer holds its own address, from the start on.
    unsafe { asm!("mov {}, fs:0", out(reg) pointer, options(nostack, pure, readonly, preserves_flags)) };
    pointer
}

/// Whether it could.
///
/// # Safety
/// The thread's block is there.
pub unsafe fn set_thread_pointer(pointer: usize) -> bool {
    const ARCH_SET_FS: usize = 0x1002;
    // SAFETY: as required of the caller.
    unsafe { system_call(libc::SYS_arch_prctl.word(), [ARCH_SET_FS, pointer, 0, 0, 0, 0]) == 0 }
}

/// Starts a thread by `clone` with these flags; returns its result.
///
/// # Safety
/// The stack and the block belong to the new thread alone.
#[unsafe(naked)]
pub unsafe extern "C" fn spawn(flags: usize, new: *const Spawn) -> usize {
    naked_asm!(
        "mov r9, [rsi + {function}]",
        "mov rcx, [rsi + {argument}]",
        "mov r8, [rsi + {thread_pointer}]",
        "mov rdx, [rsi + {number}]",
        "mov r10, rdx",
        "mov rsi, [rsi + {stack}]",
        "and rsi, -16",
        // The new thread has the registers of this one, but `rcx` and `r11`.
        "sub rsi, 16",
        "mov [rsi], rcx",
        "mov eax, {clone}",
        "syscall",
        "test rax, rax",
        "jz 2f",
        "ret",
        "2:",
        "xor ebp, ebp",
        "pop rdi",
        "add rsp, 8",
        "call r9",
        "ud2",
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
        "mov eax, {munmap}",
        "syscall",
        "xor edi, edi",
        "mov eax, {exit}",
        "syscall",
        "ud2",
        munmap = const libc::SYS_munmap,
        exit = const libc::SYS_exit,
    )
}

/// What the kernel wants to know of a handler: a function that ends it, where it brings none.
pub const SA_RESTORER: i32 = 0x0400_0000;

pub fn restorer() -> usize {
    __restore_rt as *const () as usize
}

/// Name and bytes are those by which debuggers know the frame of a signal.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn __restore_rt() {
    naked_asm!("mov rax, {rt_sigreturn}", "syscall", rt_sigreturn = const libc::SYS_rt_sigreturn)
}

/// C code that checks its stack asks for more than this library has.
pub fn set_stack_guard(_random: usize) {}

/// Ends the process, whatever it does about signals.
#[inline(always)]
pub fn trap() -> ! {
    // SAFETY: does not return.
    unsafe { asm!("ud2", options(noreturn, nomem, nostack)) }
}
