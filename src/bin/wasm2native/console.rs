//! Everything that is printed to standard error: errors, warnings, `-v`, `--timings` and the
//! progress bar.
//!
//! An error is its chain of causes on one line, `error: prog.wasm: function 7 (`fib`): ...`. Where
//! a message has a line that begins with `help: `, that line is printed last.

use crate::flags::{MessageFormat, Messages};
use crate::words;
use clap::ColorChoice;
use clap::builder::styling::{AnsiColor, Color, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use wasm2native::output;
use wasm2native::page::timeline::{self, Span, Timeline};
use wasm2native::progress::{Detail, Observer};
use wasm2native::report::{Coded, Located, shown_lines};
use wasm2native::start;
use wasm2native::stdio;

/// A bar for shorter work would only flicker.
const BAR_AFTER: Duration = Duration::from_secs(1);

pub struct Console {
    /// How often `-v` was given.
    verbose: u8,
    quiet: bool,
    /// Times are printed, or go to a page.
    timings: Option<Timings>,
    color: bool,
    format: MessageFormat,
    started: Instant,
    bar: ProgressBar,
    /// What the current input's outputs depend on.
    files: Mutex<BTreeSet<PathBuf>>,
}

/// What becomes of the times of stages.
enum Timings {
    Printed,
    Page { file: PathBuf, timeline: Mutex<Recording> },
}

/// What a page will show.
#[derive(Default)]
struct Recording {
    title: String,
    stages: Vec<Span>,
    /// By the number of the thread.
    threads: BTreeMap<usize, Vec<Span>>,
}

impl Console {
    pub fn new(messages: &Messages) -> Console {
        Console {
            verbose: messages.verbose,
            quiet: messages.quiet,
            timings: messages.timings.as_ref().map(|file| match file.is_empty() {
                true => Timings::Printed,
                false => Timings::Page { file: file.into(), timeline: Mutex::default() },
            }),
            color: match messages.color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => stdio::has_color(std::io::stderr()),
            },
            format: messages.message_format,
            started: Instant::now(),
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            files: Mutex::default(),
        }
    }

    pub fn error(&self, error: &anyhow::Error) {
        let (message, help) = render(error);
        let code = error.downcast_ref::<Coded>().map(|error| error.code.name());
        if self.format == MessageFormat::Json {
            return self.object(&json!({ "level": "error", "code": code, "message": message, "help": help }));
        }
        let label = code.map_or("error".to_owned(), |code| format!("error[{code}]"));
        self.line(&label, AnsiColor::Red, &message);
        if let Some(Located { excerpt, .. }) = error.downcast_ref() {
            self.bar.suspend(|| stdio::message(excerpt.render(self.color)));
        }
        for help in help {
            self.line("help", AnsiColor::Cyan, &help);
        }
        if let Some(code) = code {
            self.line("help", AnsiColor::Cyan, &format!("wasm2native --explain {code} says more"));
        }
    }

    pub fn warning(&self, message: &str) {
        match self.format {
            _ if self.quiet => {}
            MessageFormat::Json => self.object(&json!({ "level": "warning", "message": message })),
            MessageFormat::Human => self.line("warning", AnsiColor::Yellow, message),
        }
    }

    /// A line for `-v`.
    pub fn verbose(&self, message: &str) {
        if self.verbose > 0 {
            self.tell(message);
        }
    }

    fn line(&self, label: &str, color: AnsiColor, message: &str) {
        let style = Style::new().bold().fg_color(Some(Color::Ansi(color)));
        let message = shown_lines(message);
        self.show(&match self.color {
            true => format!("{style}{label}{style:#}: {message}"),
            false => format!("{label}: {message}"),
        });
    }

    /// A line of JSON.
    fn object(&self, object: &serde_json::Value) {
        self.bar.suspend(|| stdio::message(format!("{object}\n")));
    }

    /// A line that is neither an error nor a warning.
    fn tell(&self, message: &str) {
        if self.format == MessageFormat::Json {
            return self.object(&json!({ "level": "info", "message": message }));
        }
        self.show(&shown_lines(message));
    }

    fn show(&self, message: &str) {
        self.bar.suspend(|| stdio::message(format!("{message}\n")));
    }

    /// From now on, long work shows a progress bar if standard error is a terminal.
    pub fn begin(&self) {
        if self.quiet || self.verbose > 0 || self.format == MessageFormat::Json || !std::io::stderr().is_terminal() {
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
        if let Some(Timings::Page { timeline, .. }) = &self.timings {
            let title = &mut timeline.lock().expect("nothing panics with the lock").title;
            let name = path.display();
            *title = if title.is_empty() { name.to_string() } else { format!("{title}, {name}") };
        }
        // A bar that is longer than its line can't be erased.
        self.bar.set_prefix(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }

    /// The files that were read for the current input.
    pub fn take_files(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.files.lock().expect("nothing panics with the lock"))
    }

    /// Erases the bar, and prints the total of `--timings` or writes its page.
    pub fn end(&self) {
        self.bar.finish_and_clear();
        match &self.timings {
            Some(Timings::Printed) => self.time("total", self.started.elapsed()),
            Some(Timings::Page { file, timeline }) => {
                let recording = std::mem::take(&mut *timeline.lock().expect("nothing panics with the lock"));
                // The second call has nothing to write.
                if recording.stages.is_empty() {
                    return;
                }
                let total = milliseconds(self.started.elapsed());
                let Recording { title, stages, threads } = recording;
                let timeline = Timeline { stages, threads: threads.into_values().collect(), total };
                let written = output::write(file, timeline::print(&title, &timeline).as_bytes());
                written.unwrap_or_else(|error| self.error(&error));
            }
            None => {}
        }
    }

    /// What took this time, up to now.
    fn span(&self, name: String, took: Duration) -> Span {
        let end = self.started.elapsed();
        Span { name, start: milliseconds(end.saturating_sub(took)), end: milliseconds(end) }
    }

    fn time(&self, name: &str, took: Duration) {
        let milliseconds = milliseconds(took);
        match self.format {
            MessageFormat::Human => self.show(&format!("{milliseconds:>10.3} ms  {name}")),
            MessageFormat::Json => {
                self.object(&json!({ "level": "timing", "stage": name, "milliseconds": milliseconds }));
            }
        }
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

    fn detail(&self, detail: Detail, text: &dyn Fn() -> String) {
        let needed = match detail {
            Detail::Stage => 2,
            Detail::Function => 3,
        };
        if self.verbose >= needed {
            self.tell(&format!("  {}", text()));
        }
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

    fn wants_functions(&self) -> bool {
        matches!(self.timings, Some(Timings::Page { .. }))
    }

    fn compiled(&self, name: String, took: Duration) {
        let Some(Timings::Page { timeline, .. }) = &self.timings else { return };
        let span = self.span(name, took);
        let thread = rayon::current_thread_index().unwrap_or(0);
        timeline.lock().expect("nothing panics with the lock").threads.entry(thread).or_default().push(span);
    }

    fn linked(&self, command: &[String]) {
        let words: Vec<_> = command.iter().map(|word| words::quote(word)).collect();
        self.tell(&words.join(" "));
    }

    fn done(&self, name: &'static str, took: Duration) {
        match &self.timings {
            Some(Timings::Printed) => self.time(name, took),
            Some(Timings::Page { timeline, .. }) => {
                let span = self.span(name.to_owned(), took);
                timeline.lock().expect("nothing panics with the lock").stages.push(span);
            }
            None if self.verbose > 1 => self.time(name, took),
            None => {}
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
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
