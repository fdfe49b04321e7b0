//! Everything that is printed to standard error: errors, warnings, `-v`, `--timings` and the
//! progress bar.
//!
//! An error is its chain of causes on one line, `error: prog.wasm: function 7 (`fib`): ...`. Where
//! a message has a line that begins with `help: `, that line is printed last.

use crate::flags::Messages;
use crate::words;
use clap::ColorChoice;
use clap::builder::styling::{AnsiColor, Color, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use wasm2native::progress::Observer;
use wasm2native::start;
use wasm2native::stdio;

/// A bar for shorter work would only flicker.
const BAR_AFTER: Duration = Duration::from_secs(1);

pub struct Console {
    verbose: bool,
    quiet: bool,
    timings: bool,
    color: bool,
    started: Instant,
    bar: ProgressBar,
    /// What the current input's outputs depend on.
    files: Mutex<BTreeSet<PathBuf>>,
}

impl Console {
    pub fn new(messages: &Messages) -> Console {
        Console {
            verbose: messages.verbose > 0,
            quiet: messages.quiet,
            timings: messages.timings,
            color: match messages.color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => stdio::has_color(std::io::stderr()),
            },
            started: Instant::now(),
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            files: Mutex::default(),
        }
    }

    pub fn error(&self, error: &anyhow::Error) {
        let (message, help) = render(error);
        self.line("error", AnsiColor::Red, &message);
        for help in help {
            self.line("help", AnsiColor::Cyan, &help);
        }
    }

    pub fn warning(&self, message: &str) {
        if !self.quiet {
            self.line("warning", AnsiColor::Yellow, message);
        }
    }

    /// A line for `-v`.
    pub fn verbose(&self, message: &str) {
        if self.verbose {
            self.tell(message);
        }
    }

    fn line(&self, label: &str, color: AnsiColor, message: &str) {
        let style = Style::new().bold().fg_color(Some(Color::Ansi(color)));
        self.tell(&match self.color {
            true => format!("{style}{label}{style:#}: {message}"),
            false => format!("{label}: {message}"),
        });
    }

    fn tell(&self, message: &str) {
        self.bar.suspend(|| stdio::message(format!("{message}\n")));
    }

    /// From now on, long work shows a progress bar if standard error is a terminal.
    pub fn begin(&self) {
        if self.quiet || self.verbose || !std::io::stderr().is_terminal() {
            return;
        }
        let bar = self.bar.downgrade();
        let show = move || {
            std::thread::sleep(BAR_AFTER);
            if let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) {
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.enable_steady_tick(Duration::from_millis(100));
            }
        };
        // Without a thread there is no bar.
        let _ = std::thread::Builder::new().spawn(show);
    }

    /// Names the current input, for the bar and for messages about the end of memory and panics.
    pub fn input(&self, path: &Path) {
        start::begin(&path.display().to_string());
        self.take_files();
        // A bar that is longer than its line can't be erased.
        self.bar.set_prefix(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }

    /// The files that were read for the current input.
    pub fn take_files(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.files.lock().expect("nothing panics with the lock"))
    }

    /// Erases the bar and prints the total of `--timings`.
    pub fn end(&self) {
        self.bar.finish_and_clear();
        if self.timings {
            self.time("total", self.started.elapsed());
        }
    }

    fn time(&self, name: &str, took: Duration) {
        self.tell(&format!("{:>10.3} ms  {name}", took.as_secs_f64() * 1e3));
    }
}

impl Observer for Console {
    fn stage(&self, name: &'static str, total: u64) {
        match total {
            0 => self.verbose(name),
            _ => self.verbose(&format!("{name}: {total} functions")),
        }
        let template = match total {
            0 => "{prefix}  {spinner} {msg}  {elapsed}",
            _ => "{prefix}  {msg} [{bar:30}] {pos}/{len}  {elapsed}",
        };
        let style = ProgressStyle::with_template(template).expect("the templates are constant");
        self.bar.set_style(style.progress_chars("=> "));
        self.bar.set_position(0);
        self.bar.set_length(total);
        self.bar.set_message(name);
    }

    fn advance(&self, n: u64) {
        self.bar.inc(n);
    }

    fn warning(&self, text: &str) {
        Console::warning(self, text);
    }

    fn cached(&self, n_found: u64, n_made: u64) {
        self.verbose(&format!("cache: {n_found} functions found, {n_made} compiled"));
    }

    fn reads(&self, path: &Path) {
        self.files.lock().expect("nothing panics with the lock").insert(path.to_owned());
    }

    fn linked(&self, command: &[String]) {
        let words: Vec<_> = command.iter().map(|word| words::quote(word)).collect();
        self.tell(&words.join(" "));
    }

    fn done(&self, name: &'static str, took: Duration) {
        if self.timings {
            self.time(name, took);
        }
    }
}

/// The message, with causes joined by colons, and its lines of help.
fn render(error: &anyhow::Error) -> (String, Vec<String>) {
    let mut message = Vec::new();
    let mut help = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let (help_lines, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("help: "));
        help.extend(help_lines.iter().map(|line| line["help: ".len()..].to_owned()));
        message.push(lines.join("\n"));
    }
    // Some errors repeat their cause in their own text.
    message.dedup_by(|cause, error| error.ends_with(cause.as_str()));
    (message.join(": "), help)
}
