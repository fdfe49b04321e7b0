//! `--invoke`: parameters from the command line, results to standard output, one on each line.
//! Arguments after `--` are not parameters: WASI shows them to the guest.
//! Linked into programs with such an entry, which reach it through [`Program::invoke`].

use crate::abi::program::{Invocation, Program};
use crate::abi::value::Value;
use crate::attempt::fail;
use crate::entry::{self, results};
use crate::number;
use crate::program::{c_string, slice};
use crate::text::{STDOUT, Text, USAGE_EXIT_STATUS, message};

/// [`Program::invoke`].
///
/// # Safety
/// Called once, with a live structure, whose arguments are strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_invoke(invocation: *const Invocation) {
    // SAFETY: as required of the caller.
    let (program, arguments) = unsafe {
        let Invocation { program, arguments, n_arguments } = *invocation;
        (&*program, slice(arguments, n_arguments as u64))
    };
    // SAFETY: called once.
    let values = unsafe { entry::values() };
    read_parameters(program, &arguments[..n_parameters(arguments)], values);
    entry::run(program, values);
    print_results(program, values);
}

/// How many of the arguments are parameters: those before `--`.
pub fn n_parameters(arguments: &[*const u8]) -> usize {
    // SAFETY: strings of `argv`.
    arguments.iter().position(|&it| unsafe { c_string(it) } == b"--").unwrap_or(arguments.len())
}

/// Fills in the parameters. Stops the program with a usage message if their number or form is
/// wrong.
fn read_parameters(program: &Program, arguments: &[*const u8], values: &mut [Value]) {
    let types = parameters(program);
    if arguments.len() != types.len() {
        let mut text = message();
        text.add("wrong number of arguments: ").add_decimal(arguments.len() as u128);
        text.add(" instead of ").add_decimal(types.len() as u128);
        fail_with_usage(text, program);
    }
    for ((&ty, &argument), value) in types.iter().zip(arguments).zip(values) {
        // SAFETY: a string of `argv`.
        let argument = unsafe { c_string(argument) };
        *value = number::parse(ty, argument).unwrap_or_else(|| {
            let mut text = message();
            text.add("`").add_name(argument).add("` is not a value of type ").add(number::type_name(ty));
            fail_with_usage(text, program)
        });
    }
}

fn print_results(program: &Program, values: &[Value]) {
    let mut text = Text::new(STDOUT);
    for (&ty, &value) in results(program).iter().zip(values) {
        number::print(&mut text, ty, value);
        text.add("\n");
    }
}

fn parameters(program: &Program) -> &'static [u8] {
    // SAFETY: `n_parameters` type codes of constant data.
    unsafe { slice(program.parameters, program.n_parameters) }
}

fn fail_with_usage(mut text: Text, program: &Program) -> ! {
    // SAFETY: a zero-terminated name.
    let name = unsafe { c_string(program.entry_name) };
    text.add("\nparameters of `").add_name(name).add("`:");
    for &ty in parameters(program) {
        text.add(" ").add(number::type_name(ty));
    }
    fail(text, USAGE_EXIT_STATUS)
}
