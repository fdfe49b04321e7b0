//! What the guest finds at its start: arguments, and the powers that the options grant. Without
//! options: standard input, output and error, and nothing else.

use crate::abi::grant::Grant;
use crate::abi::program::{ExtraPowers, OPTIONS_VARIABLE, Program, Start};
use crate::abi::setting::Setting;
use crate::attempt::fail;
use crate::invoke::n_parameters;
use crate::options::{Options, find_variable, variables};
use crate::program::{self, c_string, slice};
use crate::text::{USAGE_EXIT_STATUS, message};
use crate::wasi::config::{Configuration, GrantedDirectory};
use crate::wasi::context::{Context, Strings};
use crate::wasi::descriptor::{Descriptor, Directory, Home};
use crate::wasi::granted::{self, Refused};
use crate::wasi::rights::Access;
use rustix::fs::CWD;
use std::fs::File;
use std::ptr;
use std::sync::Mutex;

/// [`Program::start_wasi`].
///
/// # Safety
/// Called by the entry, before translated code runs, or while none runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_wasi_start(start: *const Start) {
    // SAFETY: the entry passes a live structure with what `main` received.
    let (program, argc, argv, envp) = unsafe {
        let Start { program, argc, argv, envp } = *start;
        (&*program, argc, argv, envp)
    };
    // To write to a pipe that no one reads, or beyond the limit on a file's size, is an error for
    // the guest and not the end of the program: WASI has no signals. In a library that is for the
    // host to decide.
    if program::main().is_some() {
        for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
            // SAFETY: no handler is installed.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
    // SAFETY: as required of the caller.
    unsafe { Context::end(program) };
    if argc < 0 {
        return;
    }
    let mut context = Context::default();
    let configuration = Configuration::of(program);
    let (reads, writes) = (Access { read: true, write: false }, Access { read: false, write: true });
    for (number, access) in [(libc::STDIN_FILENO, reads), (libc::STDOUT_FILENO, writes), (libc::STDERR_FILENO, writes)]
    {
        let configured = configuration.and_then(|it| it.stream(number.unsigned_abs(), access));
        context.descriptors.add_first(configured.unwrap_or_else(|| Descriptor::stream(number, access)));
    }
    let mut arguments = Strings::default();
    match configuration.and_then(|it| it.arguments.as_deref()) {
        Some(list) => list.iter().for_each(|argument| expect_room(arguments.push(argument))),
        None => {
            // SAFETY: `argv` holds `argc` strings, which stay.
            let given = unsafe { slice(argv, u64::try_from(argc).unwrap_or(0)) };
            let (name, mut given) = given.split_at(given.len().min(1));
            if program.invoke.is_some() {
                given = given.get(n_parameters(given).saturating_add(1)..).unwrap_or_default();
            }
            for &argument in name.iter().chain(given) {
                // SAFETY: as above.
                expect_room(arguments.push(unsafe { c_string(argument) }));
            }
        }
    }
    context.environment = grant(program, envp, &context, configuration);
    context.arguments = arguments;
    context.start(program);
}

/// Applies the options, as far as the host of a library has configured nothing else; the result is
/// the guest's environment.
#[cold]
fn grant(
    program: &Program,
    envp: *const *const u8,
    context: &Context,
    configuration: Option<&Configuration>,
) -> Strings {
    let mut environment = Vec::new();
    let configured = configuration.and_then(|it| it.environment.as_deref());
    for variable in configured.into_iter().flatten() {
        if let Some((name, value)) = split_at(variable, b"=") {
            set_variable(&mut environment, name, value);
        }
    }
    let context_pointer = ptr::from_ref(context).cast();
    let mut extra = ExtraPowers {
        program,
        envp,
        context: context_pointer,
        n_sockets: ptr::null(),
        embedded: ptr::null(),
        embedded_length: 0,
        n_embedded: 0,
    };
    // Sockets come before directories: guests expect the first one to be descriptor 3.
    if let Some(grant_extra) = program.extra_powers {
        // SAFETY: the runtime's own function; the structure and the context outlive the call. What
        // it leaves is null or a string that stays.
        unsafe {
            grant_extra(&mut extra);
            if !extra.n_sockets.is_null() {
                set_variable(&mut environment, b"LISTEN_FDS", c_string(extra.n_sockets));
            }
        }
    }
    let directories = configuration.and_then(|it| it.directories.as_deref());
    for GrantedDirectory { opened, guest, read_only } in directories.into_iter().flatten() {
        // A descriptor of its own, because the guest may close it.
        let again = granted::open(opened, b".", *read_only);
        let again = again.unwrap_or_else(|refused| refuse(&refused, guest, "the library"));
        add_directory(context, again, guest, *read_only);
    }
    Options::read(program, envp).each(&mut |setting| match setting {
        Setting::Dir(_) if directories.is_some() => {}
        Setting::Dir(value) => open_dir(context, value),
        Setting::Env(_) | Setting::InheritEnv if configured.is_some() => {}
        Setting::Embed(guest) => {
            let Some(grant_extra) = program.extra_powers else { return };
            (extra.embedded, extra.embedded_length) = (guest.as_ptr(), guest.len() as u64);
            // SAFETY: as above.
            unsafe { grant_extra(&mut extra) };
            extra.n_embedded = extra.n_embedded.saturating_add(1);
        }
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
        Setting::MaxMemory(_) | Setting::MaxTable(_) | Setting::MaxStack(_) | Setting::Timeout(_) => {}
        Setting::MaxHeap(_) | Setting::GcStats | Setting::GcStress => {}
        // See `extra`.
        Setting::Dev | Setting::Tmp(_) | Setting::TcpListen(_) | Setting::ListenFd => {}
    });
    let mut strings = Strings::default();
    for (name, value) in environment {
        expect_room(strings.push(&[name, b"=", value].concat()));
    }
    strings
}

/// A later value replaces an earlier one.
#[cold]
fn set_variable<'a>(environment: &mut Vec<(&'a [u8], &'a [u8])>, name: &'a [u8], value: &'a [u8]) {
    match environment.iter_mut().find(|(known, _)| *known == name) {
        Some(known) => known.1 = value,
        None => environment.push((name, value)),
    }
}

#[cold]
fn open_dir(context: &Context, value: &[u8]) {
    let Grant { host, guest, read_only } = Grant::parse(value).unwrap_or_else(|problem| {
        let mut text = message();
        text.add("--dir ").add_name(value).add(": ").add(&problem);
        fail(text, USAGE_EXIT_STATUS)
    });
    let opened = granted::open(CWD, host, read_only).unwrap_or_else(|refused| refuse(&refused, host, "--dir"));
    add_directory(context, opened, guest, read_only);
}

#[cold]
fn refuse(refused: &Refused, name: &[u8], purpose: &str) -> ! {
    let mut text = message();
    refused.explain(&mut text, name, purpose);
    fail(text, 1)
}

fn add_directory(context: &Context, opened: File, guest: &[u8], read_only: bool) {
    let directory = Directory { home: Home::Host(opened), preopen: Some(guest.to_vec()), listing: Mutex::new(()) };
    context.descriptors.add_first(Descriptor::directory(directory, read_only));
}

fn split_at<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(separator.len()).position(|window| window == separator)?;
    Some((&text[..at], text[at..].strip_prefix(separator)?))
}

#[cold]
fn expect_room(has_room: bool) {
    if !has_room {
        let mut text = message();
        text.add("arguments or environment exceed 4 GiB");
        fail(text, 1)
    }
}
