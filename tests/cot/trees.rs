//! What the parser makes of a program: fixtures end with `//= ast` and the tree in comments.
//! `BLESS=1` rewrites them: read the difference. Two files of the same name with `-a` and `-b` are
//! two spellings, and have the same tree.

use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use wasm2native::cot::load::load_bytes;
use wasm2native::cot::{diagnostic, print, scan, with_large_stack};

use crate::source::{fixtures, name_of};

const MARK: &str = "//= ast\n";

pub fn trials() -> Vec<Trial> {
    let paths = fixtures("ast");
    let same = paths.clone().into_iter().filter(|path| name_of(path).ends_with("-a")).map(|path| {
        Trial::test(format!("same-{}", name_of(&path)), move || {
            let other = path.with_file_name(format!("{}b.cot", name_of(&path).trim_end_matches('a')));
            let trees =
                [&path, &other].map(|path| std::fs::read_to_string(path).map(|text| tree(path, program_of(&text))));
            let [first, second] = trees;
            if first? == second? { Ok(()) } else { Err(Failed::from("the trees differ")) }
        })
    });
    let trees = paths.into_iter().map(|path| Trial::test(format!("ast-{}", name_of(&path)), move || compare(&path)));
    same.chain(trees).chain([Trial::test("tokens", tokens_are_printed)]).collect()
}

fn program_of(text: &str) -> &str {
    text.split(MARK).next().unwrap_or(text)
}

fn tree(path: &Path, program: &str) -> String {
    with_large_stack(|| {
        let loaded = load_bytes(&name_of(path), Some(path), program.as_bytes().to_vec(), &Default::default());
        if !loaded.diagnostics.is_empty() {
            return diagnostic::render(&loaded.sources, &loaded.diagnostics, false);
        }
        let file = loaded.files.last().expect("the file was loaded");
        print::tree(&file.tree, loaded.sources.get(file.id))
    })
}

fn compare(path: &PathBuf) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let program = program_of(&text);
    let lines = tree(path, program);
    let comment: String = lines.lines().map(|line| format!("// {line}\n")).collect();
    let whole = format!("{program}{MARK}{comment}");
    if whole == text {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some_and(|value| value != "0") {
        std::fs::write(path, whole)?;
        return Ok(());
    }
    Err(Failed::from(format!("the tree is another one:\n{lines}")))
}

fn tokens_are_printed() -> Result<(), Failed> {
    let loaded = load_bytes("t", None, b"const a = t.0.1\n\"x ${b}\" 0..1.5 @\"if\"".to_vec(), &Default::default());
    let (id, source) = loaded.sources.iter().last().expect("the file was loaded");
    let text = print::tokens(source, &scan::scan(id, source));
    let kinds: Vec<&str> = text.lines().filter_map(|line| line[line.find(' ')? + 3..].split(' ').next()).collect();
    let wanted = "Const Identifier Equal Identifier Dot Integer Dot Integer InterpolationStart Identifier InterpolationEnd \
                  Integer DotDot Float Identifier EndOfFile";
    let kinds = kinds.join(" ");
    if kinds == wanted { Ok(()) } else { Err(Failed::from(format!("{kinds}\n{text}"))) }
}
