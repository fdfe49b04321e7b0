//! Processors by name: what `--cpu` takes on each architecture, as switches of Cranelift's.
//!
//! `BASE+FEATURE+FEATURE`: a processor, or an architecture's version, and what it has beyond that
//! by Cranelift's names, without their `has_`. RISC-V's bases are its own names for instruction
//! sets, `rv64gc_zba_zbb`.

use crate::codegen::target;
use anyhow::{Result, anyhow, bail};
use cranelift_codegen::settings::Configurable;
use target_lexicon::{Architecture, OperatingSystem, Triple};

/// The baseline: what every machine that runs the target's programs has.
pub fn enable_default(builder: &mut impl Configurable, triple: &Triple) {
    let is_apple = !matches!(triple.operating_system, OperatingSystem::Linux | OperatingSystem::Windows);
    let name = match triple.architecture {
        Architecture::X86_64 => "x86-64-v2",
        Architecture::Riscv64(_) => "rv64gc",
        Architecture::Aarch64(_) if is_apple => "apple-m1",
        _ => return,
    };
    enable(builder, triple, name).expect("the baselines are known");
}

/// What `name` says.
///
/// # Errors
/// When the architecture has no such processor.
pub fn enable(builder: &mut impl Configurable, triple: &Triple, name: &str) -> Result<()> {
    let mut parts = name.split('+');
    let base = parts.next().expect("splitting gives at least one part");
    match triple.architecture {
        Architecture::X86_64 => enable_x86_64(builder, base)?,
        Architecture::Aarch64(_) => enable_aarch64(builder, base)?,
        Architecture::Riscv64(_) => enable_riscv64(builder, base)?,
        _ => enable_s390x(builder, base)?,
    }
    for feature in parts {
        builder.enable(&format!("has_{feature}")).map_err(|_| {
            anyhow!("`{feature}` in `--cpu {name}` is not a feature that Cranelift knows on {}", triple.architecture)
        })?;
    }
    Ok(())
}

fn enable_x86_64(builder: &mut impl Configurable, base: &str) -> Result<()> {
    if base != "x86-64" {
        builder.enable(base).map_err(|_| {
            anyhow!("`{base}` is not a processor that Cranelift knows; try native, x86-64-v2 or x86-64-v3")
        })?;
    }
    for feature in forgotten_by_cranelift(base) {
        builder.enable(feature).expect("Cranelift has this feature");
    }
    Ok(())
}

/// What processors have beyond Cranelift's lists of their features. Without `has_avx` it uses no
/// instruction of AVX at all, whatever else is there.
fn forgotten_by_cranelift(processor: &str) -> &'static [&'static str] {
    match processor {
        "x86-64-v3" => &["has_avx"],
        "x86-64-v4" => &["has_avx", "has_avx512f"],
        "znver1" | "znver2" | "znver3" => &["has_avx", "has_avx2"],
        "znver4" => &["has_avx", "has_avx2", "has_avx512vnni"],
        "alderlake" | "raptorlake" | "meteorlake" | "sierraforest" | "grandridge" => &["has_avx", "has_avx2"],
        "bdver1" | "bdver2" | "bdver3" | "bdver4" => &["sse42", "has_avx"],
        _ => &[],
    }
}

fn enable_aarch64(builder: &mut impl Configurable, base: &str) -> Result<()> {
    let features = target::arm_features(base).ok_or_else(|| {
        anyhow!(
            "`{base}` is not a known processor on aarch64; try generic, armv8.1-a, neoverse-n1, apple-m1, \
             or features as in generic+lse"
        )
    })?;
    for feature in features {
        builder.enable(&format!("has_{feature}")).expect("Cranelift has this feature");
    }
    Ok(())
}

/// The RISC-V ISA Manual, "ISA Extension Naming Conventions": single letters, then `_` before each
/// longer name.
fn enable_riscv64(builder: &mut impl Configurable, base: &str) -> Result<()> {
    let unknown = || {
        anyhow!(
            "`{base}` is not a known instruction set on riscv64; try rv64gc, rv64gcv, or extensions as in rv64gc_zba_zbb"
        )
    };
    let mut parts = base.strip_prefix("rv64").ok_or_else(unknown)?.split('_');
    let letters = parts.next().expect("splitting gives at least one part");
    let has = |letter: char| letters.contains(letter);
    if !has('g') && !['i', 'm', 'a', 'f', 'd'].into_iter().all(has) {
        bail!("`{base}`: the least that is supported is rv64g");
    }
    for letter in letters.chars() {
        let preset: &[&str] = match letter {
            'g' | 'i' | 'm' | 'a' | 'f' | 'd' => &[],
            'c' => &["has_c"],
            'v' => &["has_v", "zvl128b"],
            _ => return Err(unknown()),
        };
        preset.iter().for_each(|name| builder.enable(name).expect("Cranelift has this feature"));
    }
    for extension in parts {
        let name = if extension.starts_with("zvl") { extension.to_owned() } else { format!("has_{extension}") };
        builder
            .enable(&name)
            .map_err(|_| anyhow!("`{extension}` in `{base}` is not an extension that Cranelift knows"))?;
    }
    Ok(())
}

fn enable_s390x(builder: &mut impl Configurable, base: &str) -> Result<()> {
    match base {
        "z14" | "arch12" => Ok(()),
        _ => builder.enable(base).map_err(|_| {
            anyhow!("`{base}` is not a processor that Cranelift knows on s390x; try z14, z15, z16 or z17")
        }),
    }
}
