//! What the guest finds at its start: arguments, and the powers that the options grant. Without
//! options: standard input, output and error, and nothing else.

use crate::abi::grant::Grant;
use crate::abi::program::{ExtraPowers, OPTIONS_VARIABLE, Program, Start};
use crate::abi::setting::Setting;
use crate::attempt::fail;
use crate::options::{Options, find_variable, variables};
use crate::program::{self, c_string};
use crate::system::kernel;
use crate::text::{USAGE_EXIT_STATUS, message};
use crate::wasi::context::{Context, Strings};
use crate::wasi::descriptor::{Descriptor, Directory, Home};
use crate::wasi::rights::Access;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
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
    let mut context = Context::default();
    let (reads, writes) = (Access { read: true, write: false }, Access { read: false, write: true });
    for (number, access) in [(libc::STDIN_FILENO, reads), (libc::STDOUT_FILENO, writes), (libc::STDERR_FILENO, writes)]
    {
        context.descriptors.add_first(Descriptor::stream(number, access));
    }
    let mut arguments = Strings::default();
    for index in 0..usize::try_from(argc).unwrap_or(0) {
        // SAFETY: `argv` holds `argc` strings.
        expect_room(arguments.push(unsafe { c_string(*argv.add(index)) }));
    }
    context.environment = grant(program, envp, &context);
    context.arguments = arguments;
    context.start(program);
}

/// Applies the options; the result is the guest's environment.
#[cold]
fn grant(program: &Program, envp: *const *const u8, context: &Context) -> Strings {
    let mut environment = Vec::new();
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
    Options::read(program, envp).each(&mut |setting| match setting {
        Setting::Dir(value) => open_dir(context, value),
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
        Setting::MaxMemory(_) | Setting::MaxTable(_) | Setting::MaxStack(_) => {}
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
    let open =
        |flags| OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | flags).open(OsStr::from_bytes(host));
    let opened = match open(if read_only { libc::O_NOATIME } else { 0 }) {
        // Only the owner can ask for that.
        Err(error) if read_only && error.raw_os_error() == Some(libc::EPERM) => open(0),
        opened => opened,
    };
    let opened = opened.unwrap_or_else(|error| {
        let mut text = message();
        text.add("cannot open directory `").add_name(host).add("` for --dir: ");
        let _ = write!(text, "{error}");
        fail(text, 1)
    });
    // In doubt, it is.
    if kernel::is_on_memory_file_system(&opened).unwrap_or(true) {
        let mut text = message();
        text.add("cannot grant directory `").add_name(host);
        text.add("` with --dir: its file system (procfs or the like) gives access to the memory of processes");
        fail(text, 1)
    }
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
