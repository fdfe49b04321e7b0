//! `--cache redis://…` and `s3://…`, with the feature `remote-cache`: against Debian's Redis, a
//! server that speaks as much of S3 as we use, and servers that are broken or hostile.
//!
//! `cargo test --features remote-cache --test cli -- remote_cache`

mod bucket;

mod daily;

mod damage;

mod proxy;

mod redis;

mod s3;

mod secrets;

mod servers;

use crate::function_cache::functions;
use libtest_mimic::Trial;
use redis::Server;
use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome};

type Result = anyhow::Result<()>;

pub fn trials() -> Vec<Trial> {
    let groups = [daily::trials(), damage::trials(), s3::trials(), secrets::trials(), servers::trials()];
    groups.into_iter().flatten().collect()
}

/// A folder in which a module is built with the same remote end again and again.
struct Project {
    folder: Folder,
    address: String,
    variables: Vec<(String, String)>,
    /// What was built last without the remote end: text and object.
    without: RefCell<(String, Vec<u8>)>,
}

/// What a build said.
struct Built {
    n_found: u64,
    n_made: u64,
    warnings: Vec<String>,
    took: Duration,
}

impl Project {
    fn new(address: String) -> Project {
        let folder = Folder::with(&[("a.key", "0123456789abcdef"), ("b.key", "0123456789abcdeg")]);
        for key in ["a.key", "b.key"] {
            fs::set_permissions(folder.path(key), Permissions::from_mode(0o600)).expect("it is ours");
        }
        Project { folder, address, variables: Vec::new(), without: RefCell::default() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.folder.command(args);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// An object of a module with the remote end, which is what it is without.
    #[track_caller]
    fn build(&self, text: &str) -> Built {
        self.build_with("a.key", text)
    }

    #[track_caller]
    fn build_with(&self, key: &str, text: &str) -> Built {
        self.folder.write("m.wat", text);
        let args = ["m.wat", "-c", "-v", "-o", "with.o", "--cache", &self.address, "--cache-key", key];
        self.finish(text, &mut self.command(&args))
    }

    /// Runs a command that makes `with.o`.
    #[track_caller]
    fn finish(&self, text: &str, command: &mut Command) -> Built {
        let without = &mut *self.without.borrow_mut();
        if without.0 != text {
            self.folder.builds(&["m.wat", "-c", "-o", "without.o"]);
            *without = (text.to_owned(), self.folder.read("without.o"));
        }
        let begin = Instant::now();
        let built = Built::of(&outcome(command).succeeds(), begin.elapsed());
        assert!(self.folder.read("with.o") == without.1, "other code");
        assert!(built.took < Duration::from_secs(35), "it took {:?}", built.took);
        built
    }

    /// As [`Project::build`], without a warning: how many functions were found, and how many made.
    #[track_caller]
    fn counts(&self, text: &str) -> (u64, u64) {
        let Built { n_found, n_made, warnings, .. } = self.build(text);
        assert!(warnings.is_empty(), "{warnings:?}");
        (n_found, n_made)
    }

    /// As [`Project::build`], with one warning, which says all of `texts`.
    #[track_caller]
    fn warns(&self, text: &str, texts: &[&str]) -> Built {
        let built = self.build(text);
        let [warning] = &built.warnings[..] else { panic!("one warning: {:?}", built.warnings) };
        for text in texts {
            assert!(warning.contains(text), "`{text}` is missing: {warning}");
        }
        built
    }
}

impl Built {
    fn of(outcome: &Outcome, took: Duration) -> Built {
        let mut built = Built { n_found: 0, n_made: 0, warnings: Vec::new(), took };
        for line in outcome.stderr.lines() {
            if let Some(warning) = line.strip_prefix("warning: ") {
                built.warnings.push(warning.to_owned());
            }
            let words: Vec<_> = line.split(' ').collect();
            if let ["cache:", found, "functions", "found,", made, "compiled"] = words[..] {
                built.n_found += found.parse::<u64>().expect("it is a number");
                built.n_made += made.parse::<u64>().expect("it is a number");
            }
        }
        built
    }
}

/// A module of many functions.
fn module(changed: Option<u32>) -> String {
    functions(30, changed, None)
}

/// The list and the pack of a shard.
fn objects(server: &Server) -> (String, String) {
    let names = server.names();
    let find = |end: &str| names.iter().find(|name| name.ends_with(end)).expect("it was written").clone();
    (find("-list"), find(".pack"))
}
