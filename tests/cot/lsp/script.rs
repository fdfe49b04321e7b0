//! The commands of a script, and answers as readable lines: places count from 1, columns as the
//! protocol does.

use crate::lsp::client::Client;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How many completions are shown.
const MOST_SHOWN: usize = 12;

pub struct Script {
    client: Client,
    folder: tempfile::TempDir,
    /// Texts of open files.
    open: BTreeMap<String, String>,
    encoding: String,
    version: i64,
}

impl Script {
    pub fn start() -> Result<Script> {
        let folder = tempfile::tempdir()?;
        let client = Client::start(folder.path())?;
        Ok(Script { client, folder, open: BTreeMap::new(), encoding: "utf-16".to_owned(), version: 0 })
    }

    /// Does what a line says; what came back.
    pub fn command(&mut self, line: &str, block: &str) -> Result<Vec<String>> {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["file", name] => {
                let path = self.path(name);
                std::fs::create_dir_all(path.parent().context("it is in a folder")?)?;
                std::fs::write(path, block)?;
                Ok(Vec::new())
            }
            ["remove", name] => Ok(std::fs::remove_file(self.path(name)).map(|()| Vec::new())?),
            ["initialize", encodings @ ..] => self.initialize(encodings),
            ["open", name] => self.open(name),
            ["change", name, old, new] => self.change(name, old, new),
            ["close", name] => {
                self.open.remove(*name);
                self.client.notify("textDocument/didClose", &json!({ "textDocument": { "uri": self.uri(name) } }))?;
                self.diagnostics()
            }
            ["save", name] => {
                std::fs::write(self.path(name), &self.open[*name])?;
                self.client.notify("textDocument/didSave", &json!({ "textDocument": { "uri": self.uri(name) } }))?;
                self.diagnostics()
            }
            ["hover", name, line, part] => self.hover(name, line, part),
            ["definition", name, line, part] => self.definition(name, line, part),
            ["references", name, line, part] => self.references(name, line, part, false),
            ["references", name, line, part, "declarations"] => self.references(name, line, part, true),
            ["signature", name, line, part] => self.signature(name, line, part),
            ["symbols", name] => self.symbols(name),
            ["complete", name, line, part] => self.complete(name, line, part, ""),
            ["complete", name, line, part, start] => self.complete(name, line, part, start),
            ["rename", name, line, part, new] => self.rename(name, line, part, new),
            ["format", name] => self.format(name),
            // Files have changed without the editor.
            ["watched"] => {
                self.client.notify("workspace/didChangeWatchedFiles", &json!({ "changes": [] }))?;
                self.diagnostics()
            }
            // A change with numbers as they are sent, after which the text is known to nobody.
            ["replace", name, line, column, last, end, new] => {
                let position = |line: &str, column: &str| -> Result<Value> {
                    Ok(json!({ "line": line.parse::<u32>()?, "character": column.parse::<u32>()? }))
                };
                let range = json!({ "start": position(line, column)?, "end": position(last, end)? });
                self.version += 1;
                let document = json!({ "uri": self.uri(name), "version": self.version });
                let changes = json!([{ "range": range, "text": new }]);
                let params = json!({ "textDocument": document, "contentChanges": changes });
                self.client.notify("textDocument/didChange", &params)?;
                self.diagnostics()
            }
            // A request at a place that is not in the file.
            ["at", method, name, line, column] => {
                let position = json!({ "line": line.parse::<u32>()?, "character": column.parse::<u32>()? });
                let params = json!({ "textDocument": { "uri": self.uri(name) }, "position": position });
                Ok(vec![outcome(&self.client.request(method, &params)?)])
            }
            ["request", method, params] => {
                let answer = self.client.request(method, &serde_json::from_str(params)?)?;
                Ok(vec![outcome(&answer)])
            }
            ["notify", method, params] => {
                self.client.notify(method, &serde_json::from_str(params)?)?;
                Ok(Vec::new())
            }
            ["send", body] => {
                self.client.send(body)?;
                Ok(vec![self.client.answer()?.to_string()])
            }
            ["bytes", bytes] => {
                self.client.send_bytes(bytes.as_bytes())?;
                Ok(vec![self.client.answer()?.to_string()])
            }
            ["answer"] => Ok(vec![self.client.answer()?.to_string()]),
            ["end"] => Ok(vec![format!("exit status {}", self.client.end()?)]),
            _ => bail!("nobody knows the command: {line}"),
        }
    }

    /// Files of the standard library are in a folder whose name changes with their texts.
    fn path(&self, name: &str) -> PathBuf {
        let library = || std::fs::read_dir(self.folder.path().join(".cache")).ok()?.next()?.ok();
        match name.starts_with("std/").then(library).flatten() {
            Some(folder) => folder.path().join(name),
            None => self.folder.path().join(name),
        }
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    /// With the encodings that the editor can count in; `versions` for one that checks versions of
    /// files that change, `nested` for one that shows what files declare as a tree.
    fn initialize(&mut self, words: &[&str]) -> Result<Vec<String>> {
        let encodings: Vec<_> = words.iter().filter(|it| !["versions", "nested"].contains(*it)).collect();
        let general = if encodings.is_empty() { json!({}) } else { json!({ "positionEncodings": encodings }) };
        let edits = json!({ "workspaceEdit": { "documentChanges": words.contains(&"versions") } });
        let symbols = json!({ "hierarchicalDocumentSymbolSupport": words.contains(&"nested") });
        let documents = json!({ "documentSymbol": symbols });
        let capabilities = json!({ "general": general, "workspace": edits, "textDocument": documents });
        let params = json!({ "processId": null, "rootUri": self.uri(""), "capabilities": capabilities });
        let answer = self.client.request("initialize", &params)?;
        let name = answer["result"]["capabilities"]["positionEncoding"].as_str().context("there is an encoding")?;
        self.encoding = name.to_owned();
        self.client.notify("initialized", &json!({}))?;
        Ok(vec![format!("positions in {name}")])
    }

    fn open(&mut self, name: &str) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.path(name))?;
        self.version += 1;
        let document = json!({ "uri": self.uri(name), "languageId": "cot", "version": self.version, "text": text });
        self.open.insert(name.to_owned(), text);
        self.client.notify("textDocument/didOpen", &json!({ "textDocument": document }))?;
        self.diagnostics()
    }

    /// Replaces the first `old` of a file.
    fn change(&mut self, name: &str, old: &str, new: &str) -> Result<Vec<String>> {
        let text = self.open.get(name).context("it is open")?;
        let start = text.find(old).with_context(|| format!("{name} has no {old:?}"))?;
        let range = json!({ "start": self.position(text, start), "end": self.position(text, start + old.len()) });
        let text = text.replacen(old, new, 1);
        self.open.insert(name.to_owned(), text);
        self.version += 1;
        let document = json!({ "uri": self.uri(name), "version": self.version });
        let changes = json!([{ "range": range, "text": new }]);
        let params = json!({ "textDocument": document, "contentChanges": changes });
        self.client.notify("textDocument/didChange", &params)?;
        self.diagnostics()
    }

    fn position(&self, text: &str, offset: usize) -> Value {
        let before = &text[..offset];
        let line = before.matches('\n').count();
        let last = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let column = match self.encoding.as_str() {
            "utf-8" => last.len(),
            "utf-16" => last.encode_utf16().count(),
            _ => last.chars().count(),
        };
        json!({ "line": line, "character": column })
    }

    /// Parameters for a place: the part of a line has `^` where the cursor is.
    fn place(&self, name: &str, line: &str, part: &str) -> Result<Value> {
        let disk = || std::fs::read_to_string(self.path(name)).unwrap_or_default();
        let text = self.open.get(name).cloned().unwrap_or_else(disk);
        let without_mark = part.replacen('^', "", 1);
        // `*` is the first line that has the part.
        let number = match line {
            "*" => text.lines().position(|it| it.contains(&without_mark)).context("no line has it")? + 1,
            line => line.parse()?,
        };
        let start = text.split_inclusive('\n').take(number - 1).map(str::len).sum::<usize>();
        let shown = text[start..].lines().next().unwrap_or_default();
        let (before, after) = part.split_once('^').context("the cursor is marked by ^")?;
        let column = shown.find(&format!("{before}{after}")).with_context(|| format!("line {line} has no {part}"))?;
        let position = self.position(&text, start + column + before.len());
        Ok(json!({ "textDocument": { "uri": self.uri(name) }, "position": position }))
    }

    fn diagnostics(&mut self) -> Result<Vec<String>> {
        let mut said = Vec::new();
        for message in self.client.diagnostics()? {
            ensure!(message["method"] == "textDocument/publishDiagnostics", "another notification: {message}");
            let name = self.shown(&message["params"]["uri"]);
            let all = message["params"]["diagnostics"].as_array().context("there is a list")?;
            if all.is_empty() {
                said.push(format!("{name}: nothing"));
            }
            for it in all {
                let kind = if it["severity"] == 1 { "error" } else { "warning" };
                let text = it["message"].as_str().unwrap_or_default().replace('\n', " / ");
                let text = text.replace(&self.path("").display().to_string(), "");
                let tag = if it["tags"].is_null() { "" } else { " (left over)" };
                let code = it["code"].as_str().unwrap_or_default();
                said.push(format!("{name}:{} {kind} {code}: {text}{tag}", range(&it["range"])));
                for note in it["relatedInformation"].as_array().into_iter().flatten() {
                    let text = note["message"].as_str().unwrap_or_default();
                    said.push(format!("    {}: {text}", self.location(&note["location"])));
                }
            }
        }
        Ok(said)
    }

    fn hover(&mut self, name: &str, line: &str, part: &str) -> Result<Vec<String>> {
        let answer = self.client.request("textDocument/hover", &self.place(name, line, part)?)?;
        let Some(text) = answer["result"]["contents"]["value"].as_str() else { return Ok(vec![outcome(&answer)]) };
        let head = match name.starts_with("std/") {
            true => name.to_owned(),
            false => format!("{}:", range(&answer["result"]["range"])),
        };
        Ok([head].into_iter().chain(text.lines().map(|line| format!("    {line}"))).collect())
    }

    fn definition(&mut self, name: &str, line: &str, part: &str) -> Result<Vec<String>> {
        let answer = self.client.request("textDocument/definition", &self.place(name, line, part)?)?;
        let Some(all) = answer["result"].as_array() else { return Ok(vec![outcome(&answer)]) };
        Ok(all.iter().map(|it| self.location(it)).collect())
    }

    fn references(&mut self, name: &str, line: &str, part: &str, with_declarations: bool) -> Result<Vec<String>> {
        let mut params = self.place(name, line, part)?;
        params["context"] = json!({ "includeDeclaration": with_declarations });
        let answer = self.client.request("textDocument/references", &params)?;
        let Some(all) = answer["result"].as_array() else { return Ok(vec![outcome(&answer)]) };
        Ok(all.iter().map(|it| self.location(it)).collect())
    }

    /// The active parameter of each signature is between `<` and `>`.
    fn signature(&mut self, name: &str, line: &str, part: &str) -> Result<Vec<String>> {
        let answer = self.client.request("textDocument/signatureHelp", &self.place(name, line, part)?)?;
        let result = &answer["result"];
        let Some(all) = result["signatures"].as_array() else { return Ok(vec![outcome(&answer)]) };
        let active = result["activeParameter"].as_u64().context("there is an active parameter")?;
        let shown = |it: &Value| {
            let (label, parameters) = (it["label"].as_str()?, it["parameters"].as_array()?);
            let active = parameters.get(usize::try_from(active).ok()?).and_then(|it| it["label"].as_str());
            let label = active.map_or(label.to_owned(), |active| label.replacen(active, &format!("<{active}>"), 1));
            let doc = it["documentation"]["value"].as_str().map_or(String::new(), |doc| format!(" -- {doc}"));
            Some(format!("{label} ({} parameters){doc}", parameters.len()))
        };
        all.iter().map(|it| shown(it).context("there are a label and parameters")).collect()
    }

    fn symbols(&mut self, name: &str) -> Result<Vec<String>> {
        let params = json!({ "textDocument": { "uri": self.uri(name) } });
        let answer = self.client.request("textDocument/documentSymbol", &params)?;
        let Some(all) = answer["result"].as_array() else { return Ok(vec![outcome(&answer)]) };
        let mut said = Vec::new();
        for it in all {
            if it["location"].is_null() {
                nested_symbol(it, 0, &mut said);
            } else {
                let owner = it["containerName"].as_str().map_or(String::new(), |owner| format!(" in {owner}"));
                let place = self.location(&it["location"]);
                said.push(format!("{place} {} ({}){owner}", it["name"].as_str().unwrap_or_default(), it["kind"]));
            }
        }
        Ok(said)
    }

    fn complete(&mut self, name: &str, line: &str, part: &str, start: &str) -> Result<Vec<String>> {
        let answer = self.client.request("textDocument/completion", &self.place(name, line, part)?)?;
        let Some(all) = answer["result"].as_array() else { return Ok(vec![outcome(&answer)]) };
        let label = |it: &Value| it["label"].as_str().unwrap_or_default().to_owned();
        let fitting: Vec<&Value> = all.iter().filter(|it| label(it).starts_with(start)).collect();
        let mut said: Vec<String> = fitting
            .iter()
            .take(MOST_SHOWN)
            .map(|it| {
                let doc = it["documentation"]["value"].as_str().map_or(String::new(), |doc| format!(" -- {doc}"));
                let place = range(&it["textEdit"]["range"]);
                format!("{place} {} ({}): {}{doc}", label(it), it["kind"], it["detail"].as_str().unwrap_or_default())
            })
            .collect();
        match fitting.len() {
            0 => said.push("nothing".to_owned()),
            n if n > MOST_SHOWN => said.push("...".to_owned()),
            _ => {}
        }
        Ok(said)
    }

    fn rename(&mut self, name: &str, line: &str, part: &str, new: &str) -> Result<Vec<String>> {
        let mut params = self.place(name, line, part)?;
        params["newName"] = new.into();
        let answer = self.client.request("textDocument/rename", &params)?;
        let mut said = Vec::new();
        if let Some(changes) = answer["result"]["documentChanges"].as_array() {
            for change in changes {
                let document = &change["textDocument"];
                let head = format!("{} version {}", self.shown(&document["uri"]), document["version"]);
                for edit in change["edits"].as_array().into_iter().flatten() {
                    said.push(format!("{head}:{} {}", range(&edit["range"]), edit["newText"]));
                }
            }
            return Ok(said);
        }
        let Some(changes) = answer["result"]["changes"].as_object() else { return Ok(vec![outcome(&answer)]) };
        for (uri, edits) in changes {
            let name = self.shown(&uri.as_str().into());
            for edit in edits.as_array().into_iter().flatten() {
                said.push(format!("{name}:{} {}", range(&edit["range"]), edit["newText"]));
            }
        }
        Ok(said)
    }

    fn format(&mut self, name: &str) -> Result<Vec<String>> {
        let options = json!({ "tabSize": 4, "insertSpaces": true });
        let params = json!({ "textDocument": { "uri": self.uri(name) }, "options": options });
        let answer = self.client.request("textDocument/formatting", &params)?;
        let Some(edits) = answer["result"].as_array() else { return Ok(vec![outcome(&answer)]) };
        Ok(edits.iter().map(|it| format!("{} {}", range(&it["range"]), it["newText"])).collect())
    }

    /// The name of a file, without the folder.
    fn shown(&self, uri: &Value) -> String {
        let uri = uri.as_str().unwrap_or_default();
        let own = uri.strip_prefix(&self.uri("")).unwrap_or(uri);
        match own.strip_prefix(".cache/").and_then(|rest| rest.split_once("/std/")) {
            Some((_, name)) => format!("std/{name}"),
            None => own.to_owned(),
        }
    }

    /// A place; in the standard library, whose lines may change, its text.
    fn location(&self, location: &Value) -> String {
        let name = self.shown(&location["uri"]);
        if !name.starts_with("std/") {
            return format!("{name}:{}", range(&location["range"]));
        }
        let path = location["uri"].as_str().and_then(|uri| uri.strip_prefix("file://")).unwrap_or_default();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = location["range"]["start"]["line"].as_u64().unwrap_or_default();
        format!("{name}: {}", text.lines().nth(line as usize).unwrap_or_default())
    }
}

/// A symbol and what it has: its whole, the place of its name, its name, kind and detail.
fn nested_symbol(it: &Value, depth: usize, said: &mut Vec<String>) {
    let (indent, name) = ("  ".repeat(depth), it["name"].as_str().unwrap_or_default());
    let detail = it["detail"].as_str().map_or(String::new(), |detail| format!(": {detail}"));
    let places = format!("{} {}", range(&it["range"]), range(&it["selectionRange"]));
    said.push(format!("{indent}{places} {name} ({}){detail}", it["kind"]));
    for part in it["children"].as_array().into_iter().flatten() {
        nested_symbol(part, depth + 1, said);
    }
}

/// An answer that has no form of its own. Where in an address something is depends on the folder.
fn outcome(answer: &Value) -> String {
    match answer["error"]["message"].as_str() {
        Some(message) => {
            let message = message.split_once(" at index ").map_or(message, |(before, _)| before);
            format!("error {}: {message}", answer["error"]["code"])
        }
        None => answer["result"].to_string(),
    }
}

/// `line:column-column`, or `line:column-line:column`
fn range(range: &Value) -> String {
    let number = |end: &str, part: &str| range[end][part].as_u64().unwrap_or(u64::MAX - 1) + 1;
    let (line, column) = (number("start", "line"), number("start", "character"));
    let (last, end) = (number("end", "line"), number("end", "character"));
    if line == last { format!("{line}:{column}-{end}") } else { format!("{line}:{column}-{last}:{end}") }
}

/// Words between spaces; in quotes `\"`, `\\`, `\n`, `\r` are escapes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim().chars().peekable();
    while rest.peek().is_some() {
        let mut word = String::new();
        if rest.next_if_eq(&'"').is_some() {
            while let Some(it) = rest.next().filter(|it| *it != '"') {
                word.push(match it {
                    '\\' => match rest.next() {
                        Some('n') => '\n',
                        Some('r') => '\r',
                        other => other.unwrap_or('\\'),
                    },
                    it => it,
                });
            }
        } else {
            while let Some(it) = rest.next_if(|it| *it != ' ') {
                word.push(it);
            }
        }
        words.push(word);
        while rest.next_if_eq(&' ').is_some() {}
    }
    words
}
