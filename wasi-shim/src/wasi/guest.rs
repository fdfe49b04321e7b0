//! The memory of the module that called, as WASI sees it: untrusted numbers come in, checked
//! pointers go out.
//!
//! Nothing here makes a Rust reference to the guest's bytes: other threads of the guest may write
//! them at any time, and the kernel writes where the guest told it to. Every byte that decides
//! something is copied first, and looked at once.

use crate::abi::program::Program;
use crate::memory;
use crate::program;
use crate::wasi::context::Context;
use crate::wasi::errno::{Errno, OUT_OF_BOUNDS, Result};
use crate::width::{saturating_u32, usize_of};
use std::ffi::CString;
use std::sync::atomic::Ordering;

/// Longest path with its ending zero (`PATH_MAX`): the system takes no longer ones.
const LONGEST_PATH: u32 = 4096;

/// Most pieces that one call of the system takes (`IOV_MAX`). What follows them waits for the
/// guest's next call, as after any other short read or write.
const MOST_PIECES: usize = 1024;

/// Bytes of an `$iovec`: address and length.
const PIECE_SIZE: usize = 8;

/// What WASI's addresses of 32 bits reach. A larger memory ends there, so that no sum of an address
/// and a size wraps round.
const LARGEST: u64 = 1 << 32;

/// The bytes below the size that the memory had when the call began; it never shrinks.
pub struct Guest {
    base: *mut u8,
    bytes: u64,
    /// The program or library of that module.
    pub program: &'static Program,
    /// What it was granted.
    pub context: &'static Context,
}

impl Guest {
    /// The memory of the module in whose code `return_address` lies. Without a memory every pointer
    /// is out of bounds.
    pub fn of(return_address: usize) -> Guest {
        let (program, image) = program::at(return_address);
        let context = Context::of(program);
        match image.map_or(std::ptr::null_mut(), |image| image.wasi_memory) {
            memory if memory.is_null() => Guest { base: std::ptr::null_mut(), bytes: 0, program, context },
            // SAFETY: a memory of the image, whose base does not change while code runs.
            memory => unsafe {
                let bytes = memory::size(memory).load(Ordering::Acquire).min(LARGEST);
                Guest { base: (*memory).base, bytes, program, context }
            },
        }
    }

    /// Where `length` bytes at `address` are. No bytes are everywhere.
    pub fn at(&self, address: u32, length: u64) -> Result<*mut u8> {
        let end = u64::from(address).checked_add(length);
        if length != 0 && end.is_none_or(|end| end > self.bytes) {
            return Err(OUT_OF_BOUNDS);
        }
        Ok(self.base.wrapping_add(address as usize))
    }

    pub fn read<const N: usize>(&self, address: u32) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.copy_out(address, &mut bytes)?;
        Ok(bytes)
    }

    pub fn write(&self, address: u32, bytes: &[u8]) -> Result<()> {
        let start = self.at(address, bytes.len() as u64)?;
        // SAFETY: `at` checked the range; the bytes are not the guest's.
        unsafe { libc::memcpy(start.cast(), bytes.as_ptr().cast(), bytes.len()) };
        Ok(())
    }

    pub fn write_u32(&self, address: u32, value: u32) -> Result<()> {
        self.write(address, &value.to_le_bytes())
    }

    pub fn write_u64(&self, address: u32, value: u64) -> Result<()> {
        self.write(address, &value.to_le_bytes())
    }

    /// The beginning of an array of so many elements of `size` bytes, all of which are in the
    /// memory.
    pub fn array(&self, address: u32, count: u32, size: usize) -> Result<Cursor<'_>> {
        self.at(address, u64::from(count).checked_mul(size as u64).ok_or(OUT_OF_BOUNDS)?)?;
        Ok(self.cursor(address))
    }

    pub fn cursor(&self, address: u32) -> Cursor<'_> {
        Cursor { guest: self, next: address }
    }

    /// A copy of so many bytes.
    pub fn copy(&self, address: u32, length: u64) -> Result<Vec<u8>> {
        self.at(address, length)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize_of(length)).map_err(|_| Errno::Nomem)?;
        bytes.resize(usize_of(length), 0);
        self.copy_out(address, &mut bytes)?;
        Ok(bytes)
    }

    fn copy_out(&self, address: u32, bytes: &mut [u8]) -> Result<()> {
        let start = self.at(address, bytes.len() as u64)?;
        // SAFETY: `at` checked the range; the bytes are not the guest's.
        unsafe { libc::memcpy(bytes.as_mut_ptr().cast(), start.cast(), bytes.len()) };
        Ok(())
    }

    /// A path, or the text of a link: bytes, as the system has them, be they UTF-8 or not.
    ///
    /// # Errors
    /// `inval` with a zero in it, `nametoolong`; `noent` if it is empty.
    pub fn path(&self, address: u32, length: u32) -> Result<CString> {
        self.at(address, length.into())?;
        if length >= LONGEST_PATH {
            return Err(Errno::Nametoolong.into());
        }
        let bytes = self.copy(address, length.into())?;
        if bytes.is_empty() {
            return Err(Errno::Noent.into());
        }
        Ok(CString::new(bytes).map_err(|_| Errno::Inval)?)
    }

    /// The pieces that an array of `$iovec` or `$ciovec` names, without the empty ones, which may
    /// claim to lie anywhere.
    pub fn pieces(&self, address: u32, count: u32) -> Result<Vec<libc::iovec>> {
        let mut next = self.pieces_one_by_one(address, count)?;
        let mut pieces = Vec::with_capacity(MOST_PIECES.min(count as usize));
        while pieces.len() < MOST_PIECES
            && let Some(piece) = next()?
        {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    /// As [`Guest::pieces`], each when it is asked for.
    pub fn pieces_one_by_one(&self, address: u32, count: u32) -> Result<impl FnMut() -> Result<Option<libc::iovec>>> {
        let mut list = self.array(address, count, PIECE_SIZE)?;
        let mut left = count;
        Ok(move || {
            while let Some(fewer) = left.checked_sub(1) {
                left = fewer;
                let [address, length] = [list.read()?, list.read()?].map(u32::from_le_bytes);
                if length != 0 {
                    let iov_base = self.at(address, length.into())?.cast();
                    return Ok(Some(libc::iovec { iov_base, iov_len: length as usize }));
                }
            }
            Ok(None)
        })
    }
}

/// A place in the memory that moves on as it is read or written.
pub struct Cursor<'a> {
    guest: &'a Guest,
    next: u32,
}

impl Cursor<'_> {
    pub fn read<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.guest.read(self.next)?;
        self.advance(N);
        Ok(bytes)
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.guest.write(self.next, bytes)?;
        self.advance(bytes.len());
        Ok(())
    }

    /// Wraps after the last byte that 32 bits can name: a place of no bytes, and every access
    /// checks its own range.
    fn advance(&mut self, length: usize) {
        self.next = self.next.wrapping_add(saturating_u32(length));
    }
}
