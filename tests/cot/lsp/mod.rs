//! `cot lsp` by scripts: `fixtures/cot/lsp/*.txt` hold what an editor does and, in lines that begin
//! with `=`, what it is told. `BLESS=1` rewrites those: read the difference.
//!
//! Lines that begin with `#` are comments. `file NAME` writes a file, whose text is in the lines
//! that follow and begin with `|`. A place is a line and a part of it, with `^` where the cursor
//! is. The other commands are the methods of [`script::Script`].

mod client;
mod script;

use anyhow::{Result, ensure};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use test_kit::text;
use test_kit::trial::trial;

pub fn trials() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cot/lsp");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    let name = |path: &Path| format!("lsp/{}", path.file_stem().unwrap_or_default().display());
    let scripts = paths.into_iter().map(|path| Trial::test(name(&path), move || compare(&path)));
    scripts.chain([trial("lsp/what-waits-is-cancelled", what_waits_is_cancelled)]).collect()
}

fn compare(path: &Path) -> Result<(), Failed> {
    let wanted = std::fs::read_to_string(path)?;
    let actual = play(&wanted).map_err(|error| format!("{error:#}"))?;
    if wanted == actual {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        std::fs::write(path, actual)?;
        return Ok(());
    }
    Err(Failed::from(text::difference(&wanted, &actual)))
}

/// The script with the answers that come.
fn play(text: &str) -> Result<String> {
    let mut script = script::Script::start()?;
    let mut played = String::new();
    let mut lines = text.lines().filter(|line| !line.starts_with('=')).peekable();
    while let Some(line) = lines.next() {
        played.push_str(line);
        played.push('\n');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut block = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
            played.push_str(line);
            played.push('\n');
            let line = line.strip_prefix("| ").or(line.strip_prefix('|')).unwrap_or_default();
            block.push_str(line);
            block.push('\n');
        }
        for said in script.command(line, &block)? {
            played.push_str(format!("= {said}").trim_end());
            played.push('\n');
        }
    }
    Ok(played)
}

/// A request that waits for another one is answered at once when it is cancelled.
fn what_waits_is_cancelled() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("slow.cot");
    std::fs::write(&path, "import \"std/json\"\nimport \"std/http\"\nfn main() void { println(1) }\n")?;
    let mut client = client::Client::start(folder.path())?;
    client.request("initialize", &json!({ "capabilities": {} }))?;
    let position = json!({ "line": 2, "character": 4 });
    let params = json!({ "textDocument": { "uri": format!("file://{}", path.display()) }, "position": position });
    let request = |id: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "textDocument/hover", "params": params });
    let cancel = json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": "third" } });
    let bodies = [request("first"), request("second"), request("third"), cancel].map(|it| it.to_string());
    let frames: String = bodies.iter().map(|it| format!("Content-Length: {}\r\n\r\n{it}", it.len())).collect();
    client.send_bytes(frames.as_bytes())?;
    for (id, code) in [("first", None), ("second", None), ("third", Some(-32800))] {
        let answer = client.answer()?;
        ensure!(answer["id"] == id && answer["error"]["code"].as_i64() == code, "{id}: {answer}");
    }
    client.request("shutdown", &Value::Null)?;
    client.notify("exit", &Value::Null)?;
    ensure!(client.end()? == 0, "the session ends well");
    Ok(())
}
