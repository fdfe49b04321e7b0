//! The ways in which our compiler makes native code of a module.

use std::fmt;
use test_kit::dice::Dice;
use wasm2native::options::{Cpu, GeneratorName, OptLevel, Options};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Target {
    X86_64,
    Aarch64,
}

impl Target {
    pub const ALL: [Target; 2] = [Target::X86_64, Target::Aarch64];

    /// The processor, as Rust calls it.
    pub fn processor(self) -> &'static str {
        match self {
            Target::X86_64 => "x86_64",
            Target::Aarch64 => "aarch64",
        }
    }

    pub fn triple(self) -> String {
        format!("{}-unknown-linux-gnu", self.processor())
    }

    /// Whether its programs need an emulator on this machine.
    pub fn is_foreign(self) -> bool {
        self.processor() != std::env::consts::ARCH
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Generator {
    Cranelift,
    Llvm,
    /// LLVM with `--exact-traps`.
    Exact,
}

/// What runs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A shared library in a host, which goes on after traps.
    Library,
    /// A program, whose first memory has a fixed place, and which ends at a trap.
    Program,
}

/// A flag besides the others.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Extra {
    None,
    Inline,
    SpectreMasks,
    /// More of the processor than its least features.
    Cpu,
    Debug,
    /// `--interruptible`, of libraries.
    Interruptible,
}

/// One way. As text it is `x86_64-cranelift-O2-checks-library-inline`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    pub target: Target,
    pub generator: Generator,
    pub level: OptLevel,
    pub memory_checks: bool,
    pub form: Form,
    pub extra: Extra,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generator = match self.generator {
            Generator::Cranelift => "cranelift",
            Generator::Llvm => "llvm",
            Generator::Exact => "llvm-exact",
        };
        let level = match self.level {
            OptLevel::None => "O0",
            OptLevel::Speed => "O2",
            OptLevel::Size => "Os",
        };
        write!(f, "{}-{generator}-{level}", self.target.processor())?;
        if self.memory_checks {
            f.write_str("-checks")?;
        }
        f.write_str(match self.form {
            Form::Library => "-library",
            Form::Program => "-program",
        })?;
        f.write_str(match self.extra {
            Extra::None => "",
            Extra::Inline => "-inline",
            Extra::SpectreMasks => "-spectre",
            Extra::Cpu => "-cpu",
            Extra::Debug => "-debug",
            Extra::Interruptible => "-interruptible",
        })
    }
}

impl Variant {
    /// All that the compiler distinguishes.
    pub fn all() -> Vec<Variant> {
        let mut all = vec![];
        for target in Target::ALL {
            for generator in [Generator::Cranelift, Generator::Llvm, Generator::Exact] {
                for level in [OptLevel::None, OptLevel::Speed, OptLevel::Size] {
                    all.extend(Variant::of_level(target, generator, level));
                }
            }
        }
        all
    }

    fn of_level(target: Target, generator: Generator, level: OptLevel) -> Vec<Variant> {
        let mut extras = vec![Extra::None];
        if generator == Generator::Cranelift {
            extras.extend([Extra::SpectreMasks, Extra::Cpu, Extra::Debug]);
            extras.extend((level != OptLevel::None).then_some(Extra::Inline));
        }
        let mut variants = Vec::new();
        for memory_checks in [false, true] {
            for form in [Form::Library, Form::Program] {
                let of_extra = |&extra: &Extra| Variant { target, generator, level, memory_checks, form, extra };
                variants.extend(extras.iter().map(of_extra));
                if generator == Generator::Cranelift && form == Form::Library {
                    variants.push(of_extra(&Extra::Interruptible));
                }
            }
        }
        variants
    }

    /// Whether the name has all words of `pattern`, as in `aarch64-O0`.
    fn matches(&self, pattern: &str) -> bool {
        let name = self.to_string();
        pattern.split('-').all(|word| name.split('-').any(|other| other == word))
    }

    /// The options of a compilation.
    pub fn options(&self) -> Options {
        let cpu = match (self.extra, self.target) {
            (Extra::Cpu, target) if target.is_foreign() => Cpu::Named("neoverse-n1".to_owned()),
            (Extra::Cpu, _) => Cpu::Native,
            _ => Cpu::Default,
        };
        Options {
            target: Some(self.target.triple()),
            generator: match self.generator {
                Generator::Cranelift => GeneratorName::Cranelift,
                Generator::Llvm | Generator::Exact => GeneratorName::Llvm,
            },
            exact_traps: self.generator == Generator::Exact,
            opt_level: self.level,
            memory_checks: self.memory_checks,
            inline: self.extra == Extra::Inline,
            spectre_masks: self.extra == Extra::SpectreMasks,
            debug: self.extra == Extra::Debug,
            interruptible: self.extra == Extra::Interruptible,
            cpu,
            enable: vec!["custom-page-sizes".to_owned()],
            verify: true,
            ..Options::default()
        }
    }

    /// The same as flags of the command.
    pub fn flags(&self) -> String {
        let mut flags = match self.level {
            OptLevel::None => "-O0",
            OptLevel::Speed => "-O2",
            OptLevel::Size => "-Os",
        }
        .to_owned();
        let mut add = |wanted: bool, flag: &str| {
            if wanted {
                flags.push(' ');
                flags.push_str(flag);
            }
        };
        add(self.memory_checks, "--memory-checks");
        add(self.generator == Generator::Exact, "--exact-traps");
        add(self.extra == Extra::Inline, "--inline");
        add(self.extra == Extra::SpectreMasks, "--spectre-masks");
        add(self.extra == Extra::Debug, "-g");
        flags
    }
}

/// The variants that a run may choose from.
#[derive(Clone, Debug)]
pub struct Choice(Vec<Variant>);

/// A target, whether the generator is LLVM, and how many such variants a hundred modules get.
const SHARES: [(Target, bool, usize); 4] = [
    (Target::X86_64, false, 400),
    (Target::Aarch64, false, 70),
    (Target::X86_64, true, 30),
    (Target::Aarch64, true, 10),
];

impl Choice {
    /// Those that one of the `patterns` names; without a pattern, all.
    pub fn new(patterns: &[String]) -> Choice {
        let is_wanted = |variant: &Variant| patterns.iter().any(|pattern| variant.matches(pattern));
        Choice(Variant::all().into_iter().filter(|variant| patterns.is_empty() || is_wanted(variant)).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn all(&self) -> &[Variant] {
        &self.0
    }

    /// The variants of a module: of each target and kind of generator some.
    pub fn draw(&self, dice: &mut Dice) -> Vec<Variant> {
        let mut drawn = Vec::new();
        for (target, is_llvm, share) in SHARES {
            let mut of_group: Vec<Variant> = self
                .0
                .iter()
                .filter(|it| it.target == target && (it.generator != Generator::Cranelift) == is_llvm)
                .copied()
                .collect();
            let n = share / 100 + usize::from(dice.below(100) < share % 100);
            for _ in 0..n.min(of_group.len()) {
                drawn.push(of_group.swap_remove(dice.below(of_group.len())));
            }
        }
        if drawn.is_empty() && !self.0.is_empty() {
            drawn.push(dice.one_of(&self.0));
        }
        drawn
    }
}
