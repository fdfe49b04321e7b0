//! One test of a suite. It passes, fails, or is ignored with a reason; there is no fourth way.
//!
//! A test is a function that returns nothing and fails by a panic, or one that returns
//! `anyhow::Result<()>`. The latter is ignored when its error is [`Skip`].

use crate::process::with_little_time;
use crate::{manifest, target};
use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

/// Set by `.ci/run`: a tool that is missing fails the tests that need it.
const REQUIRE_TOOLS: &str = "W2N_REQUIRE_TOOLS";

/// Why a test is not made here.
#[derive(Clone, Debug)]
pub enum Skip {
    /// A program is missing, which can be installed.
    Tool(String),
    /// Something else: the system does not permit it, or nothing can be compared.
    Reason(String),
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skip::Tool(text) | Skip::Reason(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Skip {}

/// What a test function can return.
pub trait Verdict {
    fn into_result(self) -> Result<()>;
}

impl Verdict for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl Verdict for Result<()> {
    fn into_result(self) -> Result<()> {
        self
    }
}

/// Whether the variable `W2N_FULL` asks for everything, and not for a part that fits into CI.
pub fn is_full() -> bool {
    std::env::var_os("W2N_FULL").is_some_and(|value| !value.is_empty() && value != "0")
}

/// A test. One that a [`manifest`] lists is to fail.
pub fn trial<V: Verdict>(name: impl Into<String>, test: impl FnOnce() -> V + Send + 'static) -> Trial {
    let name = name.into();
    let Some(reason) = manifest::reason(&name) else {
        return Trial::ignorable_test(name, move || completion(test().into_result()));
    };
    Trial::ignorable_test(name, move || {
        let ended = with_little_time(|| panic::catch_unwind(AssertUnwindSafe(|| test().into_result())));
        match ended.map(completion) {
            Ok(Ok(Completion::Completed)) => Err("it passes, and stands in a manifest".into()),
            Ok(Ok(ignored)) => Ok(ignored),
            Ok(Err(_)) | Err(_) => Ok(Completion::ignored_with(reason)),
        }
    })
}

/// Runs the tests of a suite as its arguments ask for, and ends.
pub fn run(trials: impl IntoIterator<Item = Trial>) -> ! {
    let arguments = Arguments::from_args();
    let mut trials: Vec<_> = trials.into_iter().collect();
    let stale = manifest::stale(trials.iter().map(Trial::name));
    // A part has fewer tests than the manifests are about.
    if !stale.is_empty() && !target::is_part() {
        let message = format!("a manifest lists tests that there are not: {}", stale.join(", "));
        trials.push(Trial::test("manifest", || Err(message.into())));
    }
    libtest_mimic::run(&arguments, trials).exit()
}

fn completion(result: Result<()>) -> Result<Completion, Failed> {
    let Err(error) = result else { return Ok(Completion::Completed) };
    match error.downcast_ref::<Skip>() {
        Some(Skip::Tool(_)) if std::env::var_os(REQUIRE_TOOLS).is_some_and(|value| value != "0") => {
            Err(format!("{error:#} ({REQUIRE_TOOLS} is set)").into())
        }
        Some(skip) => Ok(Completion::ignored_with(skip.to_string())),
        None => Err(format!("{error:#}").into()),
    }
}

/// Tests named `GROUP/FUNCTION`, one for each function.
#[macro_export]
macro_rules! trials {
    ($group:literal: $($test:ident),+ $(,)?) => {
        vec![$($crate::trial::trial(concat!($group, "/", stringify!($test)), $test)),+]
    };
}
