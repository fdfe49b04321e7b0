//! Some signatures in one program: made once, run once, and asked for each case.

use crate::module;
use crate::processor::Processor;
use crate::signature::Signature;
use crate::source::{self, WAYS};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use test_kit::process::{self, describe};
use test_kit::target::{self, CPU};
use test_kit::{command, tool};

/// How the program is made, batch by batch.
struct Making {
    /// The C compiler's level.
    c: &'static str,
    flags: &'static [&'static str],
    /// What the modules become, and the ending of its file.
    library: (&'static str, &'static str),
}

const STATIC: (&str, &str) = ("staticlib", "a");
const SHARED: (&str, &str) = ("sharedlib", "so");

const MAKING: [Making; 5] = [
    Making { c: "-O2", flags: &[], library: STATIC },
    Making { c: "-O0", flags: &["-O0"], library: STATIC },
    Making { c: "-O1", flags: &["--cpu", CPU], library: STATIC },
    Making { c: "-O2", flags: &[], library: SHARED },
    Making { c: "-O3", flags: &["-Os"], library: STATIC },
];

/// What hands the host's pointer to the library; and what does nothing.
const DATA: &str = "#include \"m.h\"\n\
    static char mark;\n\
    void *const abi_data = &mark;\n\
    void abi_configure(void);\n\
    void abi_configure(void)\n{\n\
        w2n_config config = {.size = sizeof config, .user_data = &mark};\n\
        if (m_configure(&config))\n\
            __builtin_trap();\n\
    }\n";
const NO_DATA: &str = "#include \"support.h\"\nvoid *const abi_data = 0;\nvoid abi_configure(void)\n{\n}\n";

/// See [`Batch::names`].
const FIRST_WAY: &str = "export_raw";

pub struct Batch {
    number: usize,
    /// Number of the first signature among all.
    first_signature: usize,
    signatures: Vec<Signature>,
    results: OnceLock<Result<Vec<Case>, String>>,
    /// Whether a case has already said why there are no results.
    is_reported: AtomicBool,
}

/// What came of a case: everything that is wrong; `None` if it never ended.
type Case = Option<Vec<String>>;

impl Batch {
    pub fn new(number: usize, first_signature: usize, signatures: &[Signature]) -> Batch {
        let signatures = signatures.to_vec();
        Batch { number, first_signature, signatures, results: OnceLock::new(), is_reported: AtomicBool::new(false) }
    }

    /// The cases by number and name: each signature in each of [`WAYS`], and once more, in a
    /// process of its own, in [`FIRST_WAY`], where it is the first call into Wasm.
    pub fn names(&self) -> Vec<(usize, String)> {
        let name = |place: usize, way: &str| {
            format!("{:03}-{}-{way}", self.first_signature + place, self.signatures[place].name())
        };
        let places = 0..self.signatures.len();
        let usual = places.clone().flat_map(|place| WAYS.iter().map(move |way| (place, *way)));
        let all = usual.chain(places.map(|place| (place, "first_call"))).enumerate();
        let can_be = |place: usize, way| source::can_be(&self.signatures[place], way);
        all.filter(|(_, (place, way))| can_be(*place, *way)).map(|(n, (place, way))| (n, name(place, way))).collect()
    }

    /// The result of case `number`, by its number in [`Batch::names`].
    ///
    /// # Errors
    /// Everything that is wrong, or why the program could not be made or run.
    pub fn case(&self, number: usize, processor: &Processor) -> Result<(), String> {
        let run = || self.run(processor).map_err(|error| format!("{error:#}"));
        match self.results.get_or_init(run) {
            Ok(cases) => match &cases[number] {
                Some(faults) if faults.is_empty() => Ok(()),
                Some(faults) => Err(faults.join("\n")),
                None => Err("the program said nothing of this case".to_owned()),
            },
            Err(error) if !self.is_reported.swap(true, Ordering::Relaxed) => Err(error.clone()),
            Err(_) => Err("there is no program: another case of its batch says why".to_owned()),
        }
    }

    fn run(&self, processor: &Processor) -> Result<Vec<Case>> {
        let folder = tempfile::tempdir()?;
        self.build(processor, folder.path())?;
        let n_cases = self.signatures.len() * WAYS.len();
        let mut cases = vec![None; n_cases];
        let mut first = 0;
        // What ends the program costs its own case only.
        while first < n_cases {
            first = run_from(folder.path(), first, n_cases, &mut cases)? + 1;
        }
        let way = WAYS.iter().position(|way| *way == FIRST_WAY).expect("it is one of them");
        for signature in 0..self.signatures.len() {
            let first = signature * WAYS.len() + way;
            let mut fresh = vec![None; n_cases];
            run_from(folder.path(), first, 1, &mut fresh)?;
            cases.push(fresh.swap_remove(first));
        }
        Ok(cases)
    }

    /// Whether imports get the host's pointer (`--user-data`): in some batches of each
    /// [`Making`] and of each part.
    fn has_data(&self) -> bool {
        self.number % 3 == 1
    }

    fn build(&self, processor: &Processor, folder: &Path) -> Result<()> {
        let Making { c, flags, library: (form, ending) } = &MAKING[self.number % MAKING.len()];
        let files = [
            ("processor.h", processor.header()),
            ("support.h", include_str!("support.h").to_owned()),
            ("support.c", include_str!("support.c").to_owned()),
            ("processor.S", processor.assembly.to_owned()),
            ("batch.c", source::source(processor, &self.signatures, self.has_data())),
            ("data.c", if self.has_data() { DATA } else { NO_DATA }.to_owned()),
            ("m.wat", module::main_module(&self.signatures)),
            ("m.imports", module::declarations(&self.signatures)),
            ("n.wat", module::other_module(&self.signatures)),
        ];
        for (name, text) in files {
            std::fs::write(folder.join(name), text)?;
        }
        for name in ["m", "n"] {
            let mut command = command::for_programs();
            let output = format!("{form}=lib{name}2.{ending}");
            let input = format!("{name}.wat");
            if name == "m" {
                command.args(["--imports", "m.imports"]);
                if self.has_data() {
                    command.args(["--user-data", "--emit", "header=m.h"]);
                }
            }
            run(command
                .args(target::with_cpu(flags))
                .args(["--prefix", name, "--emit", &output, &input])
                .current_dir(folder))?;
        }
        let mut command = tool::cc();
        command.args([c, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-rdynamic", "-o", "program"]);
        command.args(["support.c", "batch.c", "data.c", "processor.S", "-L.", "-ln2", "-lm2", "-Wl,-rpath,$ORIGIN"]);
        run(command.current_dir(folder))
    }
}

/// Runs `n` cases from `first` on, or those before the program's end; the number of the last.
fn run_from(folder: &Path, first: usize, n: usize, cases: &mut [Case]) -> Result<usize> {
    let mut program = process::program(folder.join("program"));
    let outcome = process::run(program.args([first.to_string(), n.to_string()]), b"")?;
    let last = read(&outcome.stdout, cases).filter(|&last| last >= first);
    let Some(last) = last else {
        bail!("the program ended with {} before its first case", describe(outcome.status));
    };
    if outcome.status != 0 {
        let text = format!("{}\n{}", describe(outcome.status), outcome.stderr);
        cases[last].get_or_insert_default().push(format!("the program ended with {text}"));
    }
    Ok(last)
}

/// Runs a command that must succeed and say nothing.
pub fn run(command: &mut Command) -> Result<()> {
    let outcome = process::run(command, b"")?;
    if outcome.status != 0 || !outcome.stderr.is_empty() {
        bail!("{command:?}: {}\n{}", describe(outcome.status), outcome.stderr);
    }
    Ok(())
}

/// Compiles a module in `folder`, without a word.
pub fn compile(folder: impl AsRef<Path>, args: &[&str]) -> Result<()> {
    run(command::for_programs().args(args).current_dir(folder))
}

/// Reads what the program printed; the number of the last case that began.
fn read(text: &str, cases: &mut [Case]) -> Option<usize> {
    let mut last = None;
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("case ") {
            last = number.parse().ok();
        } else if let Some(case) = last.map(|last: usize| &mut cases[last]) {
            match line.strip_prefix("fault ") {
                Some(fault) => case.get_or_insert_default().push(fault.to_owned()),
                None if line == "done" => drop(case.get_or_insert_default()),
                None => case.get_or_insert_default().push(format!("the program printed `{line}`")),
            }
        }
    }
    last
}
