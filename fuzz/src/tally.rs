//! How far a run is: counts of all threads, printed on standard error.

use crate::examine::Examined;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// The counts of a run.
#[derive(Clone, Debug)]
pub struct Tally {
    start: Instant,
    printed: Instant,
    n_modules: u64,
    n_interpreted: u64,
    n_builds: u64,
    n_calls: u64,
    n_reference_calls: u64,
    n_traps: u64,
    /// Modules that could not be compared, by the reason.
    skipped: BTreeMap<String, u64>,
    n_failures: u64,
    /// Modules as native code, by the name of the variant.
    variants: BTreeMap<String, u64>,
}

impl Tally {
    pub fn new() -> Tally {
        Tally {
            start: Instant::now(),
            printed: Instant::now(),
            n_modules: 0,
            n_interpreted: 0,
            n_builds: 0,
            n_calls: 0,
            n_reference_calls: 0,
            n_traps: 0,
            skipped: BTreeMap::new(),
            n_failures: 0,
            variants: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, examined: &Examined, variants: impl Iterator<Item = String>) {
        self.n_modules += 1;
        self.n_interpreted += u64::from(examined.is_interpreted);
        self.n_builds += examined.n_builds;
        self.n_calls += examined.n_calls;
        self.n_reference_calls += examined.n_reference_calls;
        self.n_traps += examined.n_traps;
        self.n_failures += u64::from(!examined.failures.is_empty());
        for variant in variants {
            *self.variants.entry(variant).or_default() += 1;
        }
    }

    pub fn skip(&mut self, reason: &str) {
        let reason: String = reason.lines().next().unwrap_or_default().chars().take(80).collect();
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Whether some modules were compared and none failed.
    pub fn is_good(&self) -> bool {
        self.n_failures == 0 && self.n_modules > 0
    }

    /// Prints the counts if the last time is long ago.
    pub fn print_at_times(&mut self) {
        if self.printed.elapsed() > Duration::from_secs(30) {
            self.printed = Instant::now();
            eprintln!("{self}");
        }
    }

    /// How many modules of each variant there were, a line each.
    pub fn variants(&self) -> String {
        self.variants.iter().map(|(variant, n)| format!("{n:8} {variant}\n")).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.start.elapsed().as_secs_f64();
        let skipped: u64 = self.skipped.values().sum();
        write!(
            f,
            "{seconds:.0} s: {} modules ({:.1} a second, {} interpreted too), {} builds, {} native calls ({} calls of \
             the reference, {} of them traps), {} failures, {skipped} skipped",
            self.n_modules,
            self.n_modules as f64 / seconds,
            self.n_interpreted,
            self.n_builds,
            self.n_calls,
            self.n_reference_calls,
            self.n_traps,
            self.n_failures,
        )?;
        self.skipped.iter().try_for_each(|(reason, n)| write!(f, "\n  {n} skipped: {reason}"))
    }
}
