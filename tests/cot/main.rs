//! The Cot frontend: what it refuses and where, what it makes of newlines, and that nothing makes
//! it panic.
//!
//! `cargo test --test cot -- NAME` runs what has NAME in its name.

mod backend;
mod boundary;
mod ends;
mod errors;
mod floats;
mod format;
mod fuzz;
mod grammar;
mod loops;
mod lsp;
mod modules;
mod names;
mod projects;
mod random;
mod rendered;
mod run;
mod self_hosted;
mod server;
mod source;
mod trees;
mod watch;

fn main() {
    let trials = errors::trials()
        .into_iter()
        .chain(rendered::trials())
        .chain(trees::trials())
        .chain(fuzz::trials())
        .chain(run::trials())
        .chain(backend::trials())
        .chain(boundary::trials())
        .chain(modules::trials())
        .chain(grammar::trials())
        .chain(projects::trials())
        .chain(ends::trials())
        .chain(random::trials())
        .chain(loops::trials())
        .chain(floats::trials())
        .chain(format::trials())
        .chain(names::trials())
        .chain(lsp::trials())
        .chain(server::trials())
        .chain(watch::trials())
        .chain(self_hosted::trials());
    test_kit::trial::run(trials);
}
