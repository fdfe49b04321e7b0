//! What executes instructions, one function at a time, and what a processor has of its own.
//!
//! A processor's folder decodes instructions and says how each changes a [`State`]. Everything that
//! follows from a state is common: where addresses lie, where calls go, where ways meet.

use crate::image::{Function, Image, SymbolNumber};
use crate::knowledge::Knowledge;
use crate::report::{Class, Failure, Report};
use crate::signature::{Convention, Rules};
use crate::state::{Fact, Flags, Range, State};
use crate::value::{Base, Expr, Id, Place, Sum, Terms, Value};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

/// A processor's instructions.
pub trait Processor: Sized {
    type Instruction: Clone;

    const REGISTERS: Registers;

    /// Reads the instruction at an offset of the text.
    ///
    /// # Errors
    /// When it is not one.
    fn decode(image: &Image, at: u32, end: u32) -> Result<Decoded<Self::Instruction>, String>;

    /// Executes an instruction.
    fn step(machine: &mut Machine<Self>, state: State, decoded: &Decoded<Self::Instruction>) -> Exit;

    /// What a call or jump names, if it is direct.
    fn named(image: &Image, decoded: &Decoded<Self::Instruction>) -> Named;

    /// Whether an instruction that leads nowhere returns, and does not trap.
    fn is_return(instruction: &Self::Instruction) -> bool;

    /// The bytes that an instruction moves the stack pointer down by, if it does that.
    fn stack_taken(instruction: &Self::Instruction) -> Option<u32>;
}

/// What registers are for. They are numbered from 0.
pub struct Registers {
    pub count: u8,
    pub stack: u8,
    pub frame: u8,
    /// The first three arguments of C functions.
    pub arguments: [u8; 3],
    /// Where functions in Cranelift's convention get the address of results that have no register;
    /// with LLVM it is the first argument.
    pub results: u8,
    /// The result of C functions, or an exception where it lands.
    pub result: u8,
    /// Those that functions preserve, in both conventions; after an exception they are lost.
    pub preserved: &'static [u8],
    /// Where the return address is, at the entry and at the end: a register, or a slot as far from
    /// the stack pointer.
    pub return_address: Place,
    /// The number that it has in [`Expr::Entry`].
    pub return_entry: u8,
    /// How far above the stack pointer arguments lie at the entry.
    pub arguments_at: i64,
    /// How far below the stack pointer functions may write, which nobody else does (psABI for
    /// x86-64, 3.2.2). Cranelift's do not.
    pub red_zone: i64,
    /// Those that functions store side by side where the runtime finds them (`abi::frame`).
    pub stored: &'static [Stored],
}

/// Registers of one kind that lie in a frame, those that the function stores.
pub struct Stored {
    /// The first one lies highest.
    pub registers: &'static [u8],
    /// They lie above the frame pointer and the return address, else below.
    pub is_above: bool,
    /// They are stored in pairs. A single one leaves the other half of its pair free if the number
    /// of all that are stored is odd.
    pub in_pairs: bool,
}

/// An instruction at its place in the text.
#[derive(Clone)]
pub struct Decoded<I> {
    pub at: u32,
    pub next: u32,
    pub leads: Leads,
    pub instruction: I,
}

/// Where an instruction leads.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Leads {
    /// To the next one.
    On,
    /// A call, and then to the next one.
    Call,
    /// On a condition, to an offset in the text, or to the next one.
    Branch(Option<u32>),
    /// `None`: by a register, or by a relocation.
    Jump(Option<u32>),
    /// A return or a trap.
    End,
}

/// What a direct call or jump names.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Named {
    /// The offset in the text, where there is no relocation.
    pub target: Option<u32>,
    /// A symbol, and how far from it.
    pub relocated: Option<(SymbolNumber, i64)>,
}

/// Values that an instruction has only for itself: what it loads, makes, or reads in part.
pub const LOADED: Place = Place::Register(64);
pub const RESULT: Place = Place::Register(65);
pub const PART: u8 = 66;

/// The contents of tables at the entry, as [`Expr::Entry`].
const TABLES: u8 = 255;

/// Whether a place is one of those.
pub fn is_temporary(place: Place) -> bool {
    matches!(place, Place::Register(64..))
}

/// Where control goes after an instruction.
pub enum Exit {
    Next(Box<State>),
    Ways(Vec<(u32, State)>),
}

/// Where code goes by an address in a register: a table of jumps, by its instruction.
pub type JumpTables = BTreeMap<u32, Vec<u32>>;

pub struct Machine<'k, P> {
    pub knowledge: &'k Knowledge<'k>,
    pub function: &'k Function,
    /// `None`: in the C convention, or with a type whose name is a hash.
    pub convention: Option<Convention>,
    pub terms: Terms,
    pub jump_tables: JumpTables,
    /// Parts of the text that are tables or constants.
    pub constants: BTreeSet<(u32, u32)>,
    /// Inequalities that end loops, by which they may be proved.
    pub unequal: Vec<Sum>,
    /// Distances of numbers that may be one, at the heads of loops.
    pub copies: Vec<Sum>,
    /// What a term of the head of a loop is at first.
    pub first: FxHashMap<Id, Sum>,
    /// By how much it grows in each round; 0: that differs.
    pub steps: BTreeMap<Id, i64>,
    /// Those of 32 bits that may wrap in a round.
    pub wrapping: BTreeSet<Id>,
    /// Terms of addresses that were not proved.
    pub wanted: BTreeSet<Id>,
    /// Results are wanted, and not only states.
    pub is_recording: bool,
    pub report: Report,
    /// The instruction.
    pub at: u32,
    pub next: u32,
    /// A term of which nothing is known.
    pub unknown: Id,
    /// Instructions that ran before.
    pub seen: FxHashSet<u32>,
    processor: PhantomData<P>,
}

impl<'k, P: Processor> Machine<'k, P> {
    pub fn new(knowledge: &'k Knowledge<'k>, function: &'k Function) -> Machine<'k, P> {
        let mut terms = Terms::default();
        let unknown = terms.intern(Expr::Made { site: u32::MAX, place: RESULT });
        Machine {
            unknown,
            knowledge,
            function,
            convention: function.signature.as_deref().and_then(|name| knowledge.convention(name)),
            terms,
            jump_tables: JumpTables::new(),
            constants: BTreeSet::new(),
            unequal: Vec::new(),
            copies: Vec::new(),
            first: FxHashMap::default(),
            steps: BTreeMap::new(),
            wrapping: BTreeSet::new(),
            wanted: BTreeSet::new(),
            is_recording: false,
            report: Report::default(),
            at: function.start,
            next: function.start,
            seen: FxHashSet::default(),
            processor: PhantomData,
        }
    }

    /// Forgets states, but not where jumps by tables lead.
    pub fn restart(&mut self) {
        self.seen.clear();
        self.constants.clear();
    }

    /// To how many places jumps by tables lead.
    pub fn n_targets(&self) -> usize {
        self.jump_tables.values().map(Vec::len).sum()
    }

    /// Whether it is in the internal convention.
    pub fn is_internal(&self) -> bool {
        self.function.is_internal
    }

    /// Where the function gets the address of results that have no register.
    pub fn results_register(&self) -> u8 {
        match self.knowledge.rules {
            Rules::Cranelift => P::REGISTERS.results,
            Rules::C | Rules::Tail => P::REGISTERS.arguments[0],
        }
    }

    /// The state at the entry.
    pub fn entry(&mut self) -> State {
        let tables = self.terms.intern(Expr::Entry(TABLES));
        let mut registers = Vec::new();
        for number in 0..P::REGISTERS.count {
            registers.push(match number {
                _ if number == P::REGISTERS.stack => Value::at(Base::Stack, 0),
                number => Value::term(self.terms.intern(Expr::Entry(number))),
            });
        }
        let mut state = State {
            registers,
            slots: BTreeMap::new(),
            tables,
            ranges: FxHashMap::default(),
            facts: Vec::new(),
            flags: Flags::Unknown,
            signatures: Vec::new(),
            words: Vec::new(),
            escaped: None,
        };
        let return_address = self.terms.intern(Expr::Entry(P::REGISTERS.return_entry));
        state.set(P::REGISTERS.return_address, Value::term(return_address));
        state
    }

    pub fn fail(&mut self, reason: impl Into<String>) {
        if self.is_recording {
            let function = self.function.name.clone();
            let offset = self.at - self.function.start;
            self.report.failures.push(Failure { function, offset, reason: reason.into() });
        }
    }

    pub fn count(&mut self, class: Class) {
        if self.is_recording {
            *self.report.classes.entry(class).or_default() += 1;
        }
    }

    /// A number of which only the range is known.
    pub fn made(&mut self, state: &mut State, place: Place, range: Range) -> Value {
        let id = self.terms.intern(Expr::Made { site: self.at, place });
        if range == Range::ALL {
            state.ranges.remove(&id);
        } else {
            state.ranges.insert(id, range);
        }
        Value::term(id)
    }

    pub fn or_unknown(&mut self, state: &mut State, value: Option<Value>) -> Value {
        match value {
            Some(value) => value,
            None => self.made(state, RESULT, Range::ALL),
        }
    }

    /// Writes a register as a whole.
    pub fn set_register(&mut self, state: &mut State, number: u8, value: Value) {
        if number == P::REGISTERS.stack && !self.is_stack_pointer(state, &value) {
            self.fail("the stack pointer gets a value that is not in the frame");
        }
        // A value that this instruction made moves with its name.
        state.registers[usize::from(number)] = match self.temporary(&value) {
            Some(old) => {
                let range = state.range(&self.terms, old);
                let sum = self.made(state, Place::Register(number), range).sum;
                self.rename(state, old, &sum);
                Value { base: value.base, sum }
            }
            None => value,
        };
    }

    pub fn temporary(&self, value: &Value) -> Option<Id> {
        let is_own = |id: &Id| match self.terms.expr(*id) {
            Expr::Made { site, place } => *site == self.at && is_temporary(*place),
            _ => false,
        };
        value.sum.as_term().filter(is_own)
    }

    /// What is known of a term holds of its new name instead.
    pub fn rename(&mut self, state: &mut State, old: Id, new: &Sum) {
        for fact in state.facts.clone() {
            let factor = fact.sum.factor(old);
            if factor != 0
                && let Some(without) = fact.sum.exactly_plus_times(&Sum::term(old), -factor)
                && let Some(sum) = without.exactly_plus_times(new, factor)
            {
                state.add_fact(&self.terms, Fact { sum, limit: fact.limit });
            }
        }
        state.forget(&FxHashSet::from_iter([old]));
    }

    pub fn is_stack_pointer(&self, state: &State, value: &Value) -> bool {
        let highest = P::REGISTERS.arguments_at + i64::from(self.most_arguments());
        value.base == Some(Base::Stack) && state.is_at_most(&self.terms, &value.sum, highest.into())
    }

    /// Bytes of arguments above the return address.
    pub fn most_arguments(&self) -> u32 {
        match (self.convention, self.is_internal()) {
            (Some(convention), _) => convention.stack,
            // Named by a hash: as many as a type can have. A function for C: likewise, to read.
            (None, _) => 16 * 1000,
        }
    }
}
