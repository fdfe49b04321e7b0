//! The stages of a test script: all its modules and commands become one program. The program
//! reports the result like any other's.

use super::commands::{self, Resolved};
use super::pipeline::Session;
use super::plan::{self, Start, Taken};
use crate::foreign::Foreign;
use crate::layout::World;
use crate::link::native::Natives;
use crate::object::script::{Command, Subject};
use crate::object::{ProgramPlan, Role};
use crate::options::LinkOptions;
use crate::progress::{Silent, stage};
use crate::resolve::{Instance, Linked};
use crate::script;
use crate::unit::Edge;
use crate::wasm::FuncIndex;
use crate::wasm::source::Source;
use anyhow::{Result, anyhow, bail};
use cranelift_entity::EntitySet;
use std::borrow::Cow;
use std::collections::HashMap;

/// The last module of the program, which holds its description: an empty one.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// The bytes of the program.
///
/// # Errors
/// When the script can't be read, or the linker fails. What is wrong with a module makes the
/// commands fail that are about it.
pub fn program(session: &Session) -> Result<Vec<u8>> {
    let Session { input, options, features, observer, .. } = *session;
    if options.link != LinkOptions::default() {
        bail!("{}: a test script is linked with nothing but the modules in it", input.name);
    }
    if options.profile_generate.is_some() {
        bail!("{}: a test script is not profiled: --profile-generate is for modules", input.name);
    }
    let text = input.script().expect("it was recognised as a script");
    let script = session.name(stage(observer, "read", 0, || script::read(text)))?;
    let sources: Vec<_> = script.instances.iter().map(|it| commands::source(&it.wasm, features)).collect();
    let parsed: Vec<_> = stage(observer, "parse", 0, || sources.iter().map(parse).collect());
    let empty = Source { name: "", file: None, wasm: Cow::Borrowed(EMPTY_MODULE), features, text: None, listing: None };
    let empty = Instance { module: empty.parse()?, source: &empty };
    let mut refused = HashMap::new();
    let objects = loop {
        let Resolved { linked, commands, refused: known } =
            commands::resolve(&script, &parsed, &empty, refused, session);
        let entries = entries(&linked, &commands);
        let plan =
            session.name(plan::plan(Start::of_script(commands), Taken::default(), input, options, session.observer))?;
        match session.name(compile_all(session, &linked, &entries, &plan))? {
            Ok(objects) => break objects,
            // What is beyond a limit fails alone. The next round links the others without it.
            Err(beyond) => refused = known.into_iter().chain(beyond).collect(),
        }
    };
    session.link(objects, Natives::none(session.runtime()?.target), false)
}

fn parse<'s>(source: &'s Result<Source<'s>>) -> Result<Instance<'s>> {
    let source = source.as_ref().map_err(|error| anyhow!("{error:#}"))?;
    Ok(Instance { source, module: commands::parse(source)? })
}

/// The functions of each module that commands call.
fn entries(linked: &[Linked], commands: &[Command]) -> Vec<Vec<FuncIndex>> {
    let mut entries: Vec<EntitySet<FuncIndex>> = linked.iter().map(|_| EntitySet::new()).collect();
    for command in commands {
        if let Subject::Function { instance, func } = command.subject {
            entries[instance].insert(func);
        }
    }
    entries.iter().map(|entries| entries.iter().collect()).collect()
}

/// The objects of all modules, or what is wrong with those that can't be compiled, by their number.
type Compiled = std::result::Result<Vec<Vec<u8>>, HashMap<usize, String>>;

/// # Errors
/// When the last module, which holds the program's description, can't be compiled.
fn compile_all(
    session: &Session,
    linked: &[Linked],
    entries: &[Vec<FuncIndex>],
    plan: &ProgramPlan,
) -> Result<Compiled> {
    let mut objects = Vec::with_capacity(linked.len());
    let mut refused = HashMap::new();
    // Work is counted in modules.
    let quiet = Session { observer: &Silent, ..*session };
    session.observer.stage("compile", linked.len() as u64);
    let last = linked.last().expect("the empty module is one of them").index;
    for (linked, entries) in linked.iter().zip(entries) {
        let is_last = linked.index == last;
        let role = if is_last { Role::Program(plan) } else { Role::Member { entries } };
        let compile = || -> Result<Vec<u8>> {
            let analyzed = quiet.analyze(linked, Foreign::default(), World::Tried, None);
            let unit = quiet.lay_out(analyzed, World::Tried, Edge::default())?;
            let code = quiet.compile(&unit, &role)?;
            quiet.write(&unit, &code, &role)
        };
        match compile() {
            Ok(object) => objects.push(object),
            Err(error) if is_last => return Err(error),
            Err(error) => drop(refused.insert(linked.index, format!("{error:#}"))),
        }
        session.observer.advance(1);
    }
    Ok(if refused.is_empty() { Ok(objects) } else { Err(refused) })
}
