//! Writing a profile when the process ends: the counters are added to those in a file.
//!
//! Comes in: a [`Profile`] of an instrumented program. Goes out: its file, whose form
//! [`crate::abi::profile`] has, with the sums. The file is locked from before it is read until its
//! new contents have replaced it, so that any number of processes can add to it. What can't be done
//! is one line on standard error, and changes nothing else.
//!
//! This may run in the signal handler of a trap: it allocates nothing, and what it needs of memory
//! it maps.

use crate::abi::profile::{
    CountedFunction, END, FILE_VARIABLE, FUNCTION, Fault, HEADER, Key, Line, Lines, NEW, Profile, ProfileModule,
    WRITING, WRITTEN, earlier, key,
};
use crate::options::find_variable;
use crate::program::{self, c_string, slice};
use crate::system::{self, Access, kernel};
use crate::text::message;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::{self, Errno};
use std::cmp::Ordering;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering as Order};

unsafe extern "C" {
    /// The environment of the process, as POSIX has it.
    #[link_name = "environ"]
    static ENVIRONMENT: *const *const u8;
}

/// Why there is no profile.
enum Problem {
    System(Errno),
    Fault(Fault),
}

impl From<Errno> for Problem {
    fn from(errno: Errno) -> Problem {
        Problem::System(errno)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        Problem::Fault(fault)
    }
}

/// What an instrumented object has called at the exit of the process.
#[unsafe(no_mangle)]
pub extern "C" fn w2n_profile_exit() {
    program::write_profiles();
}

/// [`Profile::write`]. Writes once; who comes later waits until it is done.
///
/// # Safety
/// The profile is that of a program or library, whose code and data stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_profile_write(profile: *const Profile) {
    // SAFETY: as required of the caller.
    let profile = unsafe { &*profile };
    if profile.state.compare_exchange(NEW, WRITING, Order::Acquire, Order::Acquire).is_err() {
        while profile.state.load(Order::Acquire) != WRITTEN {
            // SAFETY: only waits.
            unsafe { _ = libc::usleep(100) }
        }
        return;
    }
    // SAFETY: a zero-terminated name.
    let fixed = unsafe { c_string(profile.file) };
    let file = named_by_environment().unwrap_or(fixed);
    // Where nothing ran, there is nothing to add.
    let has_run = modules(profile).iter().flat_map(|it| functions(it)).flat_map(counters).any(|it| count(it) != 0);
    if has_run && let Err(problem) = without_signals(|| add(profile, file)) {
        let mut text = message();
        text.add("can't write the profile `").add_name(file).add("`: ");
        match problem {
            Problem::System(errno) => text.add(describe(errno, &mut [0; 128])),
            Problem::Fault(Fault { line, what }) => text.add("line ").add_decimal(line.into()).add(": ").add(what),
        }
        .add("\n");
    }
    profile.state.store(WRITTEN, Order::Release);
}

/// Does what may write to a pipe that nobody reads, or more than a file may have: both are errors,
/// and not the end of the process by a signal.
fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: no handler is installed.
    let ignore = |signal| unsafe { libc::signal(signal, libc::SIG_IGN) };
    let before = [libc::SIGPIPE, libc::SIGXFSZ].map(|signal| (signal, ignore(signal)));
    let result = work();
    for (signal, handler) in before {
        // SAFETY: what was there before.
        unsafe { libc::signal(signal, handler) };
    }
    result
}

/// The file that the user of the program wants, unless the program has rights that he lacks.
fn named_by_environment() -> Option<&'static [u8]> {
    // SAFETY: the C library keeps the variable, and nobody changes the environment at the end.
    let environment = unsafe { ENVIRONMENT };
    let file = find_variable(environment, FILE_VARIABLE.as_bytes())?;
    (!file.is_empty() && !kernel::is_privileged()).then_some(file)
}

/// The text of an error of the system.
fn describe(errno: Errno, buffer: &mut [u8; 128]) -> &[u8] {
    // SAFETY: writes to a live buffer of that length.
    unsafe { libc::strerror_r(errno.raw_os_error(), buffer.as_mut_ptr().cast(), buffer.len()) };
    CStr::from_bytes_until_nul(buffer).map_or(b"an error of the system", CStr::to_bytes)
}

fn modules(profile: &Profile) -> &'static [*const ProfileModule] {
    // SAFETY: the record holds `n_modules` pointers to constant data.
    unsafe { slice(profile.modules, profile.n_modules) }
}

fn functions(module: &*const ProfileModule) -> &'static [CountedFunction] {
    // SAFETY: constant data, with `n_functions` rows.
    unsafe { slice((**module).functions, (**module).n_functions) }
}

fn counters(function: &CountedFunction) -> &'static [AtomicU64] {
    // SAFETY: zeroed data of the program, which its code changes in whole words.
    unsafe { slice(function.counters, function.n_counters) }
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Order::Relaxed)
}

/// Adds the counts to a file.
fn add(profile: &Profile, path: &[u8]) -> Result<(), Problem> {
    let mut names = Pages::new(path.len().saturating_mul(2).saturating_add(64))?;
    let (path_place, other_place) = names.bytes().split_at_mut(path.len().saturating_add(1));
    path_place[..path.len()].copy_from_slice(path);
    let path_name = CStr::from_bytes_until_nul(path_place).map_err(|_| Errno::INVAL)?;
    let (file, stat) = open_locked(path_name)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return write(profile, &[], file.as_fd());
    }
    let length = usize::try_from(stat.st_size).map_err(|_| Errno::FBIG)?;
    let mut old = Pages::new(length)?;
    let old = read(&file, old.bytes())?;
    // Beside the file, so that it can take its place.
    let mut at = path.len();
    other_place[..at].copy_from_slice(path);
    let suffix = b".new-".iter().copied().chain(Digits::of(std::process::id().into()).bytes());
    for byte in suffix {
        other_place[at] = byte;
        at = at.saturating_add(1);
    }
    let other_name = CStr::from_bytes_until_nul(other_place).map_err(|_| Errno::INVAL)?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o777);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let create = || fs::open(other_name, flags, mode);
    let new = match create() {
        Err(Errno::EXIST) => {
            // Of a process that was ended while it wrote.
            fs::unlink(other_name)?;
            create()?
        }
        result => result?,
    };
    let written = write(profile, old, new.as_fd());
    let written = written.and_then(|()| Ok(fs::rename(other_name, path_name)?));
    if written.is_err() {
        let _ = fs::unlink(other_name);
    }
    written
}

/// The file, which is created if there is none. Nobody else changes it while it is open.
fn open_locked(path: &CStr) -> Result<(OwnedFd, Stat), Errno> {
    loop {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = fs::open(path, flags, Mode::from_raw_mode(0o666))?;
        let stat = fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok((file, stat));
        }
        io::retry_on_intr(|| fs::flock(&file, FlockOperation::LockExclusive))?;
        // Who had the lock before has put another file there.
        let stat = fs::fstat(&file)?;
        match fs::stat(path) {
            Ok(now) if (now.st_dev, now.st_ino) == (stat.st_dev, stat.st_ino) => return Ok((file, stat)),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// All of the file, as far as there is room.
fn read<'p>(file: &OwnedFd, place: &'p mut [u8]) -> Result<&'p [u8], Errno> {
    let mut n_read = 0usize;
    while n_read < place.len() {
        match io::retry_on_intr(|| io::read(file, &mut place[n_read..]))? {
            0 => break,
            n => n_read = n_read.saturating_add(n),
        }
    }
    Ok(&place[..n_read])
}

/// Writes the sums of the counters and of the profile `old`, which may be empty.
fn write(profile: &Profile, old: &[u8], file: BorrowedFd) -> Result<(), Problem> {
    let modules = modules(profile);
    // How many functions of each module were written.
    let mut numbers = Pages::new(size_of::<usize>().saturating_mul(modules.len()))?;
    let numbers = numbers.words();
    let mut lines = if old.is_empty() { None } else { Some(Lines::new(old)?) };
    let mut next_old = || lines.as_mut().map_or(Ok(None), Lines::read);
    let mut place = Pages::new(1 << 16)?;
    let mut output = Output { file, place: place.bytes(), used: 0 };
    output.add(HEADER)?;
    let mut n_lines = 0u64;
    let mut line = next_old()?;
    loop {
        let next = |(module, number): (&*const ProfileModule, &usize)| functions(module).get(*number);
        let own = modules.iter().zip(numbers.iter()).filter_map(next).min_by_key(|function| key_of(function));
        let order = earlier(line.map(|line| line.key), own.and_then(key_of));
        let (old_line, own) = match (order, line, own) {
            (Ordering::Less, Some(_), _) => (line, None),
            (Ordering::Equal, None, None) => break,
            (Ordering::Equal, ..) => (line, own),
            _ => (None, own),
        };
        output.line(modules, numbers, old_line, own)?;
        n_lines = n_lines.saturating_add(1);
        if old_line.is_some() {
            line = next_old()?;
        }
    }
    output.add(END)?;
    output.add_number(n_lines)?;
    output.add(b"\n")?;
    Ok(output.flush()?)
}

fn key_of(function: &CountedFunction) -> Option<Key<'static>> {
    key(key_text(function))
}

fn key_text(function: &CountedFunction) -> &'static [u8] {
    // SAFETY: constant data of that length.
    unsafe { slice(function.key, function.key_length) }
}

/// A file that is written through a buffer.
struct Output<'o> {
    file: BorrowedFd<'o>,
    place: &'o mut [u8],
    used: usize,
}

impl Output<'_> {
    /// A function's line: of what was there before, or of our own functions with that key, or the
    /// sum of both. `numbers` then go on to the next.
    fn line(
        &mut self,
        modules: &[*const ProfileModule],
        numbers: &mut [usize],
        old: Option<Line>,
        own: Option<&CountedFunction>,
    ) -> Result<(), Problem> {
        let is_next = |module, number: usize| {
            let function: Option<&CountedFunction> = functions(module).get(number);
            function.filter(|it| own.is_some_and(|own| key_text(own) == key_text(it)))
        };
        let all = || modules.iter().zip(numbers.iter()).filter_map(|(module, number)| is_next(module, *number));
        self.add(FUNCTION)?;
        self.add(old.map_or_else(|| own.map_or(&b""[..], key_text), |line| line.key_text))?;
        let mut counts = old.map(|line| line.counts());
        for nth in 0.. {
            let before = counts.as_mut().map(Iterator::next);
            let now = || all().filter_map(|function| counters(function).get(nth));
            let has_more = now().next().is_some();
            match before {
                // The same function has the same blocks.
                Some(before) if own.is_some() && before.is_some() != has_more => {
                    let line = old.map_or(0, |line| line.number);
                    return Err(Problem::Fault(Fault { line, what: "a function has another number of counts" }));
                }
                Some(None) => break,
                None if !has_more => break,
                _ => {}
            }
            let sum = now().map(count).fold(before.flatten().unwrap_or(0), u64::saturating_add);
            self.add(b" ")?;
            self.add_number(sum)?;
        }
        self.add(b"\n")?;
        for (module, number) in modules.iter().zip(numbers.iter_mut()) {
            if is_next(module, *number).is_some() {
                *number = number.saturating_add(1);
            }
        }
        Ok(())
    }

    fn add_number(&mut self, number: u64) -> Result<(), Errno> {
        Digits::of(number).bytes().try_for_each(|digit| self.add(&[digit]))
    }

    fn add(&mut self, text: &[u8]) -> Result<(), Errno> {
        for &byte in text {
            if self.used == self.place.len() {
                self.flush()?;
            }
            self.place[self.used] = byte;
            self.used = self.used.saturating_add(1);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Errno> {
        let mut rest = &self.place[..self.used];
        while !rest.is_empty() {
            let n = io::retry_on_intr(|| io::write(self.file, rest))?;
            rest = rest.get(n..).unwrap_or_default();
        }
        self.used = 0;
        Ok(())
    }
}

/// The decimal digits of a number.
struct Digits {
    digits: [u8; 20],
    start: usize,
}

impl Digits {
    fn of(number: u64) -> Digits {
        let (mut rest, mut digits, mut start) = (number, [b'0'; 20], 20usize);
        loop {
            start = start.saturating_sub(1);
            digits[start] = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
            if rest == 0 {
                return Digits { digits, start };
            }
        }
    }

    fn bytes(&self) -> impl Iterator<Item = u8> + use<> {
        let Digits { digits, start } = *self;
        digits.into_iter().skip(start)
    }
}

/// Zeroed memory that is given back at the end.
struct Pages {
    start: *mut u8,
    length: usize,
}

impl Pages {
    fn new(length: usize) -> Result<Pages, Errno> {
        let start = system::map(length.max(1), Access::ReadWrite).ok_or(Errno::NOMEM)?;
        Ok(Pages { start, length })
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: memory of that length, which is borrowed here alone.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }

    fn words(&mut self) -> &mut [usize] {
        // SAFETY: as above, and pages are aligned for words.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.cast(), self.length.checked_div(size_of::<usize>()).unwrap_or(0))
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: nobody borrows the memory any more.
        unsafe { system::unmap(self.start, self.length.max(1)) }
    }
}
