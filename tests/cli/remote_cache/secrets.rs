//! Passwords and keys.

use super::proxy::hostile;
use super::redis::Server;
use super::{Project, Result, module};
use libtest_mimic::Trial;
use std::time::Duration;
use test_kit::process::outcome;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["remote_cache":
        passwords_open_the_server,
        passwords_are_not_shown,
        a_key_is_required,
        keys_do_not_meet,
    ]
}

fn passwords_open_the_server() -> Result {
    let server = Server::start(&["--requirepass", "p%w@rd"])?;
    let with = |user: &str| Project::new(server.address().replace("://", &format!("://{user}")));
    let warning = "functions of this build are not in the cache: redis://127.0.0.1:";
    with("").warns(&module(None), &[warning, "Authentication required"]);
    let built = with(":wrong@").warns(&module(None), &[warning, "authentication failed"]);
    assert_eq!((built.n_found, built.n_made), (0, 30));
    assert!(built.took < Duration::from_secs(10), "{:?}", built.took);
    // The password has characters that an address must not have.
    assert_eq!(with(":p%25w%40rd@").counts(&module(None)), (0, 30));
    assert_eq!(with("default:p%25w%40rd@").counts(&module(None)), (30, 0));
    let mut project = with("");
    project.variables.push(("REDISCLI_AUTH".to_owned(), "p%w@rd".to_owned()));
    assert_eq!(project.counts(&module(None)), (30, 0));

    // A user who may read, but not write.
    server.ask(&[b"ACL", b"SETUSER", b"reader", b"on", b">secret", b"~*", b"+@all", b"-set", b"-setex"]);
    let reader = with("reader:secret@");
    assert_eq!(reader.counts(&module(None)), (30, 0));
    let built = reader.warns(&module(Some(3)), &[warning, "no permissions to run"]);
    assert_eq!((built.n_found, built.n_made), (29, 1));
    Ok(())
}

/// Neither in a message, nor in anything that is made.
fn passwords_are_not_shown() -> Result {
    const PASSWORD: &str = "Tr0ub4dor";
    let server = Server::start(&["--requirepass", PASSWORD])?;
    let project = Project::new(String::new());
    let address = |user: &str| server.address().replace("://", &format!("://{user}@"));
    project.folder.write("m.wat", crate::ANSWER);
    let right = address(&format!("default:{PASSWORD}"));
    let wrong = address(&format!("{PASSWORD}:{PASSWORD}x"));
    let echo = hostile(|command| {
        let words: Vec<_> = command.iter().map(|word| String::from_utf8_lossy(word)).collect();
        Some(format!("-ERR unknown command {}\r\n", words.join(" ")).into_bytes())
    });
    let echo = format!("redis://u:{PASSWORD}@127.0.0.1:{}", echo.port);
    let places = [right, wrong, echo, format!("redis://u:{PASSWORD}@h:99999"), format!("ftp://u:{PASSWORD}@h/")];
    for address in places {
        let args =
            ["m.wat", "-v", "--timings", "--keep", "--invoke", "main", "--cache", &address, "--cache-key", "a.key"];
        let said = outcome(&mut project.command(&args));
        assert!(!said.stderr.contains(PASSWORD), "{}", said.stderr);
        assert!(said.stdout.is_empty());
        for name in project.folder.list(".") {
            let has = project.folder.read(&name).windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes());
            assert!(!has, "{name}");
        }
    }
    // Without a key there is an error, and it does not show the password either.
    let said = outcome(&mut project.command(&["m.wat", "-c", "--cache", &address(&format!(":{PASSWORD}"))]));
    assert!(!said.stderr.contains(PASSWORD) && said.status == 2, "{said:?}");
    Ok(())
}

fn a_key_is_required() {
    let project = Project::new(String::new());
    project.folder.write("m.wat", module(None));
    for address in ["redis://127.0.0.1:1/", "rediss://host", "s3://bucket"] {
        let texts = [&format!("--cache {address}: others may write there"), "--cache-key FILE", "/dev/urandom >FILE"];
        outcome(&mut project.command(&["m.wat", "-c", "--cache", address])).fails(2, &texts);
    }
}

fn keys_do_not_meet() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    for key in ["a.key", "b.key"] {
        for (n_found, n_made) in [(0, 30), (30, 0)] {
            let built = project.build_with(key, &module(None));
            assert_eq!((built.n_found, built.n_made, built.warnings.len()), (n_found, n_made, 0), "{key}");
        }
    }
    let names: Vec<_> = server.names().into_iter().collect();
    assert_eq!(names.len(), 4);

    // One holder of a key gives the objects of another the right names: the seals are wrong.
    let [a_list, a_pack] = [&names[0], &names[1]].map(|name| server.get(name));
    let prefix = |name: &str| name.rsplit_once('-').expect("names have a prefix").0.to_owned();
    let lists: Vec<_> = names.iter().filter(|name| name.ends_with("-list")).collect();
    assert_eq!(lists.len(), 2);
    assert_ne!(prefix(lists[0]), prefix(lists[1]));
    let swapped = [server.get(lists[1]), server.get(lists[0])];
    server.set(lists[0], &swapped[0]);
    server.set(lists[1], &swapped[1]);
    drop((a_list, a_pack));
    for key in ["a.key", "b.key"] {
        let built = project.build_with(key, &module(None));
        assert_eq!((built.n_found, built.n_made, built.warnings.len()), (0, 30, 1), "{key}");
        assert!(built.warnings[0].contains("the list of packs has a wrong seal"), "{:?}", built.warnings);
        assert_eq!(project.build_with(key, &module(None)).n_found, 30);
    }
    Ok(())
}
