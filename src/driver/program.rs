//! The stages of a program, which may consist of several modules.

use super::outside::Outside;
use super::pipeline::Session;
use super::plan::{self, Start};
use super::threads;
use crate::layout::World;
use crate::object::Role;
use crate::output;
use crate::resolve;
use crate::unit::Edge;
use crate::wasm::input::Input;
use crate::wasm::source::MAIN;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The bytes of the program. The object of its main module is written to `kept`.
///
/// # Errors
/// One message that begins with the name of the input that it is about.
pub fn program(session: &Session, kept: Option<&Path>) -> Result<Vec<u8>> {
    if session.options.instances {
        bail!("{}: --instances is for libraries: a program is its only instance", session.input.name);
    }
    if session.options.user_data {
        bail!("{}: --user-data is for libraries: a program has no host that could set the pointer", session.input.name);
    }
    let others = read_modules(session)?;
    let inputs = others.iter().map(|(name, input)| (*name, input)).chain([(MAIN, session.input)]);
    let sources = inputs.map(|(name, input)| session.read(name, input)).collect::<Result<Vec<_>>>()?;
    let parsed = sources.iter().map(|source| session.parse(source)).collect::<Result<Vec<_>>>()?;
    let instances = resolve::order(parsed)?;
    let linked = session.resolve(&instances)?;
    let main = linked.last().expect("the main module is one of them").index;
    let start = session.name(Start::of_program(linked[main].module, session.options))?;
    session.name(threads::check_modules(&linked))?;
    let foreign = session.declare(&linked)?;
    let start_of = |index| (index == main).then_some(&start);
    let analyze = |(linked, foreign)| session.analyze(linked, foreign, World::Closed, start_of(linked.index));
    let analyzed: Vec<_> = linked.iter().zip(foreign).map(analyze).collect();
    let Outside { natives, uses_c, taken, undefined, shims, traced } = session.look_up(&analyzed)?;
    let lay_out = |(((analyzed, undefined), shims), traced)| {
        session.lay_out(analyzed, World::Closed, Edge { undefined, shims, traced, ..Edge::default() })
    };
    let units = analyzed.into_iter().zip(undefined).zip(shims).zip(traced).map(lay_out).collect::<Result<Vec<_>>>()?;
    let plan = session.name(plan::plan(start, taken, session.input, session.options, session.observer))?;
    let mut objects = Vec::with_capacity(units.len());
    for unit in &units {
        let role = if unit.index == main { Role::Program(&plan) } else { Role::Member { entries: &[] } };
        let code = session.compile(unit, &role)?;
        objects.push(session.write(unit, &code, &role)?);
    }
    if let Some(kept) = kept {
        output::write(kept, &objects[main])?;
    }
    let program = session.link(objects, natives, uses_c)?;
    session.write_texts(&sources)?;
    Ok(program)
}

/// The other modules of the program, with the names that they are imported by.
fn read_modules<'a>(session: &Session<'a>) -> Result<Vec<(&'a str, Input)>> {
    let modules = session.options.modules.iter();
    let read = |(name, path): &'a (String, PathBuf)| {
        session.observer.reads(path);
        Ok((name.as_str(), Input::read(path)?))
    };
    modules.map(read).collect()
}
