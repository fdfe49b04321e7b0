//! Objects that are not what was written.

use super::redis::Server;
use super::{Project, Result, module, objects};
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["remote_cache":
        damage_is_made_good,
        foreign_objects_are_a_warning,
        objects_that_grew_are_not_read,
    ]
}

fn damage_is_made_good() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    project.counts(&module(None));
    let (list, pack) = objects(&server);
    let (sound_list, sound_pack) = (server.get(&list), server.get(&pack));
    let reset = || {
        server.ask(&[b"FLUSHALL"]);
        server.set(&list, &sound_list);
        server.set(&pack, &sound_pack);
    };
    reset();
    assert_eq!(project.counts(&module(None)), (30, 0));
    for (name, sound) in [(&list, &sound_list), (&pack, &sound_pack)] {
        for part in 0..10 {
            reset();
            let at = (sound.len() - 1) * part / 9;
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << part.min(7);
            server.set(name, &damaged);
            let built = project.warns(&module(None), &["without the key"]);
            assert!(built.n_made > 0, "another byte {at} of {name}");
            // It is written anew.
            assert_eq!(project.counts(&module(None)), (30, 0), "after another byte {at} of {name}");
        }
        for length in [0, 1, sound.len() / 2, sound.len() - 1] {
            reset();
            server.set(name, &sound[..length]);
            let built = project.warns(&module(None), &["without the key"]);
            assert_eq!((built.n_found, built.n_made), (0, 30), "{length} bytes of {name}");
            assert_eq!(project.counts(&module(None)), (30, 0), "after {length} bytes of {name}");
        }
    }
    Ok(())
}

fn foreign_objects_are_a_warning() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    project.counts(&module(None));
    let (list, pack) = objects(&server);
    for name in [list, pack] {
        let sound = server.get(&name);
        server.ask(&[b"DEL", name.as_bytes()]);
        server.ask(&[b"LPUSH", name.as_bytes(), b"foreign"]);
        let built = project.warns(&module(None), &["redis://127.0.0.1:", "WRONGTYPE"]);
        assert_eq!((built.n_found, built.n_made), (0, 30), "{name}");
        server.set(&name, &sound);
    }
    Ok(())
}

/// Somebody without the key makes objects huge: what is theirs is not even transferred.
fn objects_that_grew_are_not_read() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    project.counts(&module(None));
    let names = server.names();
    for name in &names {
        assert_eq!(server.number(&[b"SETRANGE", name.as_bytes(), b"400000000", b"x"]), 400_000_001);
    }
    let before = server.sent();
    assert_eq!(project.counts(&module(None)), (30, 0));
    assert!(server.sent() - before < 100_000);
    // Where the list is new, it has room for nothing else.
    let (list, _) = objects(&server);
    server.ask(&[b"DEL", list.as_bytes()]);
    server.ask(&[b"SETRANGE", list.as_bytes(), b"400000000", b"x"]);
    let before = server.sent();
    project.warns(&module(None), &["the list of packs has a wrong seal"]);
    assert!(server.sent() - before < 100_000);
    Ok(())
}
