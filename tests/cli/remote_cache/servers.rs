//! Servers that break, do not answer, or lie; addresses without a server.

use super::proxy::{Proxy, hostile};
use super::redis::{Server, free_port};
use super::{Project, Result, module};
use crate::function_cache::functions;
use libtest_mimic::Trial;
use std::process::Command;
use std::time::Duration;
use test_kit::process::outcome;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["remote_cache":
        servers_may_end_at_any_time,
        servers_that_do_not_answer_are_left,
        hostile_servers_are_left,
        nobody_listens,
        wrong_addresses_are_errors,
    ]
}

/// Wherever the connection breaks, the build goes on, and what was written before is of use.
fn servers_may_end_at_any_time() -> Result {
    let server = Server::start(&[])?;
    let all = {
        let proxy = Proxy::start(server.port, u64::MAX);
        let project = Project::new(proxy.address());
        project.counts(&module(None));
        assert_eq!(project.counts(&module(Some(5))), (29, 1));
        proxy.n_bytes() / 2
    };
    // Each part has a database, and takes some seconds.
    std::thread::scope(|scope| {
        for part in 1..9 {
            let server = &server;
            scope.spawn(move || ends_after(server, part, all * part / 6));
        }
    });
    Ok(())
}

/// The connection to a database breaks after so many bytes.
fn ends_after(server: &Server, database: u64, n_bytes: u64) {
    let address = format!("{}/{database}", server.address());
    Project::new(address.clone()).counts(&module(None));
    let proxy = Proxy::start(server.port, n_bytes);
    let built = Project::new(format!("{}/{database}", proxy.address())).build(&module(Some(5)));
    assert_eq!(built.n_found + built.n_made, 30);
    assert!(built.warnings.len() <= 1, "{:?}", built.warnings);
    assert!(database > 3 || built.warnings.len() == 1, "it broke after {n_bytes} bytes: {:?}", built.warnings);
    assert!(Project::new(address).counts(&module(Some(5))).0 >= 29, "{n_bytes}");
}

fn servers_that_do_not_answer_are_left() -> Result {
    let server = Server::start(&[])?;
    let project = Project::new(server.address());
    project.counts(&module(None));
    server.signal("STOP");
    let built = project.build(&module(None));
    server.signal("CONT");
    assert_eq!((built.n_found, built.n_made, built.warnings.len()), (0, 30, 1));
    assert!(built.took < Duration::from_secs(10), "{:?}", built.took);
    assert_eq!(project.counts(&module(None)), (30, 0));
    // Nor do those that say something now and then.
    let slow = hostile(|_| {
        std::thread::sleep(Duration::from_millis(450));
        Some(b":1\r\n".to_vec())
    });
    let built = Project::new(format!("redis://127.0.0.1:{}", slow.port)).build(&module(None));
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    Ok(())
}

fn hostile_servers_are_left() {
    let answers: [&[u8]; 12] = [
        b"",
        b"+\r\n",
        b"+PONG\r\n",
        b"-ERR \x1b[31mevil\x07\r\n",
        b":9223372036854775807\r\n",
        b":99999999999999999999999999\r\n",
        b"$9223372036854775807\r\nabc",
        b"$-9223372036854775808\r\nabc",
        b"$4000000000\r\nabc",
        b"*1000000000\r\n",
        b"*9223372036854775807\r\n:1\r\n",
        b"\0\xff\xfe garbage",
    ];
    // Some end by a limit of time.
    std::thread::scope(|scope| {
        for answer in answers {
            scope.spawn(|| ["", "EXISTS", "STRLEN", "GETRANGE"].map(|command| is_left(answer, command)));
        }
    });
}

/// A server that says `answer` to a command, or to all, is a warning at most.
fn is_left(answer: &'static [u8], only: &'static str) {
    let server = hostile(move |command| {
        Some(match &command[0][..] {
            name if only.is_empty() || name == only.as_bytes() => answer.to_vec(),
            // These are what the client wants to hear.
            b"PING" => b"+PONG\r\n".to_vec(),
            b"EXISTS" => b":1\r\n".to_vec(),
            b"STRLEN" => b":16384\r\n".to_vec(),
            b"GETRANGE" => [&b"$16384\r\n"[..], &[7; 16384], b"\r\n"].concat(),
            _ => b"+OK\r\n".to_vec(),
        })
    });
    let what = format!("{} for {only}", answer.escape_ascii());
    let project = Project::new(format!("redis://127.0.0.1:{}", server.port));
    let text = functions(3, None, None);
    project.folder.write("m.wat", &text);
    let args = ["m.wat", "-c", "-v", "-o", "with.o", "--cache", &project.address, "--cache-key", "a.key"];
    let built = project.finish(&text, limited(&project.command(&args)).current_dir(project.folder.path(".")));
    assert!((built.n_found, built.n_made) == (0, 3) && built.warnings.len() <= 1, "{what}: {:?}", built.warnings);
    let warning = built.warnings.concat();
    assert!(!warning.contains(char::is_control), "{what}: {warning}");
    // What is no object at all is none that is missing.
    assert!(built.warnings.len() == 1 || answer.starts_with(b"$-"), "{what}");
}

/// The command with an address space of 1.5 GB, in which its threads and code need a part.
fn limited(command: &Command) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 1500000 && exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    limited.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited
}

fn nobody_listens() {
    let port = free_port();
    let built = Project::new(format!("redis://127.0.0.1:{port}"))
        .warns(&module(None), &[&format!("redis://127.0.0.1:{port}/0/wasm2native: Connection refused")]);
    assert!(built.took < Duration::from_secs(5), "{:?}", built.took);
    // Nor at a host that does not exist.
    let built = Project::new("redis://nobody.invalid".to_owned())
        .warns(&module(None), &["redis://nobody.invalid:6379/0/wasm2native: "]);
    assert!(built.took < Duration::from_secs(10), "{:?}", built.took);
}

fn wrong_addresses_are_errors() {
    let project = Project::new(String::new());
    project.folder.write("m.wat", module(None));
    let fails = |address: &str, texts: &[&str]| {
        let args = ["m.wat", "-c", "--cache", address, "--cache-key", "a.key"];
        outcome(&mut project.command(&args)).fails(2, texts);
    };
    fails("ftp://host", &["no kind of cache `ftp`", "a directory, or one of redis://, rediss://, s3://"]);
    fails("redis://", &["--cache redis://: "]);
    fails("redis://host:99999", &["--cache redis://host:99999: "]);
    fails("redis://host/name", &["redis://HOST/0/name"]);
    fails("redis://host/0?ttl=9", &["`?`"]);
    fails("s3://", &["--cache s3://: "]);
    fails("s3://user:secret@bucket", &["--cache s3://***@bucket: ", "AWS_ACCESS_KEY_ID"]);
    fails("s3://bucket", &["AWS_REGION is not set"]);
}
