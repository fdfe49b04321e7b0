//! `--watch`: what changes is done again, whichever way an editor writes it; programs that still
//! run are ended, and nothing is left at the end.

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use test_kit::trial::trial;
use test_kit::{command, process};

const LIMIT: Duration = Duration::from_secs(60);

pub fn trials() -> Vec<Trial> {
    vec![
        trial("watch/every-way-to-write-a-file", every_way_to_write),
        trial("watch/running-programs-are-ended", running_programs_are_ended),
        trial("watch/builds-checks-tests", builds_checks_tests),
    ]
}

/// `cot … --watch` and the lines that it and its programs print.
struct Watcher {
    process: Child,
    lines: Receiver<String>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pass_on(from: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let from = BufReader::new(from.expect("it is a pipe"));
    std::thread::spawn(move || from.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
}

impl Watcher {
    fn start(folder: &Path, words: &[&str]) -> Result<Watcher> {
        fs::create_dir_all(folder.join("tmp"))?;
        let mut command = command::cot();
        command.args(words).arg("--watch").current_dir(folder).env("TMPDIR", folder.join("tmp"));
        command.env_remove("COT_STDLIB").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = process::spawn(&mut command)?;
        let (sender, lines) = channel();
        pass_on(process.stdout.take(), sender.clone());
        pass_on(process.stderr.take(), sender);
        Ok(Watcher { process, lines })
    }

    /// Waits for a line with this text.
    fn says(&self, text: &str) -> Result<()> {
        let (start, mut seen) = (Instant::now(), Vec::new());
        while start.elapsed() < LIMIT {
            let Ok(line) = self.lines.recv_timeout(LIMIT) else { break };
            if line.starts_with(text) || line.contains(text) && !text.starts_with("says ") {
                return Ok(());
            }
            seen.push(line);
        }
        bail!("it does not say {text:?}, but\n{}", seen.join("\n"))
    }

    fn id(&self) -> i32 {
        self.process.id().cast_signed()
    }

    /// The programs that it runs.
    fn children(&self) -> Result<Vec<i32>> {
        let mut children = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let text = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
            children.extend(text.split_whitespace().filter_map(|it| it.parse::<i32>().ok()));
        }
        Ok(children)
    }

    /// Ends it as Ctrl-C does, and looks for what is left.
    fn end(mut self, folder: &Path, signal: Signal) -> Result<()> {
        let children = self.children()?;
        kill_process(Pid::from_raw(self.id()).context("it has a number")?, signal)?;
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait()? {
                break status;
            }
            // Who starts tests in the background of a script has them ignore Ctrl-C.
            ensure!(start.elapsed() < LIMIT, "the signal does not end it: is it ignored where tests start?");
            std::thread::sleep(Duration::from_millis(20));
        };
        ensure!(!status.success(), "it ends by {status}");
        // Who was killed is gone when its new parent has noticed.
        let is_there = |id: &i32| Path::new(&format!("/proc/{id}")).exists();
        let start = Instant::now();
        while children.iter().any(is_there) {
            ensure!(start.elapsed() < Duration::from_secs(5), "it leaves some of {children:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let files: Vec<_> = fs::read_dir(folder.join("tmp"))?.map(|it| it.map(|it| it.file_name())).collect();
        ensure!(files.is_empty(), "it leaves {files:?}");
        Ok(())
    }
}

/// As editors do that write a new file, which takes the place of the old one.
fn replace(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    Ok(fs::rename(new, path)?)
}

fn says(text: &str) -> String {
    format!("fn main() void {{ println(\"says {text}\") }}\n")
}

fn every_way_to_write() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [main, lib] = ["main.cot", "lib.cot"].map(|name| folder.path().join(name));
    fs::write(&main, says("one"))?;
    let watcher = Watcher::start(folder.path(), &["run", "main.cot"])?;
    watcher.says("says one")?;
    watcher.says("the program ended with status 0")?;
    fs::write(&main, says("two"))?;
    watcher.says("main.cot changed")?;
    watcher.says("says two")?;
    watcher.says("watching main.cot for changes")?;
    replace(&main, &says("three"))?;
    watcher.says("says three")?;
    // Errors are told, and are not the end.
    fs::write(&main, "fn main() void { nothing() }\n")?;
    watcher.says("undefined identifier 'nothing'")?;
    watcher.says("watching main.cot")?;
    // A new import becomes watched, also before it is there.
    fs::write(&main, "import \"lib.cot\"\nfn main() void { println(\"says ${text()}\") }\n")?;
    watcher.says("can't find 'lib.cot'")?;
    watcher.says("watching main.cot")?;
    fs::write(&lib, "fn text() string { return \"four\" }\n")?;
    watcher.says("says four")?;
    watcher.says("watching main.cot and another file")?;
    replace(&lib, "fn text() string { return \"five\" }\n")?;
    watcher.says("lib.cot changed")?;
    watcher.says("says five")?;
    watcher.says("watching main.cot")?;
    // A file that goes and comes back.
    fs::remove_file(&lib)?;
    watcher.says("can't find 'lib.cot'")?;
    watcher.says("watching main.cot")?;
    fs::write(&lib, "fn text() string { return \"six\" }\n")?;
    watcher.says("says six")?;
    watcher.says("watching main.cot")?;
    fs::remove_file(&main)?;
    watcher.says("can't read main.cot")?;
    watcher.says("watching main.cot")?;
    fs::write(&main, says("seven"))?;
    watcher.says("says seven")?;
    watcher.says("watching main.cot for changes")?;
    watcher.end(folder.path(), Signal::INT)
}

fn waits(text: &str) -> String {
    format!("fn main() void {{ println(\"says {text}\") while (true) {{}} }}\n")
}

fn running_programs_are_ended() -> Result<()> {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir()?;
        let main = folder.path().join("main.cot");
        fs::write(&main, waits("one"))?;
        let watcher = Watcher::start(folder.path(), &["run", "main.cot"])?;
        watcher.says("says one")?;
        let first = watcher.children()?;
        ensure!(first.len() == 1, "it runs {first:?}");
        fs::write(&main, waits("two"))?;
        watcher.says("says two")?;
        let second = watcher.children()?;
        ensure!(second.len() == 1 && second != first, "it runs {first:?}, then {second:?}");
        watcher.end(folder.path(), signal)?;
    }
    Ok(())
}

fn builds_checks_tests() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let main = folder.path().join("main.cot");
    fs::write(&main, says("one"))?;
    let watcher = Watcher::start(folder.path(), &["build", "main.cot", "-o", "app"])?;
    watcher.says("watching")?;
    let first = fs::read(folder.path().join("app"))?;
    fs::write(&main, says("another text"))?;
    watcher.says("main.cot changed")?;
    watcher.says("watching")?;
    ensure!(fs::read(folder.path().join("app"))? != first, "the program stays the same");
    watcher.end(folder.path(), Signal::INT)?;

    let watcher = Watcher::start(folder.path(), &["check", "main.cot"])?;
    watcher.says("watching")?;
    fs::write(&main, "fn main() void { wrong() }\ntest \"sum\" { @assertEq(1 + 1, 3) }\n")?;
    watcher.says("undefined identifier 'wrong'")?;
    watcher.end(folder.path(), Signal::INT)?;

    fs::write(&main, "fn main() void {}\ntest \"sum\" { @assertEq(1 + 1, 3) }\n")?;
    let watcher = Watcher::start(folder.path(), &["test", "main.cot"])?;
    watcher.says("1 failed")?;
    watcher.says("the program ended with status 1")?;
    fs::write(&main, "fn main() void {}\ntest \"sum\" { @assertEq(1 + 1, 2) }\n")?;
    watcher.says("1 passed")?;
    watcher.end(folder.path(), Signal::INT)
}
