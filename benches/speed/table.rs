//! The figures as a table in Markdown and as CSV.

use crate::candidate::CANDIDATES;
use crate::rounds::Runs;
use crate::statistics::geometric_mean;
use std::fmt::Write;

/// Seconds of the first candidate, ratios of the others.
pub fn markdown(runs: &[Runs]) -> String {
    let mut out = String::from("| program |");
    for candidate in &CANDIDATES {
        write!(out, " {} |", candidate.title).expect("strings grow");
    }
    writeln!(out, "\n| --- |{}", " --: |".repeat(CANDIDATES.len())).expect("strings grow");
    for run in runs {
        write!(out, "| {} | {} |", run.name, cell(run.median(0), " s")).expect("strings grow");
        for candidate in 1..CANDIDATES.len() {
            write!(out, " {} |", cell(run.ratio(candidate), "")).expect("strings grow");
        }
        writeln!(out).expect("strings grow");
    }
    for (title, simd) in [("geometric mean, scalar", false), ("geometric mean, SIMD", true)] {
        let group: Vec<&Runs> = runs.iter().filter(|run| run.is_simd() == simd).collect();
        if group.is_empty() {
            continue;
        }
        write!(out, "| **{title}** | |").expect("strings grow");
        for candidate in 1..CANDIDATES.len() {
            let ratios: Vec<f64> = group.iter().filter_map(|run| run.ratio(candidate)).collect();
            let mean = (!ratios.is_empty()).then(|| geometric_mean(ratios.iter().copied()));
            // A mean of other programs than its neighbors says so.
            let note = match ratios.len() {
                0 => String::new(),
                count if count == group.len() => String::new(),
                count => format!(" ({count} of {})", group.len()),
            };
            write!(out, " **{}**{note} |", cell(mean, "")).expect("strings grow");
        }
        writeln!(out).expect("strings grow");
    }
    out
}

fn cell(number: Option<f64>, unit: &str) -> String {
    number.map_or("–".to_owned(), |it| format!("{it:.2}{unit}"))
}

pub fn csv(runs: &[Runs]) -> String {
    let mut out = String::from("program,candidate,median_s,min_s,ratio,rounds\n");
    for run in runs {
        for (index, candidate) in CANDIDATES.iter().enumerate() {
            let seconds = run.seconds(index);
            let Some(median) = run.median(index) else { continue };
            let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
            let ratio = run.ratio(index).map_or(String::new(), |it| format!("{it:.4}"));
            let rounds = seconds.len();
            writeln!(out, "{},\"{}\",{median:.6},{least:.6},{ratio},{rounds}", run.name, candidate.title)
                .expect("strings grow");
        }
    }
    out
}
