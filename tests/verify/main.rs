//! The machine code of the fixtures, proved function by function by `code_checker`, and wrong
//! sequences that it must refuse.
//!
//! Every module becomes an object as for a library, for each of the processors; `W2N_FULL=1` does
//! so with more flags, and also checks the program that the fixture is, and its object. `corpus.rs`
//! has what compilers made, `llvm.rs` what LLVM made, whose sequences are in `llvm_sequences.rs`,
//! and `programs.rs` damaged programs (`damages.rs`, `damages_arm.rs`).
//!
//! `W2N_VERIFY=mod.wasm` checks that module alone and prints what was counted, with `W2N_FLAGS` as
//! flags and for `W2N_TARGET`. docs/verify.md has what is proved.

mod arm;
mod arm_control;
mod corpus;
mod damages;
mod damages_arm;
mod fixtures;
mod llvm;
mod llvm_sequences;
mod loops;
mod program;
mod programs;
mod sequences;

use test_kit::fixture;
use test_kit::trial::trial;

fn main() {
    if let Some(module) = std::env::var_os("W2N_VERIFY") {
        fixtures::show(module.as_ref());
    }
    let mut trials = Vec::new();
    let of_cranelift = [
        ("", &sequences::ASSEMBLY, sequences::SEQUENCES),
        ("aarch64/", &arm::ASSEMBLY, arm::SEQUENCES),
        ("aarch64/", &arm::ASSEMBLY, arm_control::SEQUENCES),
        ("", &sequences::ASSEMBLY, loops::OF_X86_64),
        ("aarch64/", &arm::ASSEMBLY, loops::OF_AARCH64),
    ];
    for &(prefix, assembly, sequences) in of_cranelift.iter().chain(llvm_sequences::SEQUENCES) {
        for sequence in sequences {
            let (right, wrong) =
                (format!("{prefix}right/{}", sequence.name), format!("{prefix}wrong/{}", sequence.name));
            trials.push(trial(right, || sequences::is_accepted(assembly, sequence)));
            trials.push(trial(wrong, || sequences::is_refused(assembly, sequence)));
        }
    }
    trials.extend(programs::trials());
    let fixtures = fixture::all().expect("the fixtures can be listed");
    for path in fixtures.into_iter().filter(|path| path.extension().is_some_and(|it| it == "wat")) {
        for processor in &fixtures::PROCESSORS {
            let (name, path) = (format!("{}{}", processor.prefix, fixture::name_of(&path)), path.clone());
            trials.push(trial(name, move || fixtures::check_fixture(processor, &path)));
        }
    }
    trials.extend(corpus::trials());
    trials.extend(llvm::trials());
    test_kit::trial::run(trials);
}
