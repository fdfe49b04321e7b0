//! Damaged words of `WASM2NATIVE_OPTIONS`: what compiler and runtime share of their reading, and
//! programs that get them.

use crate::edit::Damaged;
use crate::{time, with_stack};
use bolero::check;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use wasm2native::abi::grant::Grant;
use wasm2native::abi::setting::{Setting, parse_bytes, parse_duration};
use wasm2native::abi::words;
use wasm2native::driver;
use wasm2native::options::{Emit, Options, Output};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

static WORDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let texts = [
        "--dir . --dir data::/data::ro",
        "--env A=B --env HOME --inherit-env",
        "--max-memory 16M --max-table=3K --max-heap 1GiB",
        "--timeout 500ms --timeout 1.5s",
        "--dir 'a b::c' --env \"X=$Y\" --dir a\\ b",
        "--tcplisten 127.0.0.1:0 --gc-stats --gc-stress",
        "--timeout=99999999999999999999h --max-memory=18446744073709551615",
        "--help",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
});

pub fn options() {
    check!().with_test_time(time()).with_type::<Damaged>().for_each(|damaged| {
        let bytes = damaged.of(&WORDS);
        let Ok(list) = words::list(&String::from_utf8_lossy(&bytes)) else { return };
        let mut rest = list.iter().map(String::as_bytes);
        while let Some(word) = rest.next() {
            let _ = parse_duration(word);
            let _ = parse_bytes(word);
            if let Ok(grant) = Grant::parse(word) {
                drop(format!("{grant:?}"));
            }
            if let Ok(setting) = Setting::parse(word, &mut rest) {
                setting.words();
            }
        }
    });
}

/// The program does what it does without options, or says what is wrong with them.
pub fn programs_with_options() {
    with_stack(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let program = folder.path().join("app");
        let text = r#"(module
          (import "wasi_snapshot_preview1" "fd_prestat_get" (func (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start") (drop (call 0 (i32.const 3) (i32.const 0)))))"#;
        let input = Input { name: "app.wat".to_owned(), bytes: text.as_bytes().to_vec() };
        let output = Output { emit: Emit::Exe, file: program.clone() };
        driver::build(&input, &Options::default(), &[output], &Silent).expect("the module is sound");
        check!().with_test_time(time()).with_type::<Damaged>().for_each(|damaged| {
            let bytes: Vec<u8> = damaged.of(&WORDS).into_iter().filter(|byte| *byte != 0).collect();
            let value = std::os::unix::ffi::OsStringExt::from_vec(bytes);
            let value: std::ffi::OsString = value;
            let mut command = Command::new(&program);
            command.env_clear().env("WASM2NATIVE_OPTIONS", &value).current_dir(folder.path()).stdin(Stdio::null());
            let outcome = command.output().expect("it starts");
            let status = outcome.status.code();
            let message = String::from_utf8_lossy(&outcome.stderr);
            assert!(matches!(status, Some(0..=2)), "{value:?}: {status:?} {message}");
            assert!(status == Some(0) || !message.is_empty(), "{value:?} was refused without a word");
        });
    });
}
