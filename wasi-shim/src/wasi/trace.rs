//! `--trace`: each call of WASI on a line of standard error, as strace shows those of the system.
//!
//! `fd_write(fd=1, iovs=0x8 "hello\\n", iovs_len=1, nwritten=0x14 [6]) = success`: numbers that are
//! addresses are hexadecimal, a text follows in quotation marks, and what a call has left at an
//! address in brackets. A call is printed when it returns; one that traps is not.

use crate::text::{STDERR, Text};
use crate::wasi::errno::{Errno, Result};
use crate::wasi::guest::Guest;
use crate::width::low_u32;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_ON: AtomicBool = AtomicBool::new(false);

/// From now on, calls are printed.
pub fn begin() {
    IS_ON.store(true, Ordering::Relaxed);
}

#[inline(always)]
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// How many bytes of a text are shown.
const SHOWN: u32 = 32;

/// Where a call leaves a number of 32 and of 64 bits.
const RESULTS: &str =
    ",nread,nwritten,opened_fd,bufused,nevents,argc,argv_buf_size,environc,environ_buf_size,result_fd,";
const WIDE_RESULTS: &str = ",newoffset,time,resolution,";
/// Numbers that count.
const COUNTS: &str = ",to,id,whence,len,cookie,precision,sig,how,advice,nsubscriptions,offset,";

/// Prints a call with its result. `names` has a comma after each parameter's.
#[cold]
#[inline(never)]
pub fn call(guest: &Guest, function: &str, names: &str, values: &[u64], result: i32) {
    let mut text = Text::new(STDERR);
    text.add(function).add("(");
    let mut parameters = names.split_terminator(',').map(str::trim).zip(values).enumerate().peekable();
    while let Some((place, (name, &value))) = parameters.next() {
        text.add(if place > 0 { ", " } else { "" }).add(name).add("=");
        let is_in = |list: &str| list.split(',').any(|known| known == name);
        if name.ends_with("fd") && !is_in(RESULTS) || name.ends_with("_len") || is_in(COUNTS) {
            text.add_decimal(value.into());
        } else {
            text.add_hex(value);
        }
        let address = low_u32(value.into());
        // Nothing is shown of what lies outside of the memory.
        let _ = match name {
            "iovs" if result == 0 => add_data(&mut text, guest, address, values),
            name if name.ends_with("path") => match parameters.peek() {
                Some((_, (_, length))) => add_bytes(&mut text, guest, address, low_u32((**length).into())),
                None => Ok(()),
            },
            _ if result == 0 && is_in(RESULTS) => {
                guest.read(address).map(|it| add_result(&mut text, u32::from_le_bytes(it).into()))
            }
            _ if result == 0 && is_in(WIDE_RESULTS) => {
                guest.read(address).map(|it| add_result(&mut text, u64::from_le_bytes(it)))
            }
            _ => Ok(()),
        };
    }
    text.add(") = ");
    let mut names = Errno::NAMES.split(',');
    for byte in usize::try_from(result).ok().and_then(|number| names.nth(number)).unwrap_or_default().bytes() {
        text.add([byte.to_ascii_lowercase()]);
    }
    text.add("\n");
}

/// Prints the call that ends the program.
#[inline]
pub fn exit(status: u32) {
    if is_on() {
        Text::new(STDERR).add("proc_exit(rval=").add_decimal(status.into()).add(")\n");
    }
}

fn add_result(text: &mut Text, value: u64) {
    text.add(" [").add_decimal(value.into()).add("]");
}

/// The beginning of the first piece that was read or written; the last argument says where the
/// number of bytes is.
fn add_data(text: &mut Text, guest: &Guest, pieces: u32, values: &[u64]) -> Result<()> {
    let n_bytes = guest.read(low_u32((*values.last().unwrap_or(&0)).into())).map(u32::from_le_bytes)?;
    let [address, length] = [0, 4].map(|field| guest.read(pieces.saturating_add(field)).map(u32::from_le_bytes));
    add_bytes(text, guest, address?, length?.min(n_bytes))
}

fn add_bytes(text: &mut Text, guest: &Guest, address: u32, length: u32) -> Result<()> {
    let bytes = guest.copy(address, length.min(SHOWN).into())?;
    text.add(" \"");
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => text.add_name(line).add("\\n"),
            None => text.add_name(line),
        };
    }
    text.add(if length > SHOWN { "\"..." } else { "\"" });
    Ok(())
}
