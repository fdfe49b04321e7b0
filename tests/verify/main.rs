//! The machine code of the fixtures, proved function by function by `code_checker`, and wrong
//! sequences that it must refuse.
//!
//! Every module becomes an object as for a library; `W2N_FULL=1` does so with more flags, and also
//! checks the object of the program that the fixture is. `W2N_VERIFY=mod.wasm` checks that module
//! alone and prints what was counted, with `W2N_FLAGS` as flags. docs/verify.md has what is proved.

mod fixtures;
mod sequences;

use sequences::SEQUENCES;
use test_kit::fixture;
use test_kit::trial::trial;

fn main() {
    if let Some(module) = std::env::var_os("W2N_VERIFY") {
        fixtures::show(module.as_ref());
    }
    let mut trials = Vec::new();
    for sequence in SEQUENCES {
        trials.push(trial(format!("right/{}", sequence.name), || sequences::is_accepted(sequence)));
        trials.push(trial(format!("wrong/{}", sequence.name), || sequences::is_refused(sequence)));
    }
    let fixtures = fixture::all().expect("the fixtures can be listed");
    for path in fixtures.into_iter().filter(|path| path.extension().is_some_and(|it| it == "wat")) {
        trials.push(trial(fixture::name_of(&path), move || fixtures::check_fixture(&path)));
    }
    test_kit::trial::run(trials);
}
