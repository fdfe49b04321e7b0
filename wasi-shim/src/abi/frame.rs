//! What [`Function::frame`](super::image::Function::frame) says of a function's frame, and where in
//! it a function stores the registers that it preserves for its caller.

/// The function sets up a frame: the frame pointer points at the caller's, followed by the return
/// address, or by a [`GAP`]; on s390x the stack pointer points at the caller's.
pub const HAS_FRAME: u32 = 1;

/// Factor of the number of instructions after which the frame pointer is set; 0 is the usual
/// number. On aarch64 alone.
pub const N_BEFORE: u32 = 1 << 24;

/// Factor of the number of words between the stored frame pointer and the return address, in
/// functions with tail calls whose arguments take more of the stack than their own. On x86-64
/// alone.
pub const GAP: u32 = 1 << 8;

/// Registers of one kind, which lie side by side. The bits above [`HAS_FRAME`] say which ones a
/// function stores, those of the first group first.
#[derive(Debug)]
pub struct Group {
    /// By their numbers in DWARF.
    pub registers: &'static [u16],
    /// They lie above frame pointer and return address, else below.
    pub is_above: bool,
    /// They are stored in pairs. A single one leaves the other half of its pair free if the number
    /// of all that are stored is odd.
    pub in_pairs: bool,
}

/// r15, r14, r13, r12, rbx (psABI, figure 3.36).
pub const X86_64: [Group; 1] = [Group { registers: &[15, 14, 13, 12, 3], is_above: false, in_pairs: false }];

/// x19 to x28, d8 to d15 (AADWARF64, 4.1).
pub const AARCH64: [Group; 2] = [
    Group { registers: &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28], is_above: true, in_pairs: true },
    Group { registers: &[72, 73, 74, 75, 76, 77, 78, 79], is_above: false, in_pairs: true },
];

/// How many registers there are in all groups.
pub const fn n_registers(groups: &[Group]) -> usize {
    match groups {
        [] => 0,
        [first, rest @ ..] => first.registers.len().saturating_add(n_registers(rest)),
    }
}

const WORD: i32 = 8;
/// Frame pointer and return address.
const RECORD: i32 = 2 * WORD;

/// Visits the registers that a function stores: the number of each in all groups, and its place
/// from the frame pointer. In a group, the first lies highest.
pub fn places(groups: &[Group], frame: u32, mut visit: impl FnMut(usize, i32)) {
    let mut bits = frame / HAS_FRAME;
    let mut is_odd = false;
    for nth in 1..=n_registers(groups) {
        is_odd ^= bits >> nth & 1 == 1;
    }
    let mut first = 0usize;
    for group in groups {
        let mut n_stored = 0i32;
        for nth in 1..=group.registers.len() {
            n_stored = n_stored.saturating_add((bits >> nth & 1).cast_signed());
        }
        let size = n_stored.saturating_mul(WORD);
        let size = if group.in_pairs && is_odd && n_stored & 1 == 1 { size.saturating_add(WORD) } else { size };
        let bottom = if group.is_above { RECORD } else { size.saturating_neg() };
        let mut place = bottom.saturating_add(size);
        for nth in 0..group.registers.len() {
            bits >>= 1;
            if bits & 1 == 0 {
                continue;
            }
            n_stored = n_stored.saturating_sub(1);
            place = if n_stored == 0 { bottom } else { place.saturating_sub(WORD) };
            visit(first.saturating_add(nth), place);
        }
        first = first.saturating_add(group.registers.len());
    }
}
