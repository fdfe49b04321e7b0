//! Completions for shells and man pages, from the definition of a command line.

use crate::output;
use crate::stdio;
use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::path::Path;

/// Prints the script that completes words of `command` in a shell.
///
/// # Errors
/// When it can't be printed.
pub fn print_completions(mut command: Command, shell: Shell) -> Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    stdio::print(script)
}

/// Writes the man pages of `command` and of all its subcommands into a directory, which is created
/// if it does not exist. Without one, prints the first.
///
/// # Errors
/// When a page can't be written.
pub fn write_pages(command: Command, folder: Option<&Path>) -> Result<()> {
    let pages = pages(command)?;
    let Some(folder) = folder else { return stdio::print(&pages[0].text) };
    std::fs::create_dir_all(folder).with_context(|| format!("can't create the directory {}", folder.display()))?;
    pages.iter().try_for_each(|page| output::write(&folder.join(&page.file), &page.text))
}

/// A man page and its file's name.
struct Page {
    file: String,
    text: Vec<u8>,
}

/// The page of the command, then those of its subcommands.
fn pages(command: Command) -> Result<Vec<Page>> {
    // Each `help` would have a page for every command.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let source = format!("{} {}", command.get_name(), command.get_version().unwrap_or_default());
    let all = std::iter::once(command.clone()).chain(command.get_subcommands().cloned());
    all.filter(|command| !command.is_hide_set())
        .map(|command| {
            let page = Man::new(command).source(&source);
            let mut text = Vec::new();
            page.render(&mut text)?;
            Ok(Page { file: page.get_filename(), text })
        })
        .collect()
}
