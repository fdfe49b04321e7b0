//! What was found: how accesses and ways were proved, and what was not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Why an access, a call or a jump is right.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// In a memory: base, index of 32 bits and bounded offset stay in the reservation.
    Guard,
    /// In a memory, or the range of a copy: compared with the size.
    Compare,
    Frame,
    Argument,
    Global,
    Table,
    /// Of memories, tables and segments.
    Descriptor,
    /// In the text: constants and tables of jumps.
    Constant,
    /// The program's description, counters of profiles, the page that is read for interrupts.
    Record,
    /// The heap's free cells, records of types.
    Heap,
    /// In an object, whose type validation knows.
    Object,
    /// The signature before the entry of a function.
    Signature,
    /// Results that lie where the caller says.
    Results,
    /// What a host handed over, in a thunk.
    Host,
    /// Calls and jumps.
    Known,
    Runtime,
    Import,
    SignatureCompared,
    ClosedTable,
    TypedReference,
    JumpTable,
    Return,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::Guard => "in memory by guard",
            Class::Compare => "in memory by compare",
            Class::Frame => "frame",
            Class::Argument => "arguments",
            Class::Global => "globals",
            Class::Table => "tables",
            Class::Descriptor => "descriptors",
            Class::Constant => "constants",
            Class::Record => "records",
            Class::Heap => "heap",
            Class::Object => "objects",
            Class::Signature => "signatures",
            Class::Results => "results",
            Class::Host => "host",
            Class::Known => "direct calls",
            Class::Runtime => "calls of the runtime",
            Class::Import => "calls of C",
            Class::SignatureCompared => "calls by signature",
            Class::ClosedTable => "calls by closed table",
            Class::TypedReference => "calls by typed reference",
            Class::JumpTable => "jumps by table",
            Class::Return => "returns",
        }
    }
}

/// Something that could not be proved.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub function: String,
    /// Of the instruction, from the function's entry.
    pub offset: u32,
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}: {}", self.function, self.offset, self.reason)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub functions: usize,
    pub classes: BTreeMap<Class, u64>,
    pub failures: Vec<Failure>,
    /// Tables at a fixed place that code writes, by symbol.
    pub stored: BTreeSet<String>,
    /// Tables whose functions are called because all have one type: a function and offset of each.
    pub closed: BTreeMap<String, (String, u32)>,
}

impl Report {
    /// A table without compares must be one that nobody writes.
    pub fn check_closed_tables(&mut self) {
        for (table, (function, offset)) in &self.closed {
            if self.stored.contains(table) {
                let reason = format!("a call through `{table}` without a compare, which is written elsewhere");
                self.failures.push(Failure { function: function.clone(), offset: *offset, reason });
            }
        }
    }

    pub fn add(&mut self, other: Report) {
        self.functions += other.functions;
        for (class, count) in other.classes {
            *self.classes.entry(class).or_default() += count;
        }
        self.failures.extend(other.failures);
        self.stored.extend(other.stored);
        self.closed.extend(other.closed);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} functions: ", self.functions)?;
        for (class, count) in &self.classes {
            write!(f, "{count} {}, ", class.name())?;
        }
        write!(f, "unproved: {}", self.failures.len())
    }
}
