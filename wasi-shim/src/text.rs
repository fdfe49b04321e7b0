//! Text to a file descriptor, or to a place in memory, through a buffer on the stack: no
//! allocation, no locks, no `std::fmt`, so that trap handlers may use it.

use crate::abi::words::obeyed;
use crate::program::c_string;
use crate::system::kernel;
use crate::width::{low_u64, usize_of};
use std::sync::atomic::{AtomicPtr, Ordering};

pub const STDOUT: i32 = 1;
pub const STDERR: i32 = 2;

/// Exit status for faults of the user's: options or arguments of the program that can't be
/// understood.
pub const USAGE_EXIT_STATUS: i32 = 2;

const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// Collects text and writes it when dropped, in one system call if it fits.
pub struct Text {
    sink: Sink,
    buffer: [u8; 1024],
    used: usize,
}

/// Where text goes.
enum Sink {
    Descriptor(i32),
    /// A place for `length` bytes, of which one is for the zero byte after the text; and how many
    /// bytes went there or would have.
    Slice {
        start: *mut u8,
        length: usize,
        written: usize,
    },
}

impl Text {
    pub fn new(descriptor: i32) -> Text {
        Text { sink: Sink::Descriptor(descriptor), buffer: [0; 1024], used: 0 }
    }

    /// Text that ends up in `place`, cut to its size and ended by a zero byte. To be dropped before
    /// `place` is looked at.
    pub fn into_buffer(place: &mut [u8]) -> Text {
        // SAFETY: a place of that many bytes.
        unsafe { Text::into_place(place.as_mut_ptr(), place.len()) }
    }

    /// As [`Text::into_buffer`].
    ///
    /// # Safety
    /// From `start` on `length` bytes can be written until the text is dropped.
    pub unsafe fn into_place(start: *mut u8, length: usize) -> Text {
        Text { sink: Sink::Slice { start, length, written: 0 }, buffer: [0; 1024], used: 0 }
    }

    /// What was not written yet: all of a short message.
    pub fn line(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    /// Length of all the text so far, cut or not, for text that goes to a place in memory.
    pub fn length(&self) -> usize {
        match self.sink {
            Sink::Slice { written, .. } => written.saturating_add(self.used),
            Sink::Descriptor(_) => self.used,
        }
    }

    #[inline]
    pub fn add(&mut self, text: impl AsRef<[u8]>) -> &mut Text {
        self.add_bytes(text.as_ref())
    }

    #[inline(never)]
    fn add_bytes(&mut self, text: &[u8]) -> &mut Text {
        for &byte in text {
            if self.used == self.buffer.len() {
                self.flush();
            }
            self.buffer[self.used] = byte;
            self.used = self.used.saturating_add(1);
        }
        self
    }

    /// Text of unknown origin: what could drive a terminal or turn the line around becomes `?`, and
    /// a very long text is cut.
    #[inline(never)]
    pub fn add_name(&mut self, name: &[u8]) -> &mut Text {
        const LONGEST: usize = 300;
        let mut rest = &name[..name.len().min(LONGEST)];
        while let [first, ..] = *rest {
            let length = obeyed(rest);
            self.add([if length > 0 { b'?' } else { first }]);
            rest = &rest[length.max(1)..];
        }
        if name.len() > LONGEST { self.add("...") } else { self }
    }

    #[inline(never)]
    pub fn add_decimal(&mut self, value: u128) -> &mut Text {
        let mut digits = [b'0'; 39];
        let mut start = digits.len();
        // By quarters: a division of 128 bits would be a call of the compiler's library, which a
        // host may lack.
        let mut quarters = [96, 64, 32, 0].map(|shift| low_u64(value >> shift) & 0xffff_ffff);
        for (index, digit) in digits.iter_mut().enumerate().rev() {
            let mut rest = 0;
            for quarter in &mut quarters {
                let part = rest << 32 | *quarter;
                (*quarter, rest) = (part / 10, part % 10);
            }
            *digit = DIGITS[usize_of(rest)];
            start = index;
            if quarters == [0; 4] {
                break;
            }
        }
        self.add(&digits[start..])
    }

    #[inline(never)]
    pub fn add_hex(&mut self, value: u64) -> &mut Text {
        self.add("0x");
        let n_digits = u64::BITS.saturating_sub(value.leading_zeros()).div_ceil(4).max(1);
        for digit in (0..n_digits).rev() {
            let shift = digit.saturating_mul(4);
            self.add([DIGITS[usize_of(value.checked_shr(shift).unwrap_or(0) & 15)]]);
        }
        self
    }

    #[inline(never)]
    fn flush(&mut self) {
        let text = &self.buffer[..self.used];
        match &mut self.sink {
            Sink::Descriptor(descriptor) => write(*descriptor, text),
            Sink::Slice { start, length, written } => {
                if let Some(room) = length.checked_sub(written.saturating_add(1)) {
                    let n = room.min(text.len());
                    // SAFETY: `n` and one more bytes are left of the place.
                    unsafe {
                        std::ptr::copy_nonoverlapping(text.as_ptr(), start.add(*written), n);
                        start.add(*written).add(n).write(0);
                    }
                }
                *written = written.saturating_add(text.len());
            }
        }
        self.used = 0;
    }
}

fn write(descriptor: i32, mut rest: &[u8]) {
    while !rest.is_empty() {
        // SAFETY: writes from a live buffer; a bad descriptor is an error, not a fault.
        let n = unsafe { libc::write(descriptor, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(n) {
            Ok(n @ 1..) => rest = &rest[n.min(rest.len())..],
            Err(_) if kernel::last_error() == libc::EINTR => {}
            _ => break,
        }
    }
}

impl std::fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.add(text);
        Ok(())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.flush();
    }
}

static PROGRAM_NAME: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

/// Takes over `argv[0]`, zero-terminated, for messages.
pub fn set_program_name(name: *const u8) {
    PROGRAM_NAME.store(name.cast_mut(), Ordering::Relaxed);
}

/// The beginning of a message to the user: `program: `.
pub fn message() -> Text {
    let mut text = Text::new(STDERR);
    let name = PROGRAM_NAME.load(Ordering::Relaxed);
    if !name.is_null() {
        // SAFETY: `argv[0]`, which the system ended with a zero and nothing changes.
        text.add_name(unsafe { c_string(name) }).add(": ");
    }
    text
}
