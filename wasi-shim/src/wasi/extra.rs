//! Powers that only programs can use which look for directories, take paths or accept connections:
//! `--embed`, `--dev`, `--tmp`, `--tcplisten`, `--listenfd`. Linked into those, which reach it
//! through [`Program::extra_powers`](crate::abi::program::Program::extra_powers).

use crate::abi::program::{ExtraPowers, Program};
use crate::abi::setting::{DEFAULT_TMP, DEV, Setting, TMP};
use crate::attempt::fail;
use crate::options::Options;
use crate::program::slice;
use crate::text::{USAGE_EXIT_STATUS, message};
use crate::wasi::context::Context;
use crate::wasi::descriptor::{Descriptor, Directory, Home};
use crate::wasi::devices::Devices;
use crate::wasi::embedded::EmbeddedNode;
use crate::wasi::listen;
use crate::wasi::tree::Tree;
use crate::wasi::volume::directory::VolumeDirectory;
use std::ffi::CString;
use std::sync::Mutex;

/// [`Program::extra_powers`](crate::abi::program::Program::extra_powers): gives the context its
/// descriptors.
///
/// # Safety
/// Called by the start of WASI with live structures: once for sockets and the program's own
/// directories, then once for each tree.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_wasi_extra(extra: *mut ExtraPowers) {
    // SAFETY: as required of the caller.
    let (extra, program, context) = unsafe { (&mut *extra, &*(*extra).program, &*(*extra).context.cast::<Context>()) };
    if !extra.embedded.is_null() {
        // SAFETY: as required of the caller.
        let guest = unsafe { slice(extra.embedded, extra.embedded_length) };
        return add_embedded(context, program, extra.n_embedded, guest);
    }
    let options = Options::read(program, extra.envp);
    let mut sockets = Vec::new();
    options.each(&mut |setting| {
        if setting == Setting::ListenFd && sockets.is_empty() {
            sockets = listen::inherited(extra.envp);
        }
    });
    options.each(&mut |setting| {
        if let Setting::TcpListen(address) = setting {
            sockets.push(listen::bound(address));
        }
    });
    if !sockets.is_empty() {
        let count = CString::new(sockets.len().to_string()).expect("digits are not zero");
        extra.n_sockets = count.into_raw().cast();
    }
    for socket in sockets {
        context.descriptors.add_first(Descriptor::listener(socket));
    }
    let (mut has_devices, mut limit) = (false, None);
    options.each(&mut |setting| match setting {
        Setting::Dev => has_devices = true,
        // The last one counts: a program has one such directory.
        Setting::Tmp(bytes) => limit = Some(bytes.unwrap_or(DEFAULT_TMP)),
        _ => {}
    });
    if has_devices {
        add(context, Box::new(Devices), DEV.as_bytes(), true);
    }
    if let Some(limit) = limit {
        add(context, Box::new(VolumeDirectory::new(limit)), TMP.as_bytes(), false);
    }
}

/// Trees are found by their order among the options fixed at build time; there are none for others.
fn add_embedded(context: &Context, program: &Program, index: u32, guest: &[u8]) {
    let Some(root) = EmbeddedNode::root(program, index) else {
        let mut text = message();
        text.add("--embed is an option of wasm2native: a program has only the trees that it was built with, and none named `");
        text.add_name(guest).add("`");
        fail(text, USAGE_EXIT_STATUS)
    };
    add(context, Box::new(root), guest, true);
}

fn add(context: &Context, tree: Box<dyn Tree>, name: &[u8], read_only: bool) {
    let preopen = Some(name.to_vec());
    let directory = Directory { home: Home::Virtual(tree), preopen, listing: Mutex::new(()) };
    context.descriptors.add_first(Descriptor::directory(directory, read_only));
}
