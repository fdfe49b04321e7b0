//! The command, and what tests share with it: a run of some seeds.

use crate::examine::{Examined, examine};
use crate::kind::{Kind, Subject};
use crate::shrink;
use crate::tally::Tally;
use crate::variant::{Choice, Variant};
use anyhow::{Result, ensure};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use test_kit::dice::Dice;
use wasm2native::start;

/// Compiles random modules and compares what they do with wasmtime and wasmi.
///
/// Each module is compiled in some of the ways that the compiler knows: for x86-64 and, under QEMU,
/// aarch64; by Cranelift and LLVM; at each level; with and without --memory-checks; as a library and
/// as a program. Results of all calls, traps and their places, and globals, memories and tables in
/// the end must be those of wasmtime.
///
/// A module that fails is shrunk and written to the folder of --out as a fixture, whose comment has
/// the seed, the variant, what was expected and what came. The exit status is then 1. The same seed
/// makes the same module and chooses the same variants, so --seed N --count 1 repeats it.
#[derive(Clone, Debug, Parser)]
#[command(name = "wasm2native-fuzz", max_term_width = 100)]
pub struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 0)]
    pub seed: u64,

    /// End after so many minutes
    #[arg(long, default_value_t = 1.0)]
    pub minutes: f64,

    /// End after so many seeds
    #[arg(long)]
    pub count: Option<u64>,

    /// How many modules are examined at once
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,

    /// What makes the modules; may be repeated [default: all]
    #[arg(long, value_name = "KIND")]
    pub modules: Vec<Kind>,

    /// Variants with all words of PATTERN in their names, as `aarch64-O0`; separated by commas
    ///
    /// A name is x86_64-cranelift-O2-checks-library-inline: a processor (x86_64, aarch64), a generator
    /// (cranelift, llvm, llvm-exact), a level (O0, O2, Os), `checks` for --memory-checks, a form
    /// (library, program) and perhaps a flag (inline, spectre, cpu, debug, interruptible).
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub variants: Vec<String>,

    /// Every variant that the patterns name for each module, and not some of them
    #[arg(long)]
    pub all: bool,

    /// Leave out the second engine
    #[arg(long)]
    pub no_wasmi: bool,

    /// Leave modules as they are
    #[arg(long)]
    pub no_shrink: bool,

    /// The folder for failures
    #[arg(long, default_value = "fuzz-failures")]
    pub out: PathBuf,
}

/// All kinds of modules.
const KINDS: [Kind; 10] = [
    Kind::Smith,
    Kind::Grammar,
    Kind::Smith,
    Kind::Objects,
    Kind::Grammar,
    Kind::Loops,
    Kind::Smith,
    Kind::Grammar,
    Kind::Globals,
    Kind::Calls,
];

/// The command.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all that was compared is the same.
///
/// # Errors
/// When nothing could be compared.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let choice = Choice::new(&arguments.variants);
    ensure!(!choice.is_empty(), "no variant has a name with all words of `{}`", arguments.variants.join(","));
    let kinds = if arguments.modules.is_empty() { &KINDS[..] } else { &arguments.modules };
    let deadline = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    let end = arguments.count.map_or(u64::MAX, |count| arguments.seed.saturating_add(count));
    let next = AtomicU64::new(arguments.seed);
    let tally = Mutex::new(Tally::new());
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            let (choice, tally, next) = (&choice, &tally, &next);
            let work = move || {
                while Instant::now() < deadline {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let kind = kinds[seed as usize % kinds.len()];
                    if let Err(error) = try_seed(arguments, choice, kind, seed, tally) {
                        let mut tally = tally.lock().expect("nothing panics with the lock");
                        tally.skip(&format!("{kind}: {error:#}"));
                    }
                }
            };
            // A thread with the stack that the compiler has as a command.
            scope.spawn(move || start::with_threads(Some(1), work).expect("a thread can be started"));
        }
    });
    let tally = tally.into_inner().expect("nothing panics with the lock");
    eprintln!("{}{tally}", tally.variants());
    Ok(tally.is_good())
}

fn try_seed(arguments: &Arguments, choice: &Choice, kind: Kind, seed: u64, tally: &Mutex<Tally>) -> Result<()> {
    let subject = Subject::new(kind, seed)?;
    let variants = if arguments.all { choice.all().to_vec() } else { choice.draw(&mut Dice::new("variants", seed)) };
    let examined = examine(&subject, &variants, !arguments.no_wasmi)?;
    let mut locked = tally.lock().expect("nothing panics with the lock");
    locked.add(&examined, variants.iter().map(Variant::to_string));
    locked.print_at_times();
    drop(locked);
    report(arguments, &subject, &examined)
}

/// Writes what failed: the module as it is, and a smaller one for the first failure.
fn report(arguments: &Arguments, subject: &Subject, examined: &Examined) -> Result<()> {
    let name = format!("{}-{}", subject.kind, subject.seed);
    for failure in &examined.failures {
        let variant = failure.variant.map_or_else(|| "wasmi".to_owned(), |variant| variant.to_string());
        let difference = &failure.difference;
        eprintln!(
            "FAILED {name}, {variant}, {}: expected {}, got {}",
            difference.what, difference.expected, difference.actual
        );
    }
    let Some(failure) = examined.failures.first() else { return Ok(()) };
    std::fs::create_dir_all(&arguments.out)?;
    std::fs::write(arguments.out.join(format!("{name}.wasm")), &subject.wasm)?;
    let smallest =
        if arguments.no_shrink { subject.clone() } else { shrink::shrink(subject, failure, shrink::ATTEMPTS)? };
    let file = arguments.out.join(format!("{name}.wat"));
    std::fs::write(&file, shrink::fixture(&smallest, failure)?)?;
    eprintln!("{} ({} bytes of {})", file.display(), smallest.wasm.len(), subject.wasm.len());
    Ok(())
}
