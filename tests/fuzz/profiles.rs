//! Damaged profiles: as a text that is read line by line, and as what code is laid out by.

use crate::edit::Damaged;
use crate::{time, with_stack};
use bolero::check;
use wasm2native::driver;
use wasm2native::options::{Emit, Options, Output, ProfileOutput, ProfileText};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

const MODULE: &str = r#"(module
  (func $odd (param i32) (result i32) (i32.and (local.get 0) (i32.const 1)))
  (func (export "f") (param i32) (result i32) (local i32)
    (loop $next
      (if (call $odd (local.get 0)) (then (local.set 1 (i32.add (local.get 1) (i32.const 3)))))
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))"#;

pub fn profiles() {
    with_stack(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let corpus = vec![measured(&folder.path().join("app"))];
        let output = Output { emit: Emit::Obj, file: folder.path().join("out.o") };
        check!().with_test_time(time()).with_type::<Damaged>().for_each(|damaged| {
            let profile = ProfileText { file: "app.profile".to_owned(), text: damaged.of(&corpus) };
            let options = Options { profile_use: vec![profile], ..Options::default() };
            let _ = driver::build(&input(), &options, std::slice::from_ref(&output), &Silent);
        });
    });
}

fn input() -> Input {
    Input { name: "app.wat".to_owned(), bytes: MODULE.as_bytes().to_vec() }
}

/// The profile of a run of the module.
fn measured(program: &std::path::Path) -> Vec<u8> {
    let profile = program.with_extension("profile");
    let options = Options {
        invoke: Some("f".to_owned()),
        profile_generate: Some(ProfileOutput::File(profile.display().to_string())),
        ..Options::default()
    };
    let output = Output { emit: Emit::Exe, file: program.to_owned() };
    driver::build(&input(), &options, &[output], &Silent).expect("the module is sound");
    let status = std::process::Command::new(program).arg("9").stdout(std::process::Stdio::null()).status();
    assert!(status.expect("it starts").success());
    std::fs::read(profile).expect("it was written")
}
