//! `--trace`: each call of WASI as a line on standard error, as strace shows calls of the system.
//!
//! `fd_write(1, [14 bytes at 0x400]) = 0 (14)`: parameters in the order of the specification, the
//! error number with its name, and what the call left where its parameters say. A line is written
//! when the call returns; of calls that may wait, its beginning before.
//!
//! Programs reach this through the symbols that
//! [`TRACE_PREFIX`](crate::abi::wasi::TRACE_PREFIX) begins: others link none of it, as long as no
//! constant of this file has a size for which linkers merge constants (8, 16, 32).

use crate::abi::words::obeyed;
use crate::text::{STDERR, Text};
use crate::wasi::errno::{Errno, Failure, Result, finish};
use crate::wasi::guest::Guest;
use crate::width::{low_u32, usize_of};

/// The most bytes of a path, and the most pieces of a list, that are shown.
const LONGEST_PATH: u32 = 300;
const MOST_PIECES: u32 = 4;

/// Where calls leave a number of 32 and of 64 bits.
const RESULTS: &str = " argc argv_buf_size environc environ_buf_size nread nwritten bufused opened_fd nevents \
                       result_fd ro_datalen so_datalen ";
const WIDE_RESULTS: &str = " resolution time newoffset ";
/// Numbers that are not addresses.
const NUMBERS: &str = " fd to old_fd new_fd offset len size cookie precision nsubscriptions rval sig atim mtim ";
/// Lists of pieces, and paths; each is followed by its length.
const PIECES: &str = " iovs ri_data si_data ";
const PATHS: &str = " path old_path new_path ";
/// Calls that leave a path.
const FILLING: &str = " fd_prestat_dir_name ";
/// Calls that leave what is a parameter of others.
const TELLING: &str = " fd_tell ";
/// Calls that may wait.
const WAITING: &str = " fd_read fd_pread poll_oneoff sock_accept sock_recv ";

/// Names of the bits of parameters.
const BITS: [(&str, &str); 7] = [
    ("oflags", "creat directory excl trunc"),
    ("fdflags", "append dsync nonblock rsync sync"),
    ("fst_flags", "atim atim_now mtim mtim_now"),
    ("dirflags", "symlink_follow"),
    ("old_flags", "symlink_follow"),
    ("ri_flags", "peek waitall"),
    ("how", "rd wr"),
];

/// Names of the values of parameters.
const VALUES: [(&str, &str); 3] = [
    ("id", "realtime monotonic process_cputime_id thread_cputime_id"),
    ("whence", "set cur end"),
    ("advice", "normal sequential random willneed dontneed noreuse"),
];

/// What is traced: the function's name, an opening bracket, the parameters' names with a comma
/// after each; and their values.
pub struct Call<'a> {
    pub signature: &'static str,
    pub values: &'a [u64],
}

impl Call<'_> {
    fn function(&self) -> &str {
        self.signature.split('(').next().unwrap_or_default()
    }

    fn names(&self) -> &str {
        self.signature.split('(').nth(1).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.names().split_terminator(',').any(|known| known == name)
    }

    fn parameters(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names().split_terminator(',').zip(self.values.iter().copied())
    }
}

/// Does the work of a call, and prints both.
#[inline(never)]
pub fn call(guest: &Guest, call: &Call, work: &mut dyn FnMut() -> Result<()>) -> i32 {
    let mut text = Text::new(STDERR);
    text.add(call.function()).add("(");
    let fills_name = is_in(FILLING, call.function());
    if !fills_name {
        add_parameters(&mut text, guest, call);
    }
    if is_in(WAITING, call.function()) {
        // What was collected is written.
        text = Text::new(STDERR);
    }
    let result = work();
    if fills_name {
        add_parameters(&mut text, guest, call);
    }
    end(text, guest, call, result)
}

/// Prints the call that ends the program.
#[inline(never)]
pub fn exit(status: u32) {
    Text::new(STDERR).add("proc_exit(").add_decimal(status.into()).add(")\n");
}

/// Prints a call that starts a thread, with the thread's number or the negated error.
#[inline(never)]
pub fn thread(argument: i32, result: i32) {
    let mut text = Text::new(STDERR);
    text.add("thread-spawn(").add_hex(argument.cast_unsigned().into()).add(") = ");
    match u32::try_from(result) {
        Ok(number) => {
            text.add_decimal(number.into());
        }
        Err(_) => {
            text.add("-");
            add_errno(&mut text, result.unsigned_abs());
        }
    }
    text.add("\n");
}

fn end(mut text: Text, guest: &Guest, call: &Call, result: Result<()>) -> i32 {
    text.add(") = ");
    match result {
        Ok(()) => {
            text.add("0");
            add_results(&mut text, guest, call);
        }
        Err(Failure::Errno(errno)) => add_errno(&mut text, errno as u32),
        Err(Failure::Trap(message)) => {
            text.add("trap: ").add(message);
        }
    }
    text.add("\n");
    drop(text);
    finish(result)
}

fn add_errno(text: &mut Text, number: u32) {
    text.add_decimal(number.into()).add(" (");
    let name = Errno::NAMES.split(',').nth(usize_of(number.into())).unwrap_or_default();
    for byte in name.bytes() {
        text.add([byte.to_ascii_lowercase()]);
    }
    text.add(")");
}

/// Those that say where results go are left out: the results follow.
fn add_parameters(text: &mut Text, guest: &Guest, call: &Call) {
    let mut parameters = call.parameters();
    let mut separator = "";
    while let Some((name, value)) = parameters.next() {
        if is_in(RESULTS, name) || is_in(WIDE_RESULTS, name) || is_result(call, name) {
            continue;
        }
        text.add(separator);
        separator = ", ";
        let address = low_u32(value.into());
        if is_in(PIECES, name) {
            let count = parameters.next().map_or(0, |(_, count)| low_u32(count.into()));
            add_pieces(text, guest, address, count);
        } else if is_in(PATHS, name) {
            let length = parameters.next().map_or(0, |(_, length)| low_u32(length.into()));
            add_path(text, guest, address, length);
        } else if name == "buf" && call.has("buf_len") {
            let length = parameters.next().map_or(0, |(_, length)| length);
            add_place(text.add("["), address, length).add("]");
        } else if name == "offset" && call.has("whence") {
            add_signed(text, value.cast_signed());
        } else if let Some((_, names)) = BITS.iter().find(|(known, _)| *known == name) {
            add_bits(text, names, value);
        } else if let Some((_, names)) = VALUES.iter().find(|(known, _)| *known == name) {
            match names.split(' ').nth(usize_of(value)) {
                Some(name) => text.add(name),
                None => text.add_decimal(value.into()),
            };
        } else if is_in(NUMBERS, name) {
            text.add_decimal(value.into());
        } else {
            text.add_hex(value);
        }
    }
}

/// `offset` is where `fd_tell` leaves one, and a number elsewhere.
fn is_result(call: &Call, name: &str) -> bool {
    is_in(TELLING, call.function()) && name == "offset"
}

fn add_results(text: &mut Text, guest: &Guest, call: &Call) {
    let mut separator = " (";
    for (name, value) in call.parameters() {
        let address = low_u32(value.into());
        let value = match () {
            () if is_in(RESULTS, name) => guest.read(address).map(|it| u32::from_le_bytes(it).into()),
            () if is_in(WIDE_RESULTS, name) || is_result(call, name) => guest.read(address).map(u64::from_le_bytes),
            () => continue,
        };
        if let Ok(value) = value {
            text.add(separator).add_decimal(value.into());
            separator = ", ";
        }
    }
    if separator == ", " {
        text.add(")");
    }
}

/// `[14 bytes at 0x400, 2 bytes at 0x500]`
fn add_pieces(text: &mut Text, guest: &Guest, list: u32, count: u32) {
    let Ok(mut pieces) = guest.array(list, count, 8) else {
        add_place_of(text, list, count, " pieces");
        return;
    };
    text.add("[");
    for number in 0..count.min(MOST_PIECES) {
        let (Ok(address), Ok(length)) = (pieces.read(), pieces.read()) else { break };
        text.add(if number > 0 { ", " } else { "" });
        add_place(text, u32::from_le_bytes(address), u32::from_le_bytes(length).into());
    }
    text.add(if count > MOST_PIECES { ", ...]" } else { "]" });
}

fn add_place(text: &mut Text, address: u32, length: u64) -> &mut Text {
    text.add_decimal(length.into()).add(" bytes at ").add_hex(address.into())
}

fn add_place_of(text: &mut Text, address: u32, count: u32, what: &str) {
    text.add("[").add_decimal(count.into()).add(what).add(" at ").add_hex(address.into()).add("]");
}

/// In quotation marks. Nothing is shown of what lies outside of the memory.
fn add_path(text: &mut Text, guest: &Guest, address: u32, length: u32) {
    let Ok(bytes) = guest.copy(address, length.min(LONGEST_PATH).into()) else {
        add_place(text.add("["), address, length.into()).add("]");
        return;
    };
    text.add("\"");
    let mut rest = &bytes[..];
    while let [first, ..] = *rest {
        let obeyed = obeyed(rest);
        match first {
            b'\n' => {
                text.add("\\n");
            }
            b'\t' => {
                text.add("\\t");
            }
            b'\r' => {
                text.add("\\r");
            }
            b'"' | b'\\' => {
                text.add([b'\\', first]);
            }
            _ if obeyed == 0 => {
                text.add([first]);
            }
            _ => rest[..obeyed].iter().for_each(|&byte| add_escaped(text, byte)),
        }
        rest = &rest[obeyed.max(1)..];
    }
    text.add(if length > LONGEST_PATH { "\"..." } else { "\"" });
}

fn add_escaped(text: &mut Text, byte: u8) {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).map_or([b'?'], |digit| [digit as u8]);
    text.add("\\x").add(digit(byte >> 4)).add(digit(byte & 15));
}

fn add_signed(text: &mut Text, value: i64) {
    text.add(if value < 0 { "-" } else { "" }).add_decimal(value.unsigned_abs().into());
}

/// `creat|trunc`, and as a number what has no name.
fn add_bits(text: &mut Text, names: &str, value: u64) {
    let mut rest = value;
    let mut separator = "";
    for (bit, name) in (0..u64::BITS).zip(names.split_terminator(' ')) {
        let mask = 1u64.checked_shl(bit).unwrap_or(0);
        if value & mask != 0 {
            text.add(separator).add(name);
            separator = "|";
            rest &= !mask;
        }
    }
    if rest != 0 {
        text.add(separator).add_hex(rest);
    } else if value == 0 {
        text.add("0");
    }
}

/// Whether a list, with a blank around each, has a name.
fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}
