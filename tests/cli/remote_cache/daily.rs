//! What a build finds and writes, and how often it asks.

use super::redis::{Server, free_port};
use super::{Project, Result, module, objects};
use libtest_mimic::Trial;
use test_kit::process::outcome;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["remote_cache":
        a_changed_function_is_compiled_alone,
        many_packs_become_few,
        packs_that_expire_soon_are_written_anew,
        lost_packs_are_no_damage,
        programs_have_one_warning,
        questions_are_few,
    ]
}

fn a_changed_function_is_compiled_alone() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    assert_eq!(project.counts(&module(None)), (0, 30));
    assert_eq!(project.counts(&module(None)), (30, 0));
    assert_eq!(project.counts(&module(Some(7))), (29, 1));
    assert_eq!(project.counts(&module(Some(7))), (30, 0));
    // Objects are where the address says, and expire.
    let names = server.names();
    assert_eq!(names.len(), 3, "a list and two packs: {names:?}");
    for name in &names {
        assert!(name.starts_with("wasm2native/m-"), "{name}");
        let days = server.number(&[b"TTL", name.as_bytes()]) / (24 * 3600);
        assert!((29..=30).contains(&days), "{days} days");
    }
    // Other databases and prefixes are other places.
    for place in ["/1", "/0/team/one"] {
        let project = Project::new(server.address() + place);
        assert_eq!(project.counts(&module(None)), (0, 30), "{place}");
        assert_eq!(project.counts(&module(None)), (30, 0), "{place}");
    }
    assert!(server.names().iter().any(|name| name.starts_with("team/one/m-")));
    Ok(())
}

fn many_packs_become_few() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    project.counts(&module(None));
    for changed in 0..30 {
        let (n_found, n_made) = project.counts(&module(Some(changed)));
        assert!((n_found, n_made) == (29, 1) || (n_found, n_made) == (28, 2), "{n_found} found, {n_made} compiled");
        assert!(server.names().len() <= 18, "{:?}", server.names());
    }
    assert!(server.names().len() < 18);
    assert!(project.counts(&module(None)).0 >= 28);
    Ok(())
}

fn packs_that_expire_soon_are_written_anew() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    project.counts(&module(None));
    let before = server.names();
    for (days, are_new) in [(14, false), (16, true)] {
        let (name, _) = objects(&server);
        server.set(&name, &older(&name, &server.get(&name), 24 * days));
        assert_eq!(project.counts(&module(None)), (30, 0));
        assert_eq!(server.names() != before, are_new, "after {days} days");
        assert_eq!(server.names().len(), 2);
    }
    assert_eq!(project.counts(&module(None)), (30, 0));
    Ok(())
}

/// A list as it would be if its first pack had been written so many hours earlier, sealed with the
/// key `a.key`.
fn older(name: &str, list: &[u8], hours: u32) -> Vec<u8> {
    let mut list = list[..list.len() - blake3::OUT_LEN].to_vec();
    // After the mark, the number of rows, the pack's identity and its length.
    let time: &mut [u8; 4] = (&mut list[8 + 4 + 8 + 4..][..4]).try_into().expect("these are four bytes");
    *time = (u32::from_le_bytes(*time) - hours).to_le_bytes();
    let prefix = name.strip_prefix("wasm2native/").and_then(|name| name.strip_suffix("list")).expect("it is a list");
    let key = blake3::derive_key("wasm2native 2026-11-29 list of packs", prefix.as_bytes());
    let secret = blake3::derive_key("wasm2native 2026-11-28 seal of a cached function", b"0123456789abcdef");
    let seal = blake3::Hasher::new_keyed(&secret).update(&key).update(&list).finalize();
    [&list[..], seal.as_bytes()].concat()
}

fn lost_packs_are_no_damage() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    project.counts(&module(None));
    project.counts(&module(Some(3)));
    let (list, pack) = objects(&server);
    server.ask(&[b"DEL", pack.as_bytes()]);
    let (n_found, n_made) = project.counts(&module(Some(3)));
    assert!(n_made > 0 && n_found + n_made == 30, "{n_found} found, {n_made} compiled");
    assert_eq!(project.counts(&module(Some(3))), (30, 0));
    server.ask(&[b"DEL", list.as_bytes()]);
    assert_eq!(project.counts(&module(Some(3))), (0, 30));
    Ok(())
}

fn programs_have_one_warning() {
    let project = Project::new(format!("redis://127.0.0.1:{}", free_port()));
    project.folder.write(
        "a.wat",
        "(module (import \"b\" \"f\" (func $f (result i32))) (func (export \"main\") (result i32) (call $f)))",
    );
    project.folder.write("b.wat", "(module (func (export \"f\") (result i32) (i32.const 42)))");
    let args = ["a.wat", "--module", "b=b.wat", "--invoke", "main"];
    let args = [&args[..], &["--cache", &project.address, "--cache-key", "a.key", "-o", "app"]].concat();
    let said = outcome(&mut project.command(&args)).succeeds();
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    project.folder.program("app", &[]).prints("42\n");
}

/// What counts is how often a build waits for an answer, since the server may be far away.
fn questions_are_few() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    let commands = |text: &str| {
        let before = server.n_commands();
        project.counts(text);
        server.n_commands() - before
    };
    let cold = commands(&module(None));
    let warm = commands(&module(None));
    let changed = commands(&module(Some(3)));
    assert!(cold <= 15 && warm <= 15 && changed <= 30, "{cold} cold, {warm} warm, {changed} changed");
    Ok(())
}
