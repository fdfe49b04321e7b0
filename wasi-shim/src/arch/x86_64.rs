//! x86-64, with the calling convention of the System V ABI, AMD64 supplement (psABI).
//!
//! The layout of an interrupted context is Linux's.

use crate::abi::exception::Exception;
use crate::abi::feature::x86_64 as feature;
use crate::abi::frame::{self, GAP, HAS_FRAME};
use crate::abi::memory::X86_64_PAGE;
use crate::arch::{CCall, Frame, OnSignal};
use crate::system::kernel::Context;
use crate::width::{low_u32, usize_of};
use std::arch::x86_64::{__cpuid, __cpuid_count, __m128i, _xgetbv};
use std::ffi::{c_int, c_void};
use std::mem::offset_of;

/// The page that objects for the processor are aligned to.
pub const OBJECT_PAGE: u64 = X86_64_PAGE;

/// The registers that tell where code is and how it came there.
#[derive(Clone, Copy)]
pub struct Registers {
    pub pc: usize,
    pub sp: usize,
    pub fp: usize,
}

impl Registers {
    /// Those of the function around, which is one of the runtime's.
    #[inline(always)]
    pub fn here() -> Registers {
        let fp = frame_pointer();
        Registers { pc: 0, sp: fp, fp }
    }

    /// Those of code that a signal interrupted.
    pub fn of(context: &Context) -> Registers {
        let [pc, sp, fp] = [libc::REG_RIP, libc::REG_RSP, libc::REG_RBP]
            .map(|number| word(context.uc_mcontext.gregs[number.unsigned_abs() as usize]));
        Registers { pc, sp, fp }
    }

    /// Where a function returns to that has called no other; here the stack says it.
    pub fn link(&self) -> Option<usize> {
        None
    }

    /// Where a function returns to that has not set up its frame yet, or never does: `offset` is
    /// the distance of `pc` from its first instruction, `frame` what [`frame`] says of it, and
    /// `read` reads a word of the stack. Nothing if its frame is there.
    pub fn return_without_frame(
        &self,
        offset: u32,
        frame: u32,
        read: impl FnOnce(usize) -> Option<usize>,
    ) -> Option<usize> {
        // A frame begins with `push rbp; mov rbp, rsp`, of 1 and 3 bytes. Before it, `sub rsp, GAP`
        // of 4 or 7 bytes.
        let gap = gap(frame);
        let first = match gap {
            0 => 0,
            1..=127 => 4,
            _ => 7,
        };
        let pushed = match offset.checked_sub(first) {
            _ if offset == 0 || frame & HAS_FRAME == 0 => 0,
            Some(0) => gap,
            Some(1) => gap.saturating_add(8),
            _ => return None,
        };
        read(self.sp.saturating_add(pushed))
    }
}

/// The value of a general register, by its number in instructions.
pub fn general_register(context: &Context, number: u8) -> Option<u64> {
    use libc::{
        REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RAX, REG_RBP, REG_RBX, REG_RCX,
        REG_RDI, REG_RDX, REG_RSI, REG_RSP,
    };
    const REGISTERS: [c_int; 16] = [
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11,
        REG_R12, REG_R13, REG_R14, REG_R15,
    ];
    let place = usize::try_from(*REGISTERS.get(usize::from(number))?).ok()?;
    Some(context.uc_mcontext.gregs.get(place)?.cast_unsigned())
}

/// How many bytes lie between the stored frame pointer of a function and its return address.
pub const fn gap(frame: u32) -> usize {
    const WORD: usize = 8;
    // 24 bits of words: never too many.
    ((frame / GAP) as usize).saturating_mul(WORD)
}

/// The contents of a register, as the system hands it to signal handlers.
const fn word(register: i64) -> usize {
    usize_of(register.cast_unsigned())
}

/// The way back.
const fn register(word: usize) -> i64 {
    (word as u64).cast_signed()
}

/// The frame pointer of the function around.
#[inline(always)]
pub fn frame_pointer() -> usize {
    let fp: usize;
    // SAFETY: copies a register. The build script compiles this crate with frame pointers.
    unsafe { std::arch::asm!("mov {}, rbp", out(reg) fp, options(nomem, nostack, preserves_flags)) };
    fp
}

/// Where the function around returns to: in the code of the module that called it.
#[inline(always)]
pub fn return_address() -> usize {
    // SAFETY: the frame pointer points at a frame of this stack (psABI, 3.2.2).
    unsafe { (*(frame_pointer() as *const Frame)).return_address }
}

/// What the call before a return address calls, if it names it; through a stub of the linker, what
/// the stub jumps to.
///
/// # Safety
/// The address is one in translated code.
pub unsafe fn call_target(return_address: usize) -> Option<usize> {
    // SAFETY: see above; a function's first instruction follows four bytes and more of the text.
    let byte = |address: usize| unsafe { *(address as *const u8) };
    // SAFETY: as above.
    let distance = |address: usize| unsafe { (address as *const i32).read_unaligned() as isize };
    // `call rel32`
    if byte(return_address.checked_sub(5)?) != 0xe8 {
        return None;
    }
    let target = return_address.wrapping_add_signed(distance(return_address.checked_sub(4)?));
    // `endbr64; bnd jmp [rip + rel32]`, of which only the jump is always there.
    let mut stub = target;
    // SAFETY: what code calls is code, which is longer than a jump or ends with its page.
    unsafe {
        if (stub as *const u32).read_unaligned() == u32::from_le_bytes([0xf3, 0x0f, 0x1e, 0xfa]) {
            stub = stub.wrapping_add(4);
        }
    }
    if byte(stub) == 0xf2 {
        stub = stub.wrapping_add(1);
    }
    if [byte(stub), byte(stub.wrapping_add(1))] != [0xff, 0x25] {
        return Some(target);
    }
    let slot = stub.wrapping_add(6).wrapping_add_signed(distance(stub.wrapping_add(2)));
    // SAFETY: the linker's word for the function.
    Some(unsafe { (slot as *const usize).read_unaligned() })
}

/// The registers that a call preserves (psABI, 3.2.1).
pub const N_PRESERVED: usize = 6;

/// Copies the registers that a call preserves: functions up to here need not have saved them.
#[inline(always)]
pub fn save_preserved(place: &mut [usize; N_PRESERVED]) {
    // SAFETY: writes to the place alone.
    unsafe {
        std::arch::asm!(
            "mov [{0}], rbx",
            "mov [{0} + 8], rbp",
            "mov [{0} + 16], r12",
            "mov [{0} + 24], r13",
            "mov [{0} + 32], r14",
            "mov [{0} + 40], r15",
            in(reg) place.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
}

/// Lets the processor fetch what lies at an address, which may be any.
#[inline(always)]
pub fn prefetch(address: usize) {
    // SAFETY: a hint, which faults nowhere.
    unsafe { std::arch::asm!("prefetcht0 [{}]", in(reg) address, options(nostack, preserves_flags, readonly)) };
}

/// Saves the registers that a call preserves, notes the stack pointer in `*stack`, and calls
/// `function`. Returns 0 after it, or 1 through [`resume`].
///
/// # Safety
/// The function takes the data, and `stack` can be written.
#[unsafe(naked)]
pub unsafe extern "C" fn enter(function: extern "C" fn(*mut c_void), data: *mut c_void, stack: *mut usize) -> u32 {
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

/// Goes on at the end of the [`enter`] that noted this stack pointer, with result 1.
///
/// # Safety
/// That call of [`enter`] has not returned, and nothing in the frames since needs to be released.
#[unsafe(naked)]
pub unsafe extern "C" fn resume(stack: usize) -> ! {
    std::arch::naked_asm!("mov rsp, rdi", "mov eax, 1", "jmp {leave}", leave = sym leave)
}

/// Changes an interrupted context so that it goes on with [`resume`].
pub fn resume_in(context: &mut Context, stack: usize) {
    let registers = &mut context.uc_mcontext.gregs;
    registers[libc::REG_RIP as usize] = register(resume as *const () as usize);
    registers[libc::REG_RDI as usize] = register(stack);
    // The handler returns to this stack, whatever the fault left.
    registers[libc::REG_RSP as usize] = register(stack);
}

/// The handler that the system calls: aligns the stack, and calls that of `T`. Emulators enter
/// handlers with a stack that is not aligned as the psABI asks (QEMU before 8.1 is 8 off).
///
/// # Safety
/// The system calls it for a signal, with the arguments of [`OnSignal::on_signal`].
#[unsafe(naked)]
pub unsafe extern "C" fn signal_entry<T: OnSignal>(signal: c_int, info: *mut c_void, context: *mut c_void) {
    std::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "and rsp, -16",
        "call {on_signal}",
        "leave",
        "ret",
        on_signal = sym T::on_signal,
    )
}

/// Registers that functions preserve for their callers, in the order of [`frame::X86_64`].
#[repr(C)]
pub struct Preserved([usize; frame::n_registers(&frame::X86_64)]);

impl Preserved {
    /// Takes back what a function stored in its frame.
    ///
    /// # Safety
    /// `fp` is the frame pointer of a live frame, and `frame` is its function's
    /// [`crate::abi::image::Function::frame`].
    pub unsafe fn restore(&mut self, frame: u32, fp: usize) {
        // SAFETY: see above.
        frame::places(&frame::X86_64, frame, |number, place| unsafe {
            self.0[number] = *(fp as *const usize).byte_offset(place as isize);
        });
    }
}

/// The body of a naked function that is called with an exception, in Cranelift's `Tail` convention
/// or that of C, in which it arrives in `rdi`. The function gets it, the registers that calls
/// preserve, and the frame of the naked function.
macro_rules! throw_by {
    ($function:ident) => {
        std::arch::naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "mov rsi, rsp",
            "mov rdx, rbp",
            "sub rsp, 8",
            "call {function}",
            "ud2",
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
            "mov r15, [r8]",
            "mov r14, [r8 + 8]",
            "mov r13, [r8 + 16]",
            "mov r12, [r8 + 24]",
            "mov rbx, [r8 + 32]",
            "mov rsp, rcx",
            "mov rbp, rsi",
            "jmp rdi",
            in("rax") exception,
            in("rdx") 0,
            in("rcx") sp,
            in("rsi") fp,
            in("rdi") landing,
            in("r8") preserved,
            options(noreturn),
        )
    }
}

/// A register of [`feature`]; 0 where the processor has none. The processor itself tells; what the
/// kernel hands over is not needed.
pub fn features(register: u8, _: [u64; 2]) -> u32 {
    const EXTENDED: u32 = 0x8000_0000;
    let (leaf, subleaf) = match register {
        feature::LEAF_1_ECX => (1, 0),
        feature::LEAF_7_EBX | feature::LEAF_7_ECX | feature::LEAF_7_EDX => (7, 0),
        feature::LEAF_7_1_EAX => (7, 1),
        feature::EXTENDED_ECX => (EXTENDED + 1, 0),
        _ => return saved_state(),
    };
    // What does not exist may hold anything, but for subleaves of 7, which are zero then.
    if __cpuid(leaf & EXTENDED).eax < leaf {
        return 0;
    }
    let result = __cpuid_count(leaf, subleaf);
    match register {
        feature::LEAF_7_1_EAX => result.eax,
        feature::LEAF_7_EBX => result.ebx,
        feature::LEAF_7_EDX => result.edx,
        _ => result.ecx,
    }
}

/// XCR0: the parts of the registers that the system saves at a switch of threads.
fn saved_state() -> u32 {
    #[target_feature(enable = "xsave")]
    fn state() -> u32 {
        // SAFETY: register 0 always exists.
        low_u32(unsafe { _xgetbv(0) }.into())
    }
    const OSXSAVE: u32 = 1 << 27;
    // SAFETY: the system uses XSAVE, and lets programs read what for.
    if __cpuid(1).ecx & OSXSAVE == 0 { 0 } else { unsafe { state() } }
}

/// `pshufb` of SSSE3: each byte of `selectors` chooses a byte of `bytes`, or zero if its highest
/// bit is set. Cranelift calls it on processors of level 1, which lack the instruction.
#[unsafe(no_mangle)]
#[expect(improper_ctypes_definitions, reason = "the C convention has a place for it: a vector register")]
pub extern "C" fn w2n_x86_pshufb(bytes: __m128i, selectors: __m128i) -> __m128i {
    let [bytes, selectors] = [bytes, selectors].map(|vector| {
        // SAFETY: sixteen bytes in which every pattern is valid.
        unsafe { std::mem::transmute::<__m128i, [u8; 16]>(vector) }
    });
    let result = selectors.map(|selector| if selector < 0x80 { bytes[usize::from(selector & 15)] } else { 0 });
    // SAFETY: as above.
    unsafe { std::mem::transmute::<[u8; 16], __m128i>(result) }
}

/// How many integers and floating-point numbers a call passes in registers (psABI, 3.2.3). Variable
/// arguments go where fixed ones would.
pub const N_INTEGERS: usize = 6;
pub const N_FLOATS: usize = 8;

/// Whether a `long double` goes into a vector register.
pub const LONG_DOUBLE_IN_REGISTER: bool = false;

/// Fills registers and stack, calls, and notes the results.
///
/// # Safety
/// The function takes these arguments.
#[unsafe(naked)]
pub unsafe extern "C" fn call_c(call: *mut CCall) {
    std::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "sub rsp, 8",
        "mov rbx, rdi",
        "mov rcx, [rbx + {n_stack}]",
        "lea rax, [rcx * 8]",
        "sub rsp, rax",
        "mov rsi, [rbx + {stack}]",
        "mov rdi, rsp",
        "rep movsq",
        "movaps xmm0, [rbx + {floats}]",
        "movaps xmm1, [rbx + {floats} + 16]",
        "movaps xmm2, [rbx + {floats} + 32]",
        "movaps xmm3, [rbx + {floats} + 48]",
        "movaps xmm4, [rbx + {floats} + 64]",
        "movaps xmm5, [rbx + {floats} + 80]",
        "movaps xmm6, [rbx + {floats} + 96]",
        "movaps xmm7, [rbx + {floats} + 112]",
        "mov rdi, [rbx + {integers}]",
        "mov rsi, [rbx + {integers} + 8]",
        "mov rdx, [rbx + {integers} + 16]",
        "mov rcx, [rbx + {integers} + 24]",
        "mov r8, [rbx + {integers} + 32]",
        "mov r9, [rbx + {integers} + 40]",
        // An upper bound of the vector registers used.
        "mov eax, 8",
        "call [rbx + {function}]",
        "mov [rbx + {integer}], rax",
        "movsd [rbx + {float}], xmm0",
        "lea rsp, [rbp - 8]",
        "pop rbx",
        "pop rbp",
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

/// Bits of the fraction in binary128, and in the x87's format, where the bit before the point
/// stands above them (Intel SDM 1, 4.2.2).
const FRACTIONS: (u32, u32) = (112, 63);

/// How many bits more binary128 has, and the number that is half of a unit of the x87's.
const DROPPED: u32 = FRACTIONS.0 - FRACTIONS.1;
const HALF: u128 = 1 << (DROPPED - 1);

/// The highest bit of the x87's fraction.
const HIGHEST: u128 = 1 << (FRACTIONS.1 - 1);

/// The low bits of a number.
const fn low_bits(number: u128, n_bits: u32) -> u128 {
    number & (u128::MAX >> u128::BITS.saturating_sub(n_bits))
}

/// A module's `long double`, of IEEE 754's binary128, in the x87's format: rounded to nearest, ties
/// to even. Both have the same exponents.
pub fn long_double_to_c(bits: u128) -> u128 {
    let sign = bits >> 127;
    let mut exponent = (bits >> FRACTIONS.0) & 0x7fff;
    let fraction = low_bits(bits, FRACTIONS.0);
    let rest = low_bits(fraction, DROPPED);
    let mut kept = fraction >> DROPPED;
    if exponent == 0x7fff {
        // A payload in the low bits must not become an infinity.
        kept |= if fraction != 0 { HIGHEST } else { 0 };
    } else if rest > HALF || (rest == HALF && kept & 1 == 1) {
        kept = kept.saturating_add(1);
        // A carry out of the fraction is the next exponent, also from below the normal numbers.
        exponent = exponent.saturating_add(kept >> FRACTIONS.1);
        kept = low_bits(kept, FRACTIONS.1);
    }
    let integer = u128::from(exponent != 0) << FRACTIONS.1;
    sign << 79 | exponent << 64 | integer | kept
}

/// The way back, which is exact.
pub fn long_double_to_wasm(bits: u128) -> u128 {
    let sign = bits >> 79 & 1;
    let exponent = bits >> 64 & 0x7fff;
    sign << 127 | exponent << FRACTIONS.0 | low_bits(bits, FRACTIONS.1) << DROPPED
}
