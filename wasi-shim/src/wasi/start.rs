//! Builds the WASI context: arguments, and the powers that the options grant. Without options: standard input, output and
//! error, and nothing else.

use crate::abi::{OPTIONS_VARIABLE, Program, Start};
use crate::attempt::fail;
use crate::options::{Options, Setting, find_variable, variables};
use crate::program::c_string;
use crate::text::message;
use crate::wasi::context;
use crate::wasi::random::SystemRandom;
use crate::wasi::sched::Sched;
use crate::wasi::stdio::Stdio;
use cap_std::ambient_authority;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use wasi_common::sync::{clocks_ctx, dir::Dir};
use wasi_common::{StringArrayError, Table, WasiCtx};

/// [`Program::start_wasi`].
///
/// # Safety
/// Called once by the entry, before translated code runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_wasi_start(start: *const Start) {
    // SAFETY: the entry passes a live structure with what `main` received.
    let (program, argc, argv, envp) = unsafe {
        let Start { program, argc, argv, envp } = *start;
        (&*program, argc, argv, envp)
    };
    let mut context = WasiCtx::new(Box::new(SystemRandom), clocks_ctx(), Box::new(Sched), Table::new());
    context.set_stdin(Box::new(Stdio::new(libc::STDIN_FILENO)));
    context.set_stdout(Box::new(Stdio::new(libc::STDOUT_FILENO)));
    context.set_stderr(Box::new(Stdio::new(libc::STDERR_FILENO)));
    for index in 0..argc.max(0) as usize {
        // SAFETY: `argv` holds `argc` strings.
        let argument = unsafe { c_string(*argv.add(index)) };
        expect_room(context.push_arg(&String::from_utf8_lossy(argument)));
    }
    grant(program, envp, &mut context);
    context::set(program, context);
}

/// Applies the options. Text that is not UTF-8 gets replacement characters: WASI knows no other text.
fn grant(program: &Program, envp: *const *const u8, context: &mut WasiCtx) {
    let mut environment = Vec::new();
    Options::read(program, envp).each(|setting| match setting {
        Setting::Dir(value) => open_dir(context, value),
        Setting::Env(value) => match split_at(value, b"=") {
            Some((name, value)) => set_variable(&mut environment, name, value),
            // As wasmtime does: a variable that is not set stays unset.
            None => {
                if let Some(inherited) = find_variable(envp, value) {
                    set_variable(&mut environment, value, inherited);
                }
            }
        },
        Setting::InheritEnv => {
            for variable in variables(envp) {
                // The options are for the runtime, not for the guest.
                if let Some((name, value)) = split_at(variable, b"=")
                    && name != OPTIONS_VARIABLE.as_bytes()
                {
                    set_variable(&mut environment, name, value);
                }
            }
        }
        Setting::MaxMemory(_) | Setting::MaxStack(_) => {}
    });
    for (name, value) in environment {
        expect_room(context.push_env(&String::from_utf8_lossy(name), &String::from_utf8_lossy(value)));
    }
}

/// A later value replaces an earlier one.
fn set_variable<'a>(environment: &mut Vec<(&'a [u8], &'a [u8])>, name: &'a [u8], value: &'a [u8]) {
    match environment.iter_mut().find(|(known, _)| *known == name) {
        Some(known) => known.1 = value,
        None => environment.push((name, value)),
    }
}

/// `HOST[::GUEST]`; the guest knows a directory by the host's name if no other is given.
fn open_dir(context: &mut WasiCtx, value: &[u8]) {
    let (host, guest) = split_at(value, b"::").unwrap_or((value, value));
    let result = cap_std::fs::Dir::open_ambient_dir(OsStr::from_bytes(host), ambient_authority());
    let dir = result.unwrap_or_else(|error| {
        let mut text = message();
        text.add("cannot open directory `").add_name(host).add("` for --dir: ");
        let _ = write!(text, "{error}");
        fail(text, 1)
    });
    let guest = String::from_utf8_lossy(guest).into_owned();
    if context.push_preopened_dir(Box::new(Dir::from_cap_std(dir)), guest).is_err() {
        let mut text = message();
        text.add("too many directories");
        fail(text, 1)
    }
}

fn split_at<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(separator.len()).position(|window| window == separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

fn expect_room(result: Result<(), StringArrayError>) {
    if result.is_err() {
        let mut text = message();
        text.add("arguments or environment exceed 4 GiB");
        fail(text, 1)
    }
}
