//! aarch64, with the calling convention of AAPCS64, but not of Apple's variant of it.
//!
//! The layout of an interrupted context is Linux's.

use crate::abi::exception::Exception;
use crate::abi::feature::aarch64 as feature;
use crate::abi::frame::{self, HAS_FRAME, N_BEFORE};
use crate::abi::memory::AARCH64_PAGE;
use crate::arch::{CCall, Frame, OnSignal};
use crate::system::kernel::Context;
use crate::width::{low_u32, usize_of};
use std::ffi::{c_int, c_void};
use std::mem::offset_of;

/// The page that objects for the processor are aligned to.
pub const OBJECT_PAGE: u64 = AARCH64_PAGE;

/// The registers that tell where code is and how it came there.
#[derive(Clone, Copy)]
pub struct Registers {
    pub pc: usize,
    pub sp: usize,
    pub fp: usize,
    /// The link register, where a call leaves the address to return to.
    lr: usize,
}

/// Their numbers.
const FP: usize = 29;
const LR: usize = 30;

impl Registers {
    /// Those of the function around, which is one of the runtime's.
    #[inline(always)]
    pub fn here() -> Registers {
        let fp = frame_pointer();
        Registers { pc: 0, sp: fp, fp, lr: 0 }
    }

    /// Those of code that a signal interrupted.
    pub fn of(context: &Context) -> Registers {
        let machine = &context.uc_mcontext;
        let [pc, sp, fp, lr] = [machine.pc, machine.sp, machine.regs[FP], machine.regs[LR]].map(usize_of);
        Registers { pc, sp, fp, lr }
    }

    /// Where a function returns to that has called no other.
    pub fn link(&self) -> Option<usize> {
        Some(self.lr)
    }

    /// Where a function returns to that has not set up its frame yet, or never does: `offset` is
    /// the distance of `pc` from its first instruction, and `frame` what [`frame`] says of it.
    /// Nothing if its frame is there.
    pub fn return_without_frame(
        &self,
        offset: u32,
        frame: u32,
        _read: impl FnOnce(usize) -> Option<usize>,
    ) -> Option<usize> {
        /// `stp x29, x30, [sp, #-16]!; mov x29, sp`.
        const USUAL: u32 = 2;
        const INSTRUCTION: u32 = 4;
        let n_before = match frame / N_BEFORE {
            0 => USUAL,
            n_before => n_before,
        };
        // Until then the link register holds what it got; a function without a frame calls no
        // other.
        let is_set = frame & HAS_FRAME != 0 && offset / INSTRUCTION >= n_before;
        (!is_set).then_some(self.lr)
    }
}

/// The value of a general register, by its number in instructions.
pub fn general_register(context: &Context, number: u8) -> Option<u64> {
    context.uc_mcontext.regs.get(usize::from(number)).copied()
}

/// How many bytes lie between the stored frame pointer of a function and its return address.
pub const fn gap(_frame: u32) -> usize {
    0
}

/// The frame pointer of the function around.
#[inline(always)]
pub fn frame_pointer() -> usize {
    let fp: usize;
    // SAFETY: copies a register. The build script compiles this crate with frame pointers.
    unsafe { std::arch::asm!("mov {}, x29", out(reg) fp, options(nomem, nostack, preserves_flags)) };
    fp
}

/// Where the function around returns to: in the code of the module that called it.
#[inline(always)]
pub fn return_address() -> usize {
    // SAFETY: the frame pointer points at a frame record of this stack (AAPCS64, 6.4.6).
    unsafe { (*(frame_pointer() as *const Frame)).return_address }
}

/// What the call before a return address calls, if it names it.
///
/// # Safety
/// The address is one in translated code.
pub unsafe fn call_target(return_address: usize) -> Option<usize> {
    let call = return_address.checked_sub(4).filter(|call| call.is_multiple_of(4))?;
    // SAFETY: see above; a function's first instruction follows four bytes and more of the text.
    let instruction = unsafe { *(call as *const i32) };
    // `bl`, with a distance of 26 bits in instructions.
    let is_call = instruction.cast_unsigned() >> 26 == 0b10_0101;
    let distance = instruction << 6 >> 4;
    is_call.then(|| call.wrapping_add_signed(distance as isize))
}

/// The integer registers that a call preserves (AAPCS64, 6.1.1).
pub const N_PRESERVED: usize = 11;

/// Copies the registers that a call preserves: functions up to here need not have saved them.
#[inline(always)]
pub fn save_preserved(place: &mut [usize; N_PRESERVED]) {
    // SAFETY: writes to the place alone.
    unsafe {
        std::arch::asm!(
            "stp x19, x20, [{0}]",
            "stp x21, x22, [{0}, #16]",
            "stp x23, x24, [{0}, #32]",
            "stp x25, x26, [{0}, #48]",
            "stp x27, x28, [{0}, #64]",
            "str x29, [{0}, #80]",
            in(reg) place.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
}

/// Lets the processor fetch what lies at an address, which may be any.
#[inline(always)]
pub fn prefetch(address: usize) {
    // SAFETY: a hint, which faults nowhere.
    unsafe { std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly)) };
}

/// The beginning of a naked function: a frame with the registers that calls preserve. They lie 16
/// bytes after the stack pointer, in the order of [`frame::AARCH64`].
macro_rules! store_preserved {
    () => {
        concat!(
            "stp x29, x30, [sp, #-160]!\n",
            "mov x29, sp\n",
            "stp x19, x20, [sp, #16]\n",
            "stp x21, x22, [sp, #32]\n",
            "stp x23, x24, [sp, #48]\n",
            "stp x25, x26, [sp, #64]\n",
            "stp x27, x28, [sp, #80]\n",
            // Of vector registers, the lower halves of some (AAPCS64, 6.1.2).
            "stp d8, d9, [sp, #96]\n",
            "stp d10, d11, [sp, #112]\n",
            "stp d12, d13, [sp, #128]\n",
            "stp d14, d15, [sp, #144]",
        )
    };
}

/// Saves the registers that a call preserves, notes the stack pointer in `*stack`, and calls
/// `function`. Returns 0 after it, or 1 through [`resume`].
///
/// # Safety
/// The function takes the data, and `stack` can be written.
#[unsafe(naked)]
pub unsafe extern "C" fn enter(function: extern "C" fn(*mut c_void), data: *mut c_void, stack: *mut usize) -> u32 {
    std::arch::naked_asm!(
        store_preserved!(),
        "mov x9, sp",
        "str x9, [x2]",
        "mov x9, x0",
        "mov x0, x1",
        "blr x9",
        "mov w0, #0",
        "b {leave}",
        leave = sym leave,
    )
}

/// The end of [`enter`], with its stack pointer and the result in `w0`.
#[unsafe(naked)]
unsafe extern "C" fn leave() -> u32 {
    std::arch::naked_asm!(
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #160",
        "ret",
    )
}

/// Goes on at the end of the [`enter`] that noted this stack pointer, with result 1.
///
/// # Safety
/// That call of [`enter`] has not returned, and nothing in the frames since needs to be released.
#[unsafe(naked)]
pub unsafe extern "C" fn resume(stack: usize) -> ! {
    std::arch::naked_asm!("mov sp, x0", "mov w0, #1", "b {leave}", leave = sym leave)
}

/// Changes an interrupted context so that it goes on with [`resume`].
pub fn resume_in(context: &mut Context, stack: usize) {
    let machine = &mut context.uc_mcontext;
    machine.pc = resume as *const () as u64;
    machine.regs[0] = stack as u64;
    // The handler returns to this stack, whatever the fault left.
    machine.sp = stack as u64;
}

/// The handler that the system calls: aligns the stack, and calls that of `T`, as on x86-64.
///
/// # Safety
/// The system calls it for a signal, with the arguments of [`OnSignal::on_signal`].
#[unsafe(naked)]
pub unsafe extern "C" fn signal_entry<T: OnSignal>(signal: c_int, info: *mut c_void, context: *mut c_void) {
    std::arch::naked_asm!(
        "stp x29, x30, [sp, #-16]!",
        "mov x29, sp",
        "and sp, x29, #-16",
        "bl {on_signal}",
        "mov sp, x29",
        "ldp x29, x30, [sp], #16",
        "ret",
        on_signal = sym T::on_signal,
    )
}

/// Registers that functions preserve for their callers, in the order of [`frame::AARCH64`].
#[repr(C)]
pub struct Preserved([usize; frame::n_registers(&frame::AARCH64)]);

impl Preserved {
    /// Takes back what a function stored in its frame.
    ///
    /// # Safety
    /// `fp` is the frame pointer of a live frame, and `frame` is its function's
    /// [`crate::abi::image::Function::frame`].
    pub unsafe fn restore(&mut self, frame: u32, fp: usize) {
        // SAFETY: see above.
        frame::places(&frame::AARCH64, frame, |number, place| unsafe {
            self.0[number] = *(fp as *const usize).byte_offset(place as isize);
        });
    }
}

/// The body of a naked function that is called with an exception, in Cranelift's `Tail` convention,
/// in which it arrives in `x2`. The function gets it, the registers that calls preserve, and the
/// frame of the naked function.
macro_rules! throw_by {
    ($function:ident) => {
        std::arch::naked_asm!(
            store_preserved!(),
            "mov x0, x2",
            "add x1, sp, #16",
            "mov x2, sp",
            "bl {function}",
            "udf #0",
            function = sym $function,
        )
    };
}

/// Goes on at a landing, with the exception in the first payload register of Cranelift's `Tail`
/// convention, which is LLVM's, too. The second one would say which clause takes it.
///
/// # Safety
/// The addresses are those of a landing and of the live frame that it belongs to, and nothing in
/// the frames since needs to be released.
pub unsafe fn land(landing: usize, sp: usize, fp: usize, exception: *const Exception, preserved: &Preserved) -> ! {
    // SAFETY: see above.
    unsafe {
        std::arch::asm!(
            "ldp x19, x20, [x5]",
            "ldp x21, x22, [x5, #16]",
            "ldp x23, x24, [x5, #32]",
            "ldp x25, x26, [x5, #48]",
            "ldp x27, x28, [x5, #64]",
            "ldp d8, d9, [x5, #80]",
            "ldp d10, d11, [x5, #96]",
            "ldp d12, d13, [x5, #112]",
            "ldp d14, d15, [x5, #128]",
            "mov sp, x2",
            "mov x29, x3",
            "br x4",
            in("x0") exception,
            in("x1") 0,
            in("x2") sp,
            in("x3") fp,
            in("x4") landing,
            in("x5") preserved,
            options(noreturn),
        )
    }
}

/// A register of [`feature`], of those that the kernel hands over.
pub fn features(register: u8, [hwcap, hwcap2]: [u64; 2]) -> u32 {
    match register {
        feature::HWCAP => low_u32(hwcap.into()),
        feature::HWCAP2 => low_u32(hwcap2.into()),
        _ => 0,
    }
}

/// How many integers and floating-point numbers a call passes in registers (AAPCS64, 6.4). Variable
/// arguments go where fixed ones would.
pub const N_INTEGERS: usize = 8;
pub const N_FLOATS: usize = 8;

/// Whether a `long double` goes into a vector register.
pub const LONG_DOUBLE_IN_REGISTER: bool = true;

/// Fills registers and stack, calls, and notes the results.
///
/// # Safety
/// The function takes these arguments.
#[unsafe(naked)]
pub unsafe extern "C" fn call_c(call: *mut CCall) {
    std::arch::naked_asm!(
        "stp x29, x30, [sp, #-32]!",
        "mov x29, sp",
        "str x19, [sp, #16]",
        "mov x19, x0",
        "ldr x9, [x19, #{n_stack}]",
        "ldr x10, [x19, #{stack}]",
        "sub sp, sp, x9, lsl #3",
        "mov x11, sp",
        "2:",
        "cbz x9, 3f",
        "ldr x12, [x10], #8",
        "str x12, [x11], #8",
        "sub x9, x9, #1",
        "b 2b",
        "3:",
        "ldp q0, q1, [x19, #{floats}]",
        "ldp q2, q3, [x19, #{floats} + 32]",
        "ldp q4, q5, [x19, #{floats} + 64]",
        "ldp q6, q7, [x19, #{floats} + 96]",
        "ldp x0, x1, [x19, #{integers}]",
        "ldp x2, x3, [x19, #{integers} + 16]",
        "ldp x4, x5, [x19, #{integers} + 32]",
        "ldp x6, x7, [x19, #{integers} + 48]",
        "ldr x9, [x19, #{function}]",
        "blr x9",
        "str x0, [x19, #{integer}]",
        "str d0, [x19, #{float}]",
        "mov sp, x29",
        "ldr x19, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "ret",
        n_stack = const offset_of!(CCall, n_stack),
        stack = const offset_of!(CCall, stack),
        floats = const offset_of!(CCall, floats),
        integers = const offset_of!(CCall, integers),
        function = const offset_of!(CCall, function),
        integer = const offset_of!(CCall, integer),
        float = const offset_of!(CCall, float),
    )
}

/// A module's `long double`, of IEEE 754's binary128, which is also this platform's.
pub fn long_double_to_c(bits: u128) -> u128 {
    bits
}

/// The way back.
pub fn long_double_to_wasm(bits: u128) -> u128 {
    bits
}
