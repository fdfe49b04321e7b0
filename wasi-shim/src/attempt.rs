//! Calls that survive a trap: the stack is cut back to where the attempt began.
//!
//! Translated code holds nothing that would have to be released, so leaving its frames behind is safe. What a trap had written to
//! memories, tables and globals stays written, as the specification says.

use std::cell::UnsafeCell;
use std::ffi::c_void;

/// Where to go back to: the stack pointer inside of [`enter`], 0 outside of an attempt; and the message of the trap that
/// ended it.
struct Landing {
    stack: usize,
    message: &'static str,
}

thread_local! {
    /// Constant at the start and without a destructor, so that a signal handler can read it.
    static LANDING: UnsafeCell<Landing> = const { UnsafeCell::new(Landing { stack: 0, message: "" }) };
}

fn landing() -> &'static mut Landing {
    // SAFETY: only the thread and its signal handler come here; no reference is held across a call.
    unsafe { &mut *LANDING.with(UnsafeCell::get) }
}

/// Calls `work`; the trap's message if it traps. Attempts do not nest.
///
/// # Safety
/// Nothing that `work` leaves behind when it traps may need to be released.
pub unsafe fn attempt<F: FnMut()>(mut work: F) -> Result<(), &'static str> {
    extern "C" fn call<F: FnMut()>(work: *mut c_void) {
        // SAFETY: `enter` passes on what it got.
        unsafe { (*work.cast::<F>())() }
    }
    // SAFETY: the pointers fit each other, and the landing stays valid while `enter` is on the stack.
    let trapped = unsafe { enter(call::<F>, (&raw mut work).cast(), &raw mut landing().stack) };
    landing().stack = 0;
    if trapped == 0 { Ok(()) } else { Err(landing().message) }
}

/// Saves the registers that a callee must preserve (System V ABI, AMD64 supplement, 3.2.1), notes the stack pointer in
/// `*stack`, and
/// calls `function`. Returns 0 after it, or 1 through [`resume`].
#[unsafe(naked)]
unsafe extern "C" fn enter(function: extern "C" fn(*mut c_void), data: *mut c_void, stack: *mut usize) -> u32 {
    std::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rdx], rsp",
        "mov rax, rdi",
        "mov rdi, rsi",
        "call rax",
        "xor eax, eax",
        "jmp {leave}",
        leave = sym leave,
    )
}

/// The end of [`enter`], with its stack pointer and the result in `eax`.
#[unsafe(naked)]
unsafe extern "C" fn leave() -> u32 {
    std::arch::naked_asm!("add rsp, 8", "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp", "ret")
}

/// Gives up the attempt: goes to `leave` with the stack pointer `stack` and result 1.
#[unsafe(naked)]
unsafe extern "C" fn resume(stack: usize) -> ! {
    std::arch::naked_asm!("mov rsp, rdi", "mov eax, 1", "jmp {leave}", leave = sym leave)
}

/// Ends the current attempt, if there is one, with a trap. Called from where the trap was raised, not from a signal handler.
pub fn give_up(message: &'static str) {
    let landing = landing();
    if landing.stack != 0 {
        landing.message = message;
        // SAFETY: the attempt's frame is below all frames since.
        unsafe { resume(landing.stack) }
    }
}

/// As [`give_up`], from a signal handler: changes the interrupted context so that it goes on there. Whether there is an attempt.
pub fn give_up_in(context: &mut libc::ucontext_t, message: &'static str) -> bool {
    let landing = landing();
    if landing.stack == 0 {
        return false;
    }
    landing.message = message;
    let registers = &mut context.uc_mcontext.gregs;
    registers[libc::REG_RIP as usize] = resume as *const () as i64;
    registers[libc::REG_RDI as usize] = landing.stack as i64;
    // The handler returns to the attempt's stack, whatever the fault left.
    registers[libc::REG_RSP as usize] = landing.stack as i64;
    true
}
