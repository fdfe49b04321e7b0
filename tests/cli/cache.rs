//! The cache's size, which only the library can set.

use crate::ANSWER;
use libtest_mimic::Trial;
use std::time::{Duration, SystemTime};
use test_kit::folder::Folder;
use test_kit::trials;
use wasm2native::cache::{Cache, Origin};
use wasm2native::options::Options;
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

pub fn trials() -> Vec<Trial> {
    trials!["cache":
        the_oldest_entries_make_room,
    ]
}

fn the_oldest_entries_make_room() {
    let folder = Folder::empty();
    let program = |name: &str, limit: u64| {
        let input = Input { name: format!("{name}.wat"), bytes: ANSWER.into() };
        let cache = Cache::at(&folder.path("cache"), limit);
        cache.program(&input, &Options::default(), &Silent).expect("it can be built")
    };
    let age = |name: &str, hours: u64| {
        let entry = folder.list("cache").into_iter().find(|entry| entry.starts_with(&format!("{name}-")));
        let file = std::fs::File::open(folder.path("cache").join(entry.expect("it is there"))).expect("it can be read");
        file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).expect("it is ours");
        file.metadata().expect("it is open").len()
    };
    let names = || folder.list("cache").iter().map(|entry| entry[..1].to_owned()).collect::<String>();
    for name in ["a", "b", "c"] {
        assert!(matches!(program(name, u64::MAX).origin, Origin::Built));
    }
    let size = age("a", 3) + age("b", 2) + age("c", 1);
    // Use makes young again.
    assert!(matches!(program("a", 0).origin, Origin::Found));
    program("d", size);
    assert_eq!(names(), "acd");
    // What is in use stays, whatever the limit.
    program("e", 0);
    assert_eq!(names(), "ade");
}
