//! Diagnostics as people see them: the programs in `fixtures/cot/diagnostics` end with `//=
//! diagnostics` and, in comments, what is printed about them. `BLESS=1` rewrites it: read the
//! difference.

use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use wasm2native::cot::check::check;
use wasm2native::cot::load::load_bytes;
use wasm2native::cot::{diagnostic, with_large_stack};

use crate::source::{fixtures, name_of, options};
use test_kit::text;

const MARK: &str = "//= diagnostics\n";

pub fn trials() -> Vec<Trial> {
    let paths = fixtures("diagnostics").into_iter();
    paths.map(|path| Trial::test(format!("diagnostics-{}", name_of(&path)), move || compare(&path))).collect()
}

fn compare(path: &PathBuf) -> Result<(), Failed> {
    let whole = std::fs::read(path)?;
    let end = whole.windows(MARK.len()).position(|it| it == MARK.as_bytes()).unwrap_or(whole.len());
    let program = &whole[..end];
    let said = render(path, program);
    // Spaces at the end of a line would be lost sooner or later.
    let comment: String = said.lines().map(|line| format!("{}\n", format!("// {line}").trim_end())).collect();
    let wanted = String::from_utf8_lossy(&whole[end..]).into_owned();
    let actual = format!("{MARK}{comment}");
    if wanted == actual {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some_and(|value| value != "0") {
        std::fs::write(path, [program, actual.as_bytes()].concat())?;
        return Ok(());
    }
    Err(Failed::from(text::difference(&wanted, &actual)))
}

fn render(path: &Path, program: &[u8]) -> String {
    with_large_stack(|| {
        let name = format!("{}.cot", name_of(path));
        let loaded = load_bytes(&name, Some(path), program.to_vec(), &Default::default());
        let diagnostics = check(&loaded, &options()).err().unwrap_or_default();
        diagnostic::render(&loaded.sources, &diagnostics, false)
    })
}
