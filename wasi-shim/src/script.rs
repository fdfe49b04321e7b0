//! A test script as a program: goes through its commands, tells which assertions do not hold, and
//! counts.
//!
//! Comes in: [`Script`](crate::abi::script::Script). Goes out: a line per assertion that fails,
//! then the summary, on standard output; exit status 1 if one failed. The compiler has already
//! checked what it could: modules that must be refused.
//!
//! Threads of the script are real ones.

use crate::abi::object::{HOST_WORD, IMMEDIATE, KIND_ARRAY, KIND_HOST, KIND_STRUCT, TypeRecord};
use crate::abi::program::Program;
use crate::abi::script::{self, Action, Command, Outcome, Pattern};
use crate::abi::trap::{CODE_EXCEPTION, CODE_FAILURE, TrapReport};
use crate::abi::value::{TYPE_ANYREF, TYPE_EXTERNREF, TYPE_F32, TYPE_F64, TYPE_I32, TYPE_I64, TYPE_V128, Value};
use crate::attempt::{attempt, fail, prepare_thread};
use crate::backtrace;
use crate::memory;
use crate::number;
use crate::program::{self, c_string, slice};
use crate::text::{STDOUT, Text, message};
use crate::width::{low_u32, low_u64, usize_of};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// Goes through the script; the exit status.
///
/// # Safety
/// The program has a script.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_script_run(_program: *const Program) -> i32 {
    run_all(0, commands().len());
    let (n_passed, n_failed) =
        (u128::from(N_PASSED.load(Ordering::SeqCst)), u128::from(N_FAILED.load(Ordering::SeqCst)));
    let mut text = Text::new(STDOUT);
    text.add_decimal(n_passed).add(" passed, ").add_decimal(n_failed).add(" failed\n");
    i32::from(n_failed > 0)
}

/// The program's script.
fn commands() -> &'static [Command] {
    // SAFETY: who comes here belongs to a program with a script; all of it is constant data.
    unsafe {
        let script = &*program::main().expect("a script is an executable").script;
        slice(script.commands, script.n_commands)
    }
}

static N_PASSED: AtomicU64 = AtomicU64::new(0);
static N_FAILED: AtomicU64 = AtomicU64::new(0);

/// Threads that nothing has waited for yet, with the number of the command that has started each.
static THREADS: Mutex<Vec<(usize, JoinHandle<()>)>> = Mutex::new(Vec::new());

/// Stack of a thread of the script.
const THREAD_STACK: usize = 2 << 20;

/// Goes through the commands from `next` up to `end`.
fn run_all(mut next: usize, end: usize) {
    let commands = commands();
    while next < end {
        let command = &commands[next];
        next = next.saturating_add(1);
        let number = usize_of(command.size);
        if command.action == Action::StartThread as u8 {
            let first = next;
            next = next.saturating_add(number);
            start_thread(first, next);
        } else if command.action == Action::JoinThread as u8 {
            join_thread(number);
        } else if let Err(failure) = run(command) {
            N_FAILED.fetch_add(1, Ordering::SeqCst);
            report(command, failure);
        } else {
            N_PASSED.fetch_add(command.is_assertion.into(), Ordering::SeqCst);
        }
    }
}

fn start_thread(first: usize, end: usize) {
    let work = move || {
        prepare_thread();
        run_all(first, end);
    };
    match std::thread::Builder::new().stack_size(THREAD_STACK).spawn(work) {
        Ok(thread) => THREADS.lock().unwrap_or_else(PoisonError::into_inner).push((first.saturating_sub(1), thread)),
        Err(_) => {
            let mut text = message();
            text.add("cannot start a thread of the script");
            fail(text, 1);
        }
    }
}

fn join_thread(number: usize) {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(index) = threads.iter().position(|(command, _)| *command == number) else { return };
    let (_, thread) = threads.remove(index);
    drop(threads);
    // A thread that panics ends the program.
    let _ = thread.join();
}

enum Failure {
    /// Found by the compiler, see [`Command::message`].
    Compiler,
    Trapped(Box<TrapReport>),
    /// A trap was expected, and the command returned.
    Returned,
    /// A result is another than expected.
    Results(Box<[Value; 1000]>),
}

fn run(command: &Command) -> Result<(), Failure> {
    if command.action == Action::Hold as u8 {
        return Ok(());
    }
    if command.action == Action::Fail as u8 {
        return Err(Failure::Compiler);
    }
    let mut values = [const { Value([0; 16]) }; 1000];
    // SAFETY: `n_arguments` values of constant data, at most as many as a function has parameters.
    let arguments = unsafe { slice(command.arguments, command.n_arguments.into()) };
    values[..arguments.len()].copy_from_slice(arguments);
    // SAFETY: what runs is translated code and the setting up of memories: nothing to release.
    let mut report = backtrace::empty();
    // SAFETY: as above.
    let is_done = unsafe { attempt(&mut report, || perform(command, &mut values)) };
    let wants_trap = command.outcome == Outcome::Trap as u8;
    // SAFETY: a zero-terminated text.
    let wanted = unsafe { c_string(command.message) };
    let wants_exception = command.outcome == Outcome::Exception as u8;
    if is_done {
        return match () {
            () if wants_trap || wants_exception => Err(Failure::Returned),
            () if command.outcome == Outcome::Any as u8 => Ok(()),
            () => compare(command, &values),
        };
    }
    match report.code {
        CODE_EXCEPTION if wants_exception => Ok(()),
        code if wants_trap && code != CODE_FAILURE && agrees(message_of(&report), wanted) => Ok(()),
        _ => Err(Failure::Trapped(Box::new(report))),
    }
}

fn message_of(report: &TrapReport) -> &[u8] {
    report.message.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Whether a trap's message is the one that the script means: scripts shorten it (`out of bounds`)
/// or add a name to it (`uninitialized element 2`).
fn agrees(message: &[u8], wanted: &[u8]) -> bool {
    let contains = |text: &[u8], part: &[u8]| !part.is_empty() && text.windows(part.len()).any(|window| window == part);
    contains(message, wanted) || contains(wanted, message)
}

fn perform(command: &Command, values: &mut [Value; 1000]) {
    // SAFETY: the compiler's functions and data; a command has what its action needs.
    unsafe {
        if command.action == Action::Instantiate as u8 {
            let image = &*command.image;
            memory::create_for(program::main().expect("a script is an executable"), image);
            if let Some(initialize) = image.initialize {
                initialize();
            }
        } else if command.action == Action::ReadGlobal as u8 {
            let size = usize_of(command.size);
            std::ptr::copy_nonoverlapping(command.global, values[0].0.as_mut_ptr(), size);
        } else if let Some(entry) = command.entry {
            entry(values.as_mut_ptr());
        }
    }
}

fn compare(command: &Command, values: &[Value; 1000]) -> Result<(), Failure> {
    let mut patterns = command.results;
    // SAFETY: a code for each result.
    let types = unsafe { slice(command.types, command.n_results.into()) };
    for (&value, &ty) in values.iter().zip(types) {
        let mut holds = false;
        loop {
            // SAFETY: one pattern per result, and one more for each that has an alternative.
            let pattern = unsafe { &*patterns };
            // SAFETY: as above; one past the last is not read.
            patterns = unsafe { patterns.add(1) };
            holds |= matches(pattern, value, ty);
            if pattern.has_alternative == 0 {
                break;
            }
        }
        if !holds {
            return Err(Failure::Results(Box::new(*values)));
        }
    }
    Ok(())
}

fn matches(pattern: &Pattern, value: Value, ty: u8) -> bool {
    let Pattern { value: wanted, mask, kind, .. } = pattern;
    let word = low_u64(u128::from_le_bytes(value.0));
    // SAFETY: of the hierarchy `any`, a word other than null and immediates is an object.
    let object = || unsafe { (*(word as *const *const TypeRecord)).as_ref() }.map_or(0, |record| record.kind);
    let is_immediate = word & IMMEDIATE != 0;
    match *kind {
        script::NUMBER => (0..16).all(|byte| value.0[byte] & mask[byte] == wanted[byte] & mask[byte]),
        _ if word == 0 => false,
        script::NOT_NULL => true,
        _ if ty != TYPE_ANYREF => false,
        script::STRUCT => !is_immediate && object() == KIND_STRUCT,
        script::ARRAY => !is_immediate && object() == KIND_ARRAY,
        script::EQ if is_immediate => word & HOST_WORD == 0,
        script::EQ => object() != KIND_HOST,
        _ => true,
    }
}

fn report(command: &Command, failure: Failure) {
    let mut text = Text::new(STDOUT);
    text.add("line ").add_decimal(command.line.into()).add(": ");
    // SAFETY: a zero-terminated text.
    let message = unsafe { c_string(command.message) };
    // SAFETY: as above.
    let [subject, expected] = unsafe { [c_string(command.subject), c_string(command.expected)] };
    text.add_name(subject).add(if subject.is_empty() { "" } else { ": " });
    match failure {
        Failure::Compiler => text.add_name(message),
        Failure::Trapped(trap) => {
            text.add("trap: ").add(message_of(&trap));
            match command.outcome {
                outcome if outcome == Outcome::Trap as u8 => text.add(", instead of: ").add_name(message),
                outcome if outcome == Outcome::Exception as u8 => text.add(", instead of an exception"),
                outcome if outcome == Outcome::Return as u8 => text.add(", instead of ").add_name(expected),
                _ => &mut text,
            }
        }
        Failure::Returned if command.outcome == Outcome::Exception as u8 => {
            text.add("returned instead of an exception")
        }
        Failure::Returned => text.add("returned instead of: ").add_name(message),
        Failure::Results(values) => {
            // SAFETY: a code for each result.
            let types = unsafe { slice(command.types, command.n_results.into()) };
            for (&ty, &value) in types.iter().zip(&values[..]) {
                add_value(&mut text, ty, value);
                text.add(" ");
            }
            text.add("instead of ").add_name(expected)
        }
    };
    text.add("\n");
}

/// Adds a value as a script has it.
fn add_value(text: &mut Text, ty: u8, value: Value) {
    let bits = u128::from_le_bytes(value.0);
    let is_null = bits == 0;
    let name = match ty {
        TYPE_I32 => "(i32.const ",
        TYPE_I64 => "(i64.const ",
        TYPE_F32 => "(f32.const ",
        TYPE_F64 => "(f64.const ",
        TYPE_V128 => "(v128.const i32x4",
        _ if is_null => "(ref.null",
        TYPE_EXTERNREF => "(ref.extern ",
        TYPE_ANYREF if low_u64(bits) & (IMMEDIATE | HOST_WORD) == IMMEDIATE => "(ref.i31 ",
        TYPE_ANYREF => "(ref.any",
        _ => "(ref.func",
    };
    text.add(name);
    let nan = match ty {
        TYPE_F32 if f32::from_bits(low_u32(bits)).is_nan() => Some((bits >> 31 & 1, bits & 0x7f_ffff)),
        TYPE_F64 if f64::from_bits(low_u64(bits)).is_nan() => Some((bits >> 63 & 1, bits & (u64::MAX >> 12) as u128)),
        _ => None,
    };
    match ty {
        TYPE_V128 => {
            for lane in value.0.chunks_exact(4) {
                let lane = lane.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
                text.add(" ").add_hex(lane);
            }
        }
        TYPE_F32 | TYPE_F64 if let Some((sign, payload)) = nan => {
            text.add(if sign == 1 { "-nan:" } else { "nan:" }).add_hex(low_u64(payload));
        }
        TYPE_I32 | TYPE_I64 | TYPE_F32 | TYPE_F64 => number::print(text, ty, value),
        // The host's references are numbers plus one.
        TYPE_EXTERNREF if !is_null => {
            text.add_decimal(bits.saturating_sub(1));
        }
        TYPE_ANYREF if low_u64(bits) & (IMMEDIATE | HOST_WORD) == IMMEDIATE => {
            text.add_decimal(bits >> 1);
        }
        _ => {}
    }
    text.add(")");
}
