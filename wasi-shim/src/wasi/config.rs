//! What the host of a library has configured of WASI, as it is kept: strings are copied and
//! directories are open, so that the host may forget its own. It holds for every start of the
//! library, also after a reset.

use crate::abi::config::{
    Config, Configure, ConfiguredDirectory, STREAM_CALLBACK, STREAM_DESCRIPTOR, STREAM_INHERIT, STREAM_NULL, Stream,
};
use crate::abi::program::Program;
use crate::abi::trap::CODE_FAILURE;
use crate::program::c_string;
use crate::text::Text;
use crate::wasi::descriptor::Descriptor;
use crate::wasi::granted;
use crate::wasi::host_stream::HostStream;
use crate::wasi::rights::Access;
use crate::width::usize_of;
use rustix::fd::BorrowedFd;
use rustix::fs::CWD;
use std::ffi::c_char;
use std::fs::File;
use std::sync::atomic::Ordering;

/// What is not set is as without a configuration.
pub struct Configuration {
    pub arguments: Option<Vec<Vec<u8>>>,
    /// `NAME=VALUE` each.
    pub environment: Option<Vec<Vec<u8>>>,
    pub directories: Option<Vec<GrantedDirectory>>,
    streams: [Stream; 3],
    /// By a pointer, so that programs, which have no configuration, do not link it.
    open_stream: fn(&Stream, u32, Access) -> Option<Descriptor>,
}

pub struct GrantedDirectory {
    pub opened: File,
    /// The guest's name.
    pub guest: Vec<u8>,
    pub read_only: bool,
}

impl Configuration {
    /// The configuration of a program, if it has one.
    pub fn of(program: &Program) -> Option<&Configuration> {
        // SAFETY: null, or what `w2n_wasi_configure` put there, which nothing changes while the
        // library starts.
        unsafe { program.wasi_config.load(Ordering::Acquire).cast::<Configuration>().as_ref() }
    }

    /// A new descriptor for a standard stream; nothing if that is the process's own.
    pub fn stream(&self, number: u32, access: Access) -> Option<Descriptor> {
        (self.open_stream)(self.streams.get(number as usize)?, number, access)
    }
}

fn open_stream(stream: &Stream, number: u32, access: Access) -> Option<Descriptor> {
    match stream.kind {
        STREAM_DESCRIPTOR => Some(Descriptor::stream(stream.descriptor, access)),
        STREAM_CALLBACK | STREAM_NULL => {
            Some(Descriptor::host_stream(Box::new(HostStream::new(*stream, number)), access))
        }
        _ => None,
    }
}

/// [`Program::configure_wasi`].
///
/// # Safety
/// The library is not in use, and the configuration is one, or null.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_wasi_configure(configure: *const Configure) -> i32 {
    // SAFETY: as required of the caller; the text is gone before the caller reads what it wrote.
    let (program, config, mut text) = unsafe {
        let Configure { program, config, message, length } = *configure;
        (&*program, &*config, Text::into_place(message, length))
    };
    // SAFETY: as required of the caller.
    let Some(kept) = (unsafe { read(config, &mut text) }) else { return CODE_FAILURE };
    let old = program.wasi_config.swap(Box::into_raw(Box::new(kept)).cast(), Ordering::AcqRel).cast::<Configuration>();
    if !old.is_null() {
        // SAFETY: it comes from here, and contexts have copies of what they need of it.
        drop(unsafe { Box::from_raw(old) });
    }
    0
}

/// What is to be kept, or a message.
///
/// # Safety
/// The pointers of the configuration lead to what its fields say.
unsafe fn read(config: &Config, text: &mut Text) -> Option<Configuration> {
    // SAFETY: as required of the caller.
    let [arguments, environment] = [config.arguments, config.environment].map(|list| unsafe { strings(list) });
    if let Some(variable) = environment.iter().flatten().find(|variable| !variable.contains(&b'=')) {
        text.add("the variable `").add_name(variable).add("` has no value: it must be NAME=VALUE");
        return None;
    }
    for (stream, (name, is_input)) in config.streams.iter().zip([("input", true), ("output", false), ("error", false)])
    {
        if let Some(problem) = problem(stream, is_input) {
            text.add("the stream `").add(name).add("` ").add(problem);
            return None;
        }
    }
    let directories = match config.directories.is_null() {
        true => None,
        false => {
            let mut list = Vec::new();
            for index in 0..usize_of(config.n_directories.into()) {
                // SAFETY: as required of the caller.
                list.push(unsafe { open(&*config.directories.add(index), text) }?);
            }
            Some(list)
        }
    };
    Some(Configuration { arguments, environment, directories, streams: config.streams, open_stream })
}

/// What is wrong with a stream.
fn problem(stream: &Stream, is_input: bool) -> Option<&'static str> {
    match stream.kind {
        STREAM_INHERIT | STREAM_NULL => None,
        STREAM_CALLBACK => {
            let has_function = if is_input { stream.read.is_some() } else { stream.write.is_some() };
            (!has_function).then_some("has no function")
        }
        // SAFETY: asks for the descriptor's flags.
        STREAM_DESCRIPTOR if unsafe { libc::fcntl(stream.descriptor, libc::F_GETFL) } < 0 => {
            Some("is a descriptor that is not open")
        }
        STREAM_DESCRIPTOR => None,
        _ => Some("is of an unknown kind"),
    }
}

/// Copies of strings, whose list null ends; nothing if the list itself is null.
///
/// # Safety
/// `list` is null or such a list.
unsafe fn strings(list: *const *const c_char) -> Option<Vec<Vec<u8>>> {
    if list.is_null() {
        return None;
    }
    let mut copies = Vec::new();
    let mut next = list;
    // SAFETY: as required of the caller.
    unsafe {
        while !(*next).is_null() {
            copies.push(c_string((*next).cast()).to_vec());
            next = next.add(1);
        }
    }
    Some(copies)
}

/// Opens a directory; or writes why that can't be.
///
/// # Safety
/// The pointers of the row are null or strings.
unsafe fn open(row: &ConfiguredDirectory, text: &mut Text) -> Option<GrantedDirectory> {
    let ConfiguredDirectory { host, guest, descriptor, read_only } = *row;
    // SAFETY: as required of the caller.
    let [host, guest] = [host, guest].map(|name| (!name.is_null()).then(|| unsafe { c_string(name.cast()) }));
    let read_only = read_only != 0;
    let Some(guest) = guest.or(host).filter(|name| !name.is_empty()) else {
        text.add("a directory has no name");
        return None;
    };
    let (opened, name) = match host {
        Some(host) => (granted::open(CWD, host, read_only), host),
        None if descriptor < 0 => {
            text.add("the directory `").add_name(guest).add("` has neither a path nor a descriptor");
            return None;
        }
        // By a descriptor of its own, whose position is nobody else's.
        // SAFETY: the host says that it is open; if it is not, that is an error.
        None => (granted::open(unsafe { BorrowedFd::borrow_raw(descriptor) }, b".", read_only), guest),
    };
    match opened {
        Ok(opened) => Some(GrantedDirectory { opened, guest: guest.to_vec(), read_only }),
        Err(refused) => {
            refused.explain(text, name, "the library");
            None
        }
    }
}
