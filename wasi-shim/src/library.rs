//! A library from its first call on: what must be there before translated code runs, then its
//! initialization, once.
//!
//! Comes in: the library's [`Program`], from `PREFIX_init` or from an export that is called before
//! it. Goes out: [`Program::state`]. The host's process is not ours: nothing here changes limits,
//! and a failure ends the process only if it can't be reported to a caller.

use crate::abi::config::{Config, Configure, FLAGS, RESTART};
use crate::abi::program::{FAILED, GC_STATS, GC_STRESS, NEW, Program, READY, RUNNING, Start, VERSION};
use crate::abi::setting::Setting;
use crate::abi::trap::{CODE_EXIT, CODE_FAILURE, TrapReport};
use crate::abi::value::Value;
use crate::attempt::{self, attempt, fail, prepare_thread};
use crate::backtrace::{self, Cause};
use crate::budget::Limits;
use crate::options::{Options, note_option};
use crate::program::{self, images_of};
use crate::system::kernel;
use crate::text::{Text, message};
use crate::{cpu, memory, reset, trap};
use std::ffi::c_void;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

unsafe extern "C" {
    /// The environment of the process, as POSIX has it.
    #[link_name = "environ"]
    static ENVIRONMENT: *const *const u8;
}

/// [`crate::abi::builtin::Builtin::LibraryInit`]: initializes the library, if that was not tried
/// before, and prepares the calling thread. Returns 0, or the code of what went wrong. A trap is
/// reported to the attempt around, or printed if there is none.
///
/// # Safety
/// `program` is the description of a library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_library_init(program: *const Program) -> i32 {
    // SAFETY: data of the library, which only the runtime writes.
    let program = unsafe { &*program };
    match initialize(program) {
        Ok(()) => 0,
        Err(report) => {
            // Moved out of its `Box`: what is left behind is not released.
            if let Some(report) = report.map(|report| *report) {
                attempt::give_up(&report);
                // Of a failure all was said already.
                if report.code != CODE_FAILURE {
                    trap::print(&report);
                }
            }
            code(program)
        }
    }
}

/// [`crate::abi::builtin::Builtin::LibraryStart`]: as [`w2n_library_init`], for an export that is
/// called before it.
///
/// # Safety
/// As for [`w2n_library_init`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_library_start(program: *const Program) {
    // SAFETY: data of the library, which only the runtime writes.
    let program = unsafe { &*program };
    match initialize(program) {
        Ok(()) => {}
        Err(Some(report)) if report.code != CODE_FAILURE => trap::raise(&{ *report }),
        Err(_) => {
            let mut text = Text::into_buffer(&mut []);
            // SAFETY: a zero-terminated prefix.
            text.add("library `").add_name(unsafe { program::c_string(program.entry_name) });
            text.add("` was called, but its initialization has failed");
            trap::raise_here(Cause { code: CODE_FAILURE, message: text.line() })
        }
    }
}

/// [`crate::abi::builtin::Builtin::LibraryReset`]: puts the library back to its start and
/// initializes it again; or for the first time. Returns and reports as [`w2n_library_init`] does. A
/// library that is active stays as it is, and a message says so.
///
/// # Safety
/// `program` is the description of a library, and no reference that it handed out is used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_library_reset(program: *const Program) -> i32 {
    // SAFETY: data of the library, which only the runtime writes.
    let (library, state) = unsafe { (&*program, &(*program).state) };
    let ended = state.load(Ordering::Acquire);
    let has_run = ended == READY || ended >= FAILED && memory::are_created(library);
    let is_active = ended == RUNNING || library.entered.load(Ordering::Relaxed) != 0;
    if is_active || has_run && state.compare_exchange(ended, NEW, Ordering::AcqRel, Ordering::Acquire).is_err() {
        of_library(library).add(" is running, so that it can't be reset\n");
        return CODE_FAILURE;
    }
    // SAFETY: as required of the caller.
    unsafe { w2n_library_init(program) }
}

/// [`crate::abi::builtin::Builtin::LibraryConfigure`]: sets what a library has from its start on,
/// before that. Returns 0, or [`CODE_FAILURE`] and a message: in the report of the attempt around,
/// which ends, or on standard error. Then nothing has changed.
///
/// # Safety
/// `program` is the description of a library, and `config` a configuration, or null for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_library_configure(program: *const Program, config: *const Config) -> i32 {
    // SAFETY: as required of the caller.
    unsafe { configure_with(program, config, 0) }
}

/// As [`w2n_library_configure`], with flags besides those of the configuration.
///
/// # Safety
/// As there.
pub unsafe fn configure_with(program: *const Program, config: *const Config, flags: u32) -> i32 {
    // SAFETY: data of the library, which only the runtime writes.
    let program = unsafe { &*program };
    let mut message = [0; LONGEST_MESSAGE];
    // SAFETY: as required of the caller.
    if unsafe { configure(program, config, flags, &mut message) } {
        return 0;
    }
    let mut text = of_library(program);
    // SAFETY: `configure` ends the message with a zero, if it wrote one.
    text.add(" can't be configured: ").add(unsafe { program::c_string(message.as_ptr()) });
    if attempt::is_active() {
        fail(text, 1);
    }
    text.add("\n");
    CODE_FAILURE
}

const OTHER_VERSION: &str = "it was built by another version of wasm2native than the runtime that it was linked with";

/// Bytes of a message about a configuration.
const LONGEST_MESSAGE: usize = 512;

/// The beginning of a message.
fn of_library(program: &Program) -> Text {
    let mut text = message();
    // SAFETY: a zero-terminated prefix.
    text.add("library `").add_name(unsafe { program::c_string(program.entry_name) }).add("`");
    text
}

/// Whether the library is configured now; otherwise the message says why it is not.
///
/// # Safety
/// As for [`w2n_library_configure`].
unsafe fn configure(
    program: &'static Program,
    config: *const Config,
    flags: u32,
    message: &mut [u8; LONGEST_MESSAGE],
) -> bool {
    let mut text = Text::into_buffer(message);
    if program.version != VERSION {
        text.add(OTHER_VERSION);
        return false;
    }
    // SAFETY: as required of the caller.
    let Some(config) = (unsafe { copy(config, &mut text) }) else { return false };
    let state = program.state.load(Ordering::Acquire);
    if state == RUNNING || program.entered.load(Ordering::Relaxed) != 0 {
        text.add("it is running");
        return false;
    }
    let begins_again = (config.flags | flags) & RESTART != 0;
    if state == READY && !begins_again {
        text.add("it was used before (W2N_CONFIG_RESTART lets it begin again)");
        return false;
    }
    drop(text);
    if let Some(configure_wasi) = program.configure_wasi {
        let configure = Configure { program, config: &config, message: message.as_mut_ptr(), length: message.len() };
        // SAFETY: the runtime's own function; what it gets lives as long as the call.
        if unsafe { configure_wasi(&configure) } != 0 {
            return false;
        }
    }
    program.user_data.store(config.user_data, Ordering::Release);
    program.max_memory.store(config.max_memory, Ordering::Relaxed);
    program.max_table.store(config.max_table, Ordering::Relaxed);
    program.max_heap.store(config.max_heap, Ordering::Relaxed);
    // Otherwise the initialization sets limits.
    if memory::are_created(program) {
        limits(program).set(program);
        if begins_again {
            program.state.store(NEW, Ordering::Release);
        }
    }
    true
}

/// The configuration in the form that this runtime knows; or a message.
///
/// # Safety
/// As for [`w2n_library_configure`].
unsafe fn copy(config: *const Config, text: &mut Text) -> Option<Config> {
    const KNOWN: usize = size_of::<Config>();
    let mut copy = Config::NONE;
    if config.is_null() {
        return Some(copy);
    }
    // SAFETY: the structure begins with its size, and has so many bytes.
    unsafe {
        let size = (*config).size;
        if size < KNOWN {
            text.add("its `size` is not sizeof(w2n_config)");
            return None;
        }
        let more = std::slice::from_raw_parts(config.cast::<u8>().add(KNOWN), size.saturating_sub(KNOWN));
        copy.clone_from(&*config);
        if copy.flags & !FLAGS != 0 || more.iter().any(|byte| *byte != 0) {
            text.add("it asks for something that the library's version of wasm2native does not know");
            return None;
        }
    }
    Some(copy)
}

/// What the library may take: as the options say, and the host after them.
fn limits(program: &Program) -> Limits {
    let mut limits = Limits::default();
    // SAFETY: the C library keeps the variable; the host does not change its environment while it
    // calls us.
    let environment = unsafe { ENVIRONMENT };
    Options::read(program, environment).each(&mut |setting| {
        match setting {
            Setting::MaxMemory(bytes) => limits.memory = Some(bytes),
            Setting::MaxTable(bytes) => limits.tables = Some(bytes),
            Setting::MaxHeap(bytes) => limits.objects = Some(bytes),
            Setting::GcStats => {
                note_option(program, GC_STATS);
                tell_at_exit();
            }
            Setting::GcStress => note_option(program, GC_STRESS),
            // The stack is the host's. The others are for WASI.
            Setting::Timeout(_) => {}
            Setting::MaxStack(_) | Setting::Dir(_) | Setting::Embed(_) | Setting::Env(_) | Setting::InheritEnv => {}
            Setting::Dev | Setting::Tmp(_) | Setting::TcpListen(_) | Setting::ListenFd => {}
        }
    });
    let configured = |limit: &AtomicU64| Some(limit.load(Ordering::Relaxed)).filter(|bytes| *bytes != 0);
    Limits {
        memory: configured(&program.max_memory).or(limits.memory),
        tables: configured(&program.max_table).or(limits.tables),
        objects: configured(&program.max_heap).or(limits.objects),
    }
}

/// What programs say at their end is said when the host's process ends.
fn tell_at_exit() {
    unsafe extern "C" {
        fn __cxa_atexit(function: extern "C" fn(*mut c_void), data: *mut c_void, dso: *mut c_void) -> i32;
    }
    extern "C" fn tell(_: *mut c_void) {
        program::tell_end();
    }
    static IS_DONE: Once = Once::new();
    // SAFETY: the function needs nothing; the library stays until the end, see docs/gc.md.
    IS_DONE.call_once(|| unsafe { _ = __cxa_atexit(tell, ptr::null_mut(), ptr::null_mut()) });
}

/// Why a library that was tried can't be used.
fn code(program: &Program) -> i32 {
    program.state.load(Ordering::Acquire).saturating_sub(FAILED).cast_signed()
}

/// What went wrong now, or nothing if it did before.
fn initialize(program: &'static Program) -> Result<(), Option<Box<TrapReport>>> {
    prepare_thread();
    let thread = kernel::thread();
    loop {
        match program.state.compare_exchange(NEW, RUNNING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => break,
            Err(READY) => return Ok(()),
            // The initialization calls out, and the host calls back.
            Err(RUNNING) if program.initializer.load(Ordering::Relaxed) == thread => return Ok(()),
            // SAFETY: only waits.
            Err(RUNNING) => unsafe { _ = libc::usleep(100) },
            Err(_) => return Err(None),
        }
    }
    program.initializer.store(thread, Ordering::Relaxed);
    let mut report = backtrace::empty();
    // SAFETY: what translated code leaves behind needs no release; what the runtime was about to
    // set up is lost, and small.
    let is_done = unsafe { attempt(&mut report, || run(program)) };
    if is_done {
        program.state.store(READY, Ordering::Release);
        return Ok(());
    }
    program.state.store(FAILED.saturating_add(report.code.cast_unsigned()), Ordering::Release);
    if report.code == CODE_EXIT && !attempt::is_active() {
        // SAFETY: does not return.
        unsafe { libc::exit(report.status) }
    }
    Err(Some(Box::new(report)))
}

fn run(program: &'static Program) {
    match memory::are_created(program) {
        false => prepare(program),
        // SAFETY: its memories are there; that nothing of it is in use is up to who asked for it.
        true => unsafe { reset::reset(program) },
    }
    begin(program);
}

/// What is done once, before any code runs.
fn prepare(program: &'static Program) {
    if program.version != VERSION {
        let mut text = of_library(program);
        text.add(" can't be used: ").add(OTHER_VERSION);
        fail(text, 1);
    }
    cpu::check(program);
    limits(program).set(program);
    trap::install_once();
    memory::create_all(program);
    // What fails before this may be tried again. And handlers of other threads' faults look at the
    // memories of all that are noted.
    program::add(program);
}

/// What is done before the library's code runs for the first time, or as if for the first time.
fn begin(program: &'static Program) {
    // SAFETY: as in `limits`.
    let environment = unsafe { ENVIRONMENT };
    if let Some(start_wasi) = program.start_wasi {
        // A library's only argument is its name, as a program's first.
        let name = program.entry_name;
        // SAFETY: the runtime's own function; the structure lives as long as the call.
        unsafe { start_wasi(&Start { program, argc: 1, argv: &name, envp: environment }) };
    }
    // SAFETY: the compiler's functions, called in the order that the specification and WASI ask
    // for. The reactor's `_initialize` has neither parameters nor results, so that it leaves the
    // array alone.
    unsafe {
        for image in images_of(program) {
            if let Some(initialize) = image.initialize {
                initialize();
            }
        }
        if let Some(initialize) = program.initialize {
            initialize(&mut Value([0; 16]));
        }
    }
}
