//! The program from beginning to end: what must be there before translated code runs, then the
//! code, then the exit status.

use crate::abi::program::{GC_STATS, GC_STRESS, Invocation, Program, Start};
use crate::abi::setting::Setting;
use crate::abi::value::{TYPE_I32, TYPE_I64, Value};
use crate::attempt::fail;
use crate::budget::Limits;
use crate::options::{Options, note_option};
use crate::program::{self, images_of, slice};
use crate::system::kernel;
use crate::width::low_u32;
use crate::{cpu, memory, stack, text, trap};
use std::cell::UnsafeCell;
use std::ffi::CStr;

/// Parameters and results of the entry. Wasm's implementations agree on at most 1000 of either; the
/// type checker enforces it.
struct Values(UnsafeCell<[Value; 1000]>);

// SAFETY: only [`values`] hands it out, once.
unsafe impl Sync for Values {}

static VALUES: Values = Values(UnsafeCell::new([Value([0; 16]); 1000]));

/// [`crate::abi::builtin::Builtin::Main`]: what C's `main` calls. Its result is the exit status,
/// after the C library has done what it does at an exit.
///
/// # Safety
/// Called once, with what `main` received and the program's description.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_main(
    argc: i32,
    argv: *const *const u8,
    envp: *const *const u8,
    program: *const Program,
) -> i32 {
    // SAFETY: data of the executable, which only the runtime writes.
    let program = unsafe { &*program };
    program::add_main(program);
    let arguments = match usize::try_from(argc) {
        // SAFETY: `argv` holds `argc` strings.
        Ok(argc @ 1..) => unsafe { std::slice::from_raw_parts(argv, argc) },
        _ => &[],
    };
    if let Some(&name) = arguments.first() {
        text::set_program_name(name);
        name_process(name);
    }
    let mut limits = Limits::default();
    let mut max_stack = None;
    Options::read(program, envp).each(&mut |setting| match setting {
        Setting::MaxMemory(bytes) => limits.memory = Some(bytes),
        Setting::MaxTable(bytes) => limits.tables = Some(bytes),
        Setting::MaxHeap(bytes) => limits.objects = Some(bytes),
        Setting::GcStats => note_option(program, GC_STATS),
        Setting::GcStress => note_option(program, GC_STRESS),
        Setting::MaxStack(bytes) => max_stack = Some(bytes),
        Setting::Timeout(duration) => {
            if let Some(start) = program.timeout {
                // SAFETY: the runtime's own function; the text stays, and a zero byte ends it, as
                // it does all words of options.
                unsafe { start(duration.as_ptr()) };
            }
        }
        // Powers mean nothing to a program without WASI: the variable may be meant for others too.
        Setting::Dir(_) | Setting::Embed(_) | Setting::Env(_) | Setting::InheritEnv => {}
        Setting::Dev | Setting::Tmp(_) | Setting::TcpListen(_) | Setting::ListenFd => {}
    });
    cpu::check(program);
    limits.set(program);
    if let Err(refused) = stack::prepare_main_thread(max_stack) {
        fail(refused.message(), 1);
    }
    trap::install();
    if let Some(run_script) = program.run_script {
        // SAFETY: the runtime's own function, with the description that it belongs to.
        return unsafe { run_script(program) };
    }
    memory::create_all(program);
    if let Some(start_wasi) = program.start_wasi {
        // SAFETY: the runtime's own function; the structure lives as long as the call.
        unsafe { start_wasi(&Start { program, argc, argv, envp }) };
    }
    let status = call(program, arguments.get(1..).unwrap_or_default());
    program::tell_end();
    status
}

/// The program's name, without its folder, for lists of processes.
fn name_process(argv0: *const u8) {
    // SAFETY: a string of `argv`.
    let name = unsafe { CStr::from_ptr(argv0.cast()) };
    let start = name.to_bytes().iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash.saturating_add(1));
    kernel::name_process(&name[start..]);
}

/// Runs the module's own code; the exit status.
fn call(program: &'static Program, arguments: &[*const u8]) -> i32 {
    if let Some(invoke) = program.invoke {
        let (arguments, n_arguments) = (arguments.as_ptr(), arguments.len());
        // SAFETY: the runtime's own function; the structure lives as long as the call.
        unsafe { invoke(&Invocation { program, arguments, n_arguments }) };
        return 0;
    }
    // SAFETY: called once.
    let values = unsafe { values() };
    run(program, values);
    match results(program) {
        [TYPE_I32 | TYPE_I64] => low_u32(u128::from_le_bytes(values[0].0)).cast_signed(),
        _ => 0,
    }
}

/// The array for the entry.
///
/// # Safety
/// Called once.
pub unsafe fn values() -> &'static mut [Value] {
    // SAFETY: as required of the caller. Translated code gets the array only for the time of a
    // call.
    unsafe { &mut *VALUES.0.get() }
}

/// Initializes the modules and calls the entry, with its parameters in `values`, which its results
/// replace.
pub fn run(program: &'static Program, values: &mut [Value]) {
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
            initialize(values.as_mut_ptr());
        }
        if let Some(entry) = program.entry {
            entry(values.as_mut_ptr());
        }
    }
}

/// The types of the entry's results.
pub fn results(program: &Program) -> &'static [u8] {
    // SAFETY: `n_results` type codes of constant data.
    unsafe { slice(program.results, program.n_results) }
}
