//! WASI as the outside sees it: real files, pipes and terminals around a translated guest.
//!
//! [`matrix`] tries every way out of a granted directory with every call, [`grants`] what a grant
//! allows, [`exposed`] what no grant allows, [`hostile`] calls with dangerous numbers, [`limits`]
//! how much a module can take, [`streams`] the standard streams, [`signals`] signals to itself,
//! [`powers`] and [`own_directory`] directories that are not the host's, [`sockets`] those that a
//! program listens at, [`threads`] threads that share them, [`embed`] trees that a program carries,
//! [`names`] names that are not UTF-8, [`machines`] systems that forbid or lack system calls,
//! [`trace`] calls that are printed, [`oracle`] random calls beside another implementation,
//! [`sanitized`] calls of a runtime that AddressSanitizer checks, [`races`] threads in one that
//! ThreadSanitizer checks, and [`official`] the WebAssembly group's own tests where a checkout is
//! named.

mod checks;
mod driver;
mod embed;
mod exposed;
mod grants;
mod hostile;
mod limits;
mod machines;
mod matrix;
mod names;
mod numbers;
mod official;
mod oracle;
mod own_directory;
mod powers;
mod races;
mod sandbox;
mod sanitized;
mod sanitizer;
mod signals;
mod sockets;
mod streams;
mod threads;
mod timeout;
mod trace;
mod tree;

fn main() {
    let groups = [
        checks::trials(),
        matrix::trials(),
        grants::trials(),
        hostile::trials(),
        limits::trials(),
        streams::trials(),
        signals::trials(),
        exposed::trials(),
        threads::trials(),
        timeout::trials(),
        trace::trials(),
        embed::trials(),
        names::trials(),
        machines::trials(),
        powers::trials(),
        own_directory::trials(),
        sockets::trials(),
        official::trials(),
        oracle::trials(),
        sanitized::trials(),
        races::trials(),
    ];
    test_kit::trial::run(groups.into_iter().flatten());
}
