//! `proc_raise` with every number: signals that end the program do so, and no other signal reaches
//! the process.

use crate::driver::{Answer, Guest, program};
use crate::numbers::errno::{INVAL, NOTSUP};
use libtest_mimic::Trial;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::process::Command;
use test_kit::process;
use test_kit::trial::trial;

/// The last number of `$signal`.
const LAST: u64 = 30;

/// Numbers of `$signal` that end the program, which are Linux's as well: hup, int, quit, abrt,
/// kill, pipe, term.
const ENDING: [u64; 7] = [1, 2, 3, 6, 9, 13, 15];

pub fn trials() -> Vec<Trial> {
    vec![
        trial("signals/that-end-the-program", that_end_the_program),
        trial("signals/all-others", all_others),
        trial("signals/ignored", ignored),
    ]
}

/// Starts a guest through `env`, because the tests may run where some signals are ignored.
fn start(flag: &str) -> Guest {
    let mut command = Command::new("env");
    command.arg(flag).args(process::program_words(program()));
    let mut guest = Guest::spawn(command, "", &|_| {});
    assert_eq!(guest.call("sched_yield", &[]), Answer::Errno(0));
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    prlimit(Pid::from_raw(guest.id() as i32), Resource::Core, none).expect("limits can be lowered");
    guest
}

fn that_end_the_program() {
    for number in ENDING {
        let answer = start("--default-signal").call("proc_raise", &[number]);
        assert_eq!(answer, Answer::Ended(-(number as i32), String::new()));
    }
}

/// One guest lives through all of them.
fn all_others() {
    let mut guest = start("--default-signal");
    for number in (0..=255).chain([256, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
        let expected = match number {
            _ if ENDING.contains(&number) => continue,
            0 => 0,
            1..=LAST => NOTSUP,
            _ => INVAL,
        };
        assert_eq!(guest.call("proc_raise", &[number]), Answer::Errno(expected), "{number}");
    }
    assert_eq!(guest.end(), Answer::Ended(0, String::new()));
}

/// What the one who started the program ignores stays ignored, as for a native program; for a pipe
/// that breaks it is the runtime that ignores the signal.
fn ignored() {
    let mut guest = start("--ignore-signal=HUP,PIPE");
    assert_eq!(guest.call("proc_raise", &[1]), Answer::Errno(0));
    assert_eq!(guest.call("proc_raise", &[13]), Answer::Ended(-13, String::new()));
}
