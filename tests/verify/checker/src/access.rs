//! Accesses: where an address lies, and whether all that it can be is allowed there.

use crate::image::SymbolNumber;
use crate::knowledge::{Role, Slot};
use crate::machine::{LOADED, Machine, Processor};
use crate::report::Class;
use crate::signature::Rules;
use crate::state::{Fact, Limit, Range, State};
use crate::value::{Base, Expr, Place, Sum, Value};

#[derive(Copy, Clone, PartialEq)]
enum Kind {
    Load,
    Store,
}

/// Fields of records (`wasi-shim/src/abi`).
const BASE: i64 = 0;
const LENGTH: i64 = 8;
/// Of a table.
const MOST_ENTRIES: u64 = 1 << 40;
/// `Program::entered`.
const ENTERED: i64 = 8;

impl<P: Processor> Machine<'_, P> {
    /// What a load finds, after its check.
    pub fn loaded(&mut self, state: &mut State, address: &Value, size: u32) -> Value {
        self.check(state, address, size, Kind::Load);
        if let Some(value) = self.known(state, address, size) {
            return value;
        }
        self.made(state, LOADED, Range::of_bytes(size))
    }

    /// A load of 4 bytes with their sign, where it is of a kind of its own.
    pub fn signed_word(&mut self, state: &mut State, address: &Value) -> Option<Value> {
        // LLVM reads the field before a function that it knows.
        let after = address.offset_from(Base::Text).and_then(|offset| u32::try_from(offset.checked_add(4)?).ok());
        let function = after.and_then(|after| self.knowledge.image.function_at(after));
        if function.is_some_and(|function| function.signature.is_some()) {
            self.count(Class::Signature);
            return Some(self.made(state, LOADED, Range::ALL));
        }
        if address.base == Some(Base::Text) {
            return Some(self.table_entry(state, address, 4));
        }
        let reference = address.offset_by(4);
        if address.base.is_none() && address.sum.constant == -4 && self.knowledge.powers.references {
            self.count(Class::Signature);
            return Some(Value::term(self.terms.intern(Expr::SignatureDistance(reference.sum))));
        }
        if let Some(Base::Symbol(symbol)) = address.base
            && self.knowledge.role(symbol) == Role::Function
            && address.sum.as_constant() == Some(-4)
        {
            self.count(Class::Signature);
            return Some(self.made(state, LOADED, Range::ALL));
        }
        None
    }

    /// An entry of a table of jumps, whose index is bounded. One of 4 bytes has a sign.
    pub fn table_entry(&mut self, state: &mut State, address: &Value, size: u32) -> Value {
        let is_word = address.sum.terms.iter().all(|(_, factor)| factor % i64::from(size) == 0);
        let (low, high) = (state.lower(&self.terms, &address.sum), state.upper(&self.terms, &address.sum));
        let is_inside = low >= self.function.start.into() && high + i128::from(size) <= self.function.end.into();
        let first = u32::try_from(low).ok().filter(|_| is_inside && is_word);
        // What lies between is a multiple of the size away.
        let inside = first.zip(u32::try_from((high - low) / i128::from(size) + 1).ok());
        match inside {
            Some((table, count)) => {
                self.count(Class::Constant);
                self.constants.insert((table, table + size * count));
                let loaded = self.terms.intern(Expr::Made { site: self.at, place: LOADED });
                Value::term(self.terms.intern(Expr::Jump { table, count, size, loaded }))
            }
            None => {
                self.fail("the index of a table of jumps is not bounded");
                self.made(state, LOADED, Range::ALL)
            }
        }
    }

    /// Values that have a meaning by where they lie.
    fn known(&mut self, state: &mut State, address: &Value, size: u32) -> Option<Value> {
        let base = address.base?;
        let offset = address.sum.as_constant();
        match base {
            Base::Stack => {
                let value = state.slots.get(&offset?)?.clone();
                match size {
                    8 => Some(value),
                    4 => Some(state.low_half(&mut self.terms, &value)),
                    _ => None,
                }
            }
            Base::Text if size == 8 || size == 4 => {
                let at = u32::try_from(offset?).ok()?;
                let end = at.checked_add(size).filter(|end| self.knowledge.image.relocation_in(at, *end).is_none())?;
                let bytes = self.knowledge.image.text.get(at as usize..end as usize)?;
                let mut word = [0; 8];
                word[..size as usize].copy_from_slice(bytes);
                Some(Value::constant(i64::from_le_bytes(word)))
            }
            Base::Symbol(symbol) | Base::Slot(symbol) if size == 4 => self.half_of_length(state, base, symbol, offset?),
            Base::Symbol(symbol) if size == 8 => self.known_of_symbol(state, symbol, offset, address),
            Base::Slot(slot) if size == 8 => match self.knowledge.role(slot) {
                Role::Slot(Slot::Table) => self.field_of_table(state, slot, offset?),
                Role::Slot(Slot::Memory) => self.field_of_memory(state, slot, offset?),
                _ => None,
            },
            Base::Table(_) if size == 8 => Some(self.table_word(state, address)),
            _ => None,
        }
    }

    fn known_of_symbol(
        &mut self,
        state: &mut State,
        symbol: SymbolNumber,
        offset: Option<i64>,
        address: &Value,
    ) -> Option<Value> {
        match (self.knowledge.role(symbol), offset) {
            (Role::Memory, Some(offset)) => self.field_of_memory(state, symbol, offset),
            (Role::Table, Some(offset)) => self.field_of_table(state, symbol, offset),
            (Role::Segment, Some(BASE)) => Some(Value::at(Base::Segment(symbol), 0)),
            (Role::Segment, Some(LENGTH)) => {
                let most = self.knowledge.image.word(self.knowledge.name(symbol), 8);
                let value = self.made(state, LOADED, most.map_or(Range::ALL, Range::upto));
                let fact = Fact { sum: value.sum.clone(), limit: Some(Limit::Segment(symbol)) };
                state.add_fact(&self.terms, fact);
                Some(value)
            }
            (Role::Slot(_), Some(0)) => Some(Value::at(Base::Slot(symbol), 0)),
            (Role::Heap, _) => Some(self.made(state, LOADED, Range::OBJECTS)),
            (Role::Entries, _) => Some(self.table_word(state, address)),
            _ => None,
        }
    }

    /// A word of a table: equal addresses have equal words, as long as nobody writes.
    fn table_word(&mut self, state: &State, address: &Value) -> Value {
        if let Some((_, word)) = state.words.iter().find(|(other, _)| other == address) {
            return word.clone();
        }
        Value::term(self.terms.intern(Expr::Entry8 { address: address.clone(), tables: state.tables }))
    }

    fn field_of_memory(&mut self, state: &mut State, symbol: SymbolNumber, offset: i64) -> Option<Value> {
        match offset {
            BASE => Some(Value::at(Base::Memory(symbol), 0)),
            LENGTH => {
                let most = self.knowledge.memories.get(&symbol)?.maximum;
                let value = self.made(state, LOADED, Range::upto(most));
                state.add_fact(&self.terms, Fact { sum: value.sum.clone(), limit: Some(Limit::Size(symbol)) });
                Some(value)
            }
            _ => None,
        }
    }

    fn field_of_table(&mut self, state: &mut State, symbol: SymbolNumber, offset: i64) -> Option<Value> {
        match offset {
            BASE => Some(Value::at(Base::Table(symbol), 0)),
            LENGTH => {
                let value = self.made(state, LOADED, Range::upto(MOST_ENTRIES));
                state.add_fact(&self.terms, Fact { sum: value.sum.clone(), limit: Some(Limit::Length(symbol)) });
                Some(value)
            }
            _ => None,
        }
    }

    /// A half of a length: the lower one is at most that.
    fn half_of_length(&mut self, state: &mut State, base: Base, symbol: SymbolNumber, offset: i64) -> Option<Value> {
        const UPPER: i64 = LENGTH + 4;
        let is_slot = matches!(base, Base::Slot(_));
        let (limit, most) = match (self.knowledge.role(symbol), is_slot) {
            (Role::Memory, false) | (Role::Slot(Slot::Memory), true) => {
                (Limit::Size(symbol), self.knowledge.memories.get(&symbol)?.maximum)
            }
            (Role::Table, false) | (Role::Slot(Slot::Table), true) => (Limit::Length(symbol), MOST_ENTRIES),
            (Role::Segment, false) => {
                (Limit::Segment(symbol), self.knowledge.image.word(self.knowledge.name(symbol), 8)?)
            }
            _ => return None,
        };
        match offset {
            LENGTH => {
                let value = self.made(state, LOADED, Range::upto(most.min(u32::MAX.into())));
                state.add_fact(&self.terms, Fact { sum: value.sum.clone(), limit: Some(limit) });
                Some(value)
            }
            UPPER => Some(self.made(state, LOADED, Range::upto(most >> 32))),
            _ => None,
        }
    }

    /// Writes, after its check; `None`: an unknown value.
    pub fn store(&mut self, state: &mut State, address: &Value, size: u32, value: Option<Value>) {
        self.check(state, address, size, Kind::Store);
        if address.base == Some(Base::Stack) {
            return self.store_in_frame(state, address, size, value);
        }
        let is_of_table = match address.base {
            Some(Base::Table(_)) => true,
            Some(Base::Symbol(symbol)) => self.knowledge.role(symbol) == Role::Entries,
            // An object of another kind.
            _ => false,
        };
        if is_of_table {
            state.tables = self.made(state, Place::Tables, Range::ALL).sum.as_term().expect("a term");
            let is_apart = |other: &Value| {
                let distance = address.minus(other).filter(|distance| distance.base.is_none());
                distance.and_then(|it| it.as_constant()).is_some_and(|it| it.abs() >= 8)
            };
            state.words.retain(|(other, _)| is_apart(other));
            if let (8, Some(value)) = (size, &value) {
                state.words.push((address.clone(), value.clone()));
            }
            if let Some(Base::Symbol(symbol)) = address.base {
                self.report.stored.insert(self.knowledge.name(symbol).to_owned());
            }
        }
        if let Some(value) = value.filter(|value| value.base == Some(Base::Stack)) {
            let offset = self.lowest_place(state, &value);
            state.escaped = Some(state.escaped.map_or(offset, |it| it.min(offset)));
        }
    }

    fn store_in_frame(&mut self, state: &mut State, address: &Value, size: u32, value: Option<Value>) {
        let (low, high) = (state.lower(&self.terms, &address.sum), state.upper(&self.terms, &address.sum));
        let end = high.saturating_add(size.into());
        state.slots.retain(|&offset, _| i128::from(offset) + 8 <= low || i128::from(offset) >= end);
        if let (8, Some(offset), Some(value)) = (size, address.sum.as_constant(), value) {
            let value = self.in_slot(state, offset, value);
            state.slots.insert(offset, value);
        }
    }

    /// A term of this instruction alone gets the name of its slot.
    fn in_slot(&mut self, state: &mut State, offset: i64, value: Value) -> Value {
        match value.sum.as_term().map(|id| self.terms.expr(id)) {
            Some(Expr::Made { site, .. }) if *site == self.at => {
                let range = state.range_of(&self.terms, &value.sum);
                let sum = self.made(state, Place::Slot(offset), range).sum;
                Value { base: value.base, sum }
            }
            _ => value,
        }
    }

    fn check(&mut self, state: &State, address: &Value, size: u32, kind: Kind) {
        if !self.is_recording {
            return;
        }
        match self.class(state, address, size, kind) {
            Ok(class) => self.count(class),
            Err(reason) => {
                let what = if kind == Kind::Load { "load" } else { "store" };
                self.wanted.extend(address.sum.terms.iter().map(|(id, _)| *id));
                let address = self.describe(state, address);
                self.fail(format!("a {what} of {size} bytes at {address}: {reason}"));
            }
        }
    }

    fn class(&self, state: &State, address: &Value, size: u32, kind: Kind) -> Result<Class, String> {
        let low = state.lower(&self.terms, &address.sum);
        let end = state.upper(&self.terms, &address.sum).saturating_add(size.into());
        let within = |bytes: u64| low >= 0 && end <= i128::from(bytes);
        match address.base {
            Some(Base::Stack) => self.class_in_frame(state, address, low, end, kind),
            Some(Base::Text) => {
                let is_inside = low >= self.function.start.into() && end <= self.function.end.into();
                match (kind, is_inside) {
                    (Kind::Load, true) => Ok(Class::Constant),
                    (Kind::Load, false) => Err("not among the function's own constants".into()),
                    (Kind::Store, _) => Err("code is not written".into()),
                }
            }
            Some(Base::Memory(symbol)) => self.class_in_memory(state, symbol, &address.sum, size),
            Some(Base::Table(symbol)) => {
                let entry = self.knowledge.tables.get(&symbol).ok_or("the size of the table's entries is not known")?;
                let is_inside = self.is_below(state, &address.sum, size, Limit::Length(symbol), entry.entry_size);
                if low >= 0 && is_inside {
                    Ok(Class::Table)
                } else {
                    Err("not compared with the length of the table".into())
                }
            }
            Some(Base::Segment(symbol)) => {
                let bytes = self.segment_bytes(symbol).ok_or("the length of the segment is not known")?;
                match kind {
                    Kind::Load
                        if within(bytes) || low >= 0 && self.is_in_segment(state, &address.sum, size, symbol) =>
                    {
                        Ok(Class::Descriptor)
                    }
                    // References that are made when the program starts.
                    Kind::Store if within(bytes) && self.knowledge.powers.objects => Ok(Class::Object),
                    _ => Err("not within the segment".into()),
                }
            }
            Some(Base::Slot(symbol)) => self.class_by_slot(symbol, low, end, kind),
            Some(Base::ThreadLocal(_) | Base::FromThread(_) | Base::Page(_)) => Err("not an address".into()),
            Some(Base::Symbol(symbol)) => self.class_in_symbol(symbol, low, end, kind),
            None => self.class_of_number(state, address, size, low, end),
        }
    }

    fn class_in_frame(
        &self,
        state: &State,
        address: &Value,
        low: i128,
        end: i128,
        kind: Kind,
    ) -> Result<Class, String> {
        let stack = &state.registers[usize::from(P::REGISTERS.stack)];
        if stack == address && end <= -8 {
            // One of the pages that a large frame touches.
            return Ok(Class::Frame);
        }
        let lowest = state.lower(&self.terms, &stack.sum);
        let red_zone = if self.knowledge.rules == Rules::Cranelift { 0 } else { P::REGISTERS.red_zone };
        if stack.sum.as_constant().is_none() || low < lowest - i128::from(red_zone) {
            return Err("below the stack pointer".into());
        }
        let arguments = i128::from(P::REGISTERS.arguments_at);
        let above = arguments + i128::from(self.most_arguments());
        match kind {
            _ if end <= arguments => Ok(Class::Frame),
            Kind::Store if !self.is_internal() => Err("above the frame".into()),
            _ if low >= arguments && end <= above => Ok(Class::Argument),
            _ => Err("above the frame and the arguments".into()),
        }
    }

    fn class_in_memory(&self, state: &State, symbol: SymbolNumber, sum: &Sum, size: u32) -> Result<Class, String> {
        let memory = self.knowledge.memories.get(&symbol).ok_or("nothing is known of the memory")?;
        let class = if memory.is_guarded { Class::Guard } else { Class::Compare };
        if state.is_surely_between(&self.terms, sum, 0, i128::from(memory.least) - i128::from(size)) {
            return Ok(class);
        }
        if !state.is_at_least(&self.terms, sum, 0) {
            return Err("before the memory".into());
        }
        let Some(end) = sum.exactly_plus(size.into()) else { return Err("too far".into()) };
        match state.is_within(&self.terms, &end, Limit::Size(symbol), memory.guard.into()) {
            true => Ok(Class::Compare),
            false => Err("neither within the guard nor compared with the size of the memory".into()),
        }
    }

    /// Whether `size` bytes from `sum` are below so many entries of `entry` bytes.
    pub fn is_below(&self, state: &State, sum: &Sum, size: u32, limit: Limit, entry: u64) -> bool {
        let Some(end) = sum.exactly_plus(size.into()) else { return false };
        let entry = i64::try_from(entry).expect("8 or 16");
        let facts = state.facts.iter().filter(|fact| fact.limit == Some(limit));
        facts.into_iter().any(|fact| {
            let rest = end.exactly_plus_times(&fact.sum, -entry);
            rest.is_some_and(|rest| state.is_at_most(&self.terms, &rest, 0))
        })
    }

    /// Whether `size` bytes from `sum` were compared with the length of the segment.
    pub fn is_in_segment(&self, state: &State, sum: &Sum, size: u32, symbol: SymbolNumber) -> bool {
        let length = self.knowledge.image.word(self.knowledge.name(symbol), 8);
        [1, 8, 16].into_iter().any(|entry| {
            let is_entry = length.is_some_and(|length| self.segment_bytes(symbol) == length.checked_mul(entry));
            is_entry && self.is_below(state, sum, size, Limit::Segment(symbol), entry)
        })
    }

    pub fn segment_bytes(&self, symbol: SymbolNumber) -> Option<u64> {
        let contents = self.knowledge.image.address_in(self.knowledge.name(symbol), 0)?;
        Some(contents.size)
    }

    fn class_by_slot(&self, symbol: SymbolNumber, low: i128, end: i128, kind: Kind) -> Result<Class, String> {
        let Role::Slot(slot) = self.knowledge.role(symbol) else { return Err("not a slot".into()) };
        match (slot, kind) {
            (Slot::Global, _) if low >= 0 && end <= 16 => Ok(Class::Global),
            (Slot::Memory | Slot::Table, Kind::Load) if low >= 0 && end <= 16 => Ok(Class::Descriptor),
            (Slot::Tag, Kind::Load) if low >= 0 && end <= 64 => Ok(Class::Heap),
            _ => Err(format!("not an access for what `{}` names", self.knowledge.name(symbol))),
        }
    }

    fn class_in_symbol(&self, symbol: SymbolNumber, low: i128, end: i128, kind: Kind) -> Result<Class, String> {
        let entry = &self.knowledge.image.symbols[symbol];
        let role = self.knowledge.role(symbol);
        // What another module of the program defines is of the kind that its name says.
        let size = match (entry.place, role) {
            (Some(_), _) => entry.size,
            (None, Role::Global | Role::Memory | Role::Table) => 16,
            (None, _) => 0,
        };
        if low < 0 || end > size.into() {
            return Err(format!("not within the {size} bytes of `{}`", entry.name));
        }
        let is_at = |field: i64| low == field.into() && end == i128::from(field) + 8;
        match (role, kind) {
            (Role::Global, _) => Ok(Class::Global),
            (Role::Memory | Role::Table | Role::Segment, Kind::Load) => Ok(Class::Descriptor),
            // `data.drop`, `elem.drop`.
            (Role::Segment, Kind::Store) if is_at(LENGTH) => Ok(Class::Descriptor),
            (Role::Entries, _) => Ok(Class::Table),
            (Role::Slot(_) | Role::Program | Role::PollPage | Role::Pool, Kind::Load) => Ok(Class::Record),
            (Role::Program, Kind::Store) if is_at(ENTERED) => Ok(Class::Record),
            (Role::Counters, _) => Ok(Class::Record),
            (Role::Heap, _) => Ok(Class::Heap),
            (Role::TypeRecord, Kind::Load) => Ok(Class::Heap),
            _ => Err(format!("code does not access `{}` so", entry.name)),
        }
    }

    /// An address that is a number: of a memory at a fixed place, or of what only types tell.
    fn class_of_number(
        &self,
        state: &State,
        address: &Value,
        size: u32,
        low: i128,
        end: i128,
    ) -> Result<Class, String> {
        for (&symbol, memory) in &self.knowledge.memories {
            let Some(place) = memory.place else { continue };
            if low >= place.into() && end <= i128::from(place) + (1 << 34)
                || low >= place.into() && !address.sum.terms.is_empty() && !memory.is_guarded
            {
                let Some(sum) = address.sum.exactly_plus(-i128::from(place)) else { continue };
                return self.class_in_memory(state, symbol, &sum, size);
            }
        }
        if address.sum.terms.is_empty() {
            // The first page is never mapped: a field of null.
            let is_null = low >= 0 && end <= 4096 && self.knowledge.powers.objects;
            return if is_null { Ok(Class::Object) } else { Err("a constant address".into()) };
        }
        let area = self.convention.map_or(0, |it| it.area);
        if let [(id, 1)] = address.sum.terms[..]
            && *self.terms.expr(id) == Expr::Entry(self.results_register())
            && area > 0
        {
            let offset = address.sum.constant;
            let is_inside = offset >= 0 && offset + i128::from(size) <= area.into();
            return if is_inside { Ok(Class::Results) } else { Err("beyond the results".into()) };
        }
        if self.function.signature.is_none() || self.knowledge.calls_c {
            return Ok(Class::Host);
        }
        if self.knowledge.powers.objects {
            return Ok(Class::Object);
        }
        Err("nothing is known of the address".into())
    }

    /// An address for messages.
    pub fn describe(&self, state: &State, address: &Value) -> String {
        let name = |symbol: SymbolNumber| self.knowledge.name(symbol);
        let base = match address.base {
            None => String::new(),
            Some(Base::Stack) => "frame".to_owned(),
            Some(Base::Text) => "text".to_owned(),
            Some(Base::Symbol(symbol)) => format!("`{}`", name(symbol)),
            Some(Base::Page(symbol)) => format!("the page of `{}`", name(symbol)),
            Some(Base::Memory(symbol)) => format!("the memory of `{}`", name(symbol)),
            Some(Base::Table(symbol)) => format!("the table of `{}`", name(symbol)),
            Some(Base::Segment(symbol)) => format!("the segment of `{}`", name(symbol)),
            Some(Base::Slot(symbol) | Base::ThreadLocal(symbol) | Base::FromThread(symbol)) => {
                format!("what `{}` names", name(symbol))
            }
        };
        let (low, high) = (state.lower(&self.terms, &address.sum), state.upper(&self.terms, &address.sum));
        let range = if low == high { format!("{low:#x}") } else { format!("{low:#x} to {high:#x}") };
        let joined = if base.is_empty() { range } else { format!("{base} + {range}") };
        if std::env::var_os("W2N_VERIFY_TERMS").is_some() {
            let terms: Vec<_> = address.sum.terms.iter().map(|(id, factor)| (factor, self.terms.expr(*id))).collect();
            return format!("{joined} {terms:?} facts {:?}", state.facts);
        }
        joined
    }
}
