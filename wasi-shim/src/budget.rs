//! How many bytes a program may take: those of its memories, tables and objects, by `--max-memory`,
//! `--max-table` and `--max-heap`.
//!
//! Comes in: the user's limits, once, before any code runs. What a module can make grow asks here
//! before it asks the system, and gives back what it gives up. Threads may ask at the same time.
//! Constant data is not counted: it is a part of the program's file, as code is.

use crate::abi::image::Image;
use crate::abi::program::{Budget, Program};
use crate::abi::table::DEFAULT_MAX_TABLE;
use crate::attempt::fail;
use crate::program::memories;
use crate::text::message;
use std::sync::atomic::Ordering::Relaxed;

/// What the user allows, in bytes.
#[derive(Clone, Copy, Default)]
pub struct Limits {
    pub memory: Option<u64>,
    pub tables: Option<u64>,
    pub objects: Option<u64>,
}

impl Limits {
    /// Sets the limits of a program that takes nothing yet.
    pub fn set(self, program: &Program) {
        program.memory.limit.store(self.memory.unwrap_or(u64::MAX), Relaxed);
        program.tables.limit.store(self.tables.or(self.memory).unwrap_or(DEFAULT_MAX_TABLE), Relaxed);
        program.objects.limit.store(self.objects.unwrap_or(u64::MAX), Relaxed);
    }
}

impl Budget {
    /// Takes so many bytes if they are left. Says whether they were.
    fn take(&self, bytes: u64) -> bool {
        let limit = self.limit.load(Relaxed);
        let more = |used: u64| used.checked_add(bytes).filter(|&used| used <= limit);
        self.used.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Whether so many bytes are left.
    fn has(&self, bytes: u64) -> bool {
        self.used.load(Relaxed).checked_add(bytes).is_some_and(|used| used <= self.limit.load(Relaxed))
    }

    fn give_back(&self, bytes: u64) {
        let less = |used: u64| Some(used.saturating_sub(bytes));
        let _ = self.used.fetch_update(Relaxed, Relaxed, less);
    }
}

/// Takes bytes for memories. Says whether they were left.
pub fn take(program: &Program, bytes: u64) -> bool {
    program.memory.take(bytes)
}

pub fn give_back(program: &Program, bytes: u64) {
    program.memory.give_back(bytes);
}

/// Takes bytes for objects. Says whether they were left.
pub fn take_for_objects(program: &Program, bytes: u64) -> bool {
    take_for(&program.objects, program, bytes)
}

pub fn give_back_of_objects(program: &Program, bytes: u64) {
    program.objects.give_back(bytes);
    program.memory.give_back(bytes);
}

/// Whether the user limits what objects take.
pub fn is_limited(program: &Program) -> bool {
    [&program.objects, &program.memory].iter().any(|budget| budget.limit.load(Relaxed) != u64::MAX)
}

/// The option that keeps so many bytes from objects, and its value.
pub fn limit_of_objects(program: &Program, bytes: u64) -> Option<(&'static str, u64)> {
    let budgets = [("--max-heap", &program.objects), ("--max-memory", &program.memory)];
    let limited = budgets.into_iter().filter(|(_, budget)| budget.limit.load(Relaxed) != u64::MAX);
    let [mut all, mut lacking] = [limited.clone(), limited];
    let found = lacking.find(|(_, budget)| !budget.has(bytes)).or_else(|| all.next());
    found.map(|(option, budget)| (option, budget.limit.load(Relaxed)))
}

/// Gives everything back that a program takes, but for its objects, which `keep_objects` says are
/// still there.
pub fn give_back_all(program: &Program, keep_objects: bool) {
    if !keep_objects {
        program.objects.used.store(0, Relaxed);
    }
    program.memory.used.store(program.objects.used.load(Relaxed), Relaxed);
    program.tables.used.store(0, Relaxed);
}

/// Takes bytes for tables. Says whether they were left.
pub fn take_for_tables(program: &Program, bytes: u64) -> bool {
    take_for(&program.tables, program, bytes)
}

/// Takes bytes of a budget and of the program's memory.
fn take_for(budget: &Budget, program: &Program, bytes: u64) -> bool {
    if !budget.take(bytes) {
        return false;
    }
    let is_taken = program.memory.take(bytes);
    if !is_taken {
        budget.give_back(bytes);
    }
    is_taken
}

pub fn give_back_of_tables(program: &Program, bytes: u64) {
    program.tables.give_back(bytes);
    program.memory.give_back(bytes);
}

/// Takes what modules have from the start. Ends the program if that is too much.
pub fn take_initial(program: &Program, images: impl Iterator<Item = &'static Image> + Clone) {
    // SAFETY: no code runs yet that knows the memories.
    let sizes = images.clone().flat_map(memories).map(|&memory| unsafe { (*memory).bytes });
    let (bytes, tables) = (sum(sizes), table_bytes(images));
    let Program { memory: all, tables: only_tables, .. } = program;
    let is_table = all.limit.load(Relaxed) != only_tables.limit.load(Relaxed) && !only_tables.has(tables);
    if !is_table && take(program, bytes.saturating_add(tables)) {
        only_tables.take(tables);
        return;
    }
    let (what, flag, budget, more) = match is_table {
        true => ("tables", "--max-table", only_tables, tables),
        false => ("memory", "--max-memory", all, bytes.saturating_add(tables)),
    };
    let mut text = message();
    text.add("the program needs ").add_decimal(budget.used.load(Relaxed).saturating_add(more).into());
    text.add(" bytes of ").add(what).add(" to start, and ").add(flag).add(" allows ");
    text.add_decimal(budget.limit.load(Relaxed).into());
    fail(text, 1);
}

/// Bytes of the tables that modules have from the start, and so each thread.
pub fn table_bytes(images: impl Iterator<Item = &'static Image>) -> u64 {
    sum(images.map(|image| image.table_bytes))
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}
