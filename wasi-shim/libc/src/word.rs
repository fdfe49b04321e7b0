//! Numbers of C as registers hold them. This file alone cuts and extends numbers.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a register holds the bits of a number; what is cut off is not part of it"
)]

/// A number, as what a system call takes and gives.
pub trait Word: Copy {
    fn word(self) -> usize;

    /// The low bits.
    fn of(word: usize) -> Self;
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(
            impl Word for $number {
                #[inline(always)]
                fn word(self) -> usize {
                    self as usize
                }

                #[inline(always)]
                fn of(word: usize) -> $number {
                    word as $number
                }
            }
        )*
    };
}

numbers! { i32 u32 i64 u64 isize usize }
