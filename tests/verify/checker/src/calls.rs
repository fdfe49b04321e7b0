//! Calls, jumps and returns: where they go, and that the stack is as whoever comes next expects.

use crate::endless;
use crate::image::{Function, SymbolNumber};
use crate::knowledge::{Role, Slot};
use crate::machine::{Exit, Machine, Named, Processor};
use crate::report::Class;
use crate::signature::{Convention, Rules};
use crate::state::{Flags, Limit, Range, State};
use crate::value::{Base, Expr, Place, Sum, Terms, Value};

/// What is called.
pub enum Callee {
    /// A function of the module, or of another one of the program, by its convention: `None`, the
    /// C convention.
    Internal(Option<Convention>),
    /// One of the module that never returns.
    Endless(Option<Convention>),
    /// By its C symbol.
    Outside(SymbolNumber),
    /// C code behind an address.
    C,
}

impl<P: Processor> Machine<'_, P> {
    /// A call; `None`: of what it may not call.
    pub fn call(&mut self, mut state: State, callee: Option<Callee>) -> Exit {
        let registers = P::REGISTERS;
        let Some(stack) = state.registers[usize::from(registers.stack)].offset_from(Base::Stack) else {
            self.fail("a call while the stack pointer is not known");
            return Exit::Ways(Vec::new());
        };
        if let Some(Callee::Outside(symbol)) = callee {
            self.check_arguments(&state, symbol);
        }
        self.check_frame(&state);
        let taken = match &callee {
            Some(Callee::Internal(Some(convention))) => convention.taken,
            // The name of the type says nothing: the code says what it expects.
            Some(Callee::Internal(None)) => self.taken_next(),
            _ => 0,
        };
        let result = self.result_of(&mut state, &callee);
        self.leave_frame(&mut state, stack, taken);
        let outside: Vec<u8> =
            (0..registers.count).filter(|it| *it != registers.stack && !registers.preserved.contains(it)).collect();
        for number in outside {
            if number == registers.result && result.is_some() {
                continue;
            }
            state.registers[usize::from(number)] = self.made(&mut state, Place::Register(number), Range::ALL);
        }
        let tables = self.made(&mut state, Place::Tables, Range::ALL);
        state.set(Place::Tables, tables);
        self.forget_tables(&mut state);
        state.words.clear();
        state.flags = Flags::Unknown;
        if let Some(result) = result {
            state.registers[usize::from(registers.result)] = result;
        }
        state.registers[usize::from(registers.stack)] = Value::at(Base::Stack, stack + i64::from(taken));
        let mut ways = self.landings(&state);
        if !self.never_returns(&callee) {
            ways.push((self.next, state));
        }
        Exit::Ways(ways)
    }

    fn never_returns(&self, callee: &Option<Callee>) -> bool {
        match callee {
            Some(Callee::Outside(symbol)) => endless::RUNTIME.contains(&self.knowledge.name(*symbol)),
            Some(Callee::Endless(_)) => true,
            _ => false,
        }
    }

    /// Where an exception of the callee lands: with the frame as it is, and the exception in the
    /// register of results.
    fn landings(&mut self, after: &State) -> Vec<(u32, State)> {
        let landings = self.knowledge.image.landings.get(&self.next).cloned().unwrap_or_default();
        let mut ways = Vec::new();
        // The runtime takes them from the frames that the exception leaves: see `check_frame`.
        let finds_registers = self.knowledge.rules != Rules::Cranelift;
        for landing in landings {
            let mut state = after.clone();
            for number in Self::others().filter(|it| !(finds_registers && P::REGISTERS.preserved.contains(it))) {
                state.registers[usize::from(number)] = self.made(&mut state, Place::Register(number), Range::ALL);
            }
            state.registers[usize::from(P::REGISTERS.stack)] =
                state.registers[usize::from(P::REGISTERS.frame)].offset_by(-i64::from(landing.frame_size));
            ways.push((landing.at, state));
        }
        ways
    }

    /// All registers but those of the stack.
    fn others() -> impl Iterator<Item = u8> {
        (0..P::REGISTERS.count).filter(|it| ![P::REGISTERS.stack, P::REGISTERS.frame].contains(it))
    }

    /// What a callee can change in the frame: what it was given the address of, and its arguments.
    fn leave_frame(&mut self, state: &mut State, stack: i64, taken: u32) {
        let is_stack = |value: &&Value| value.base == Some(Base::Stack);
        let passed = Self::others().map(|it| &state.registers[usize::from(it)]).filter(is_stack);
        let lowest = passed.map(|value| self.lowest_place(state, value)).min();
        state.escaped = [state.escaped, lowest].into_iter().flatten().min();
        let end = stack + i64::from(taken);
        let escaped = state.escaped.unwrap_or(i64::MAX);
        let is_saved = |terms: &Terms, value: &Value| {
            value.sum.as_term().is_some_and(|id| matches!(terms.expr(id), Expr::Entry(_)))
        };
        let terms = &self.terms;
        state.slots.retain(|&offset, value| offset >= end && (offset < escaped || is_saved(terms, value)));
    }

    /// The lowest place in the frame that an address can be of.
    pub fn lowest_place(&self, state: &State, address: &Value) -> i64 {
        i64::try_from(state.lower(&self.terms, &address.sum)).unwrap_or(i64::MIN)
    }

    /// `table.grow` moves the entries.
    fn forget_tables(&mut self, state: &mut State) {
        for (place, value) in state.places() {
            if matches!(value.base, Some(Base::Table(_))) {
                let unknown = self.made(state, place, Range::ALL);
                state.set(place, unknown);
            }
        }
    }

    fn result_of(&mut self, state: &mut State, callee: &Option<Callee>) -> Option<Value> {
        let Some(Callee::Outside(symbol)) = callee else { return None };
        let registers = P::REGISTERS;
        match self.knowledge.name(*symbol) {
            "__tls_get_addr" => match state.registers[usize::from(registers.arguments[0])] {
                Value { base: Some(Base::ThreadLocal(symbol)), ref sum } if sum.as_constant() == Some(0) => {
                    Some(Value::at(Base::Symbol(symbol), 0))
                }
                _ => None,
            },
            "w2n_allocate" => Some(self.made(state, Place::Register(registers.result), Range::OBJECTS)),
            "w2n_signature_matches" => {
                let [actual, expected, _] = registers.arguments.map(|it| &state.registers[usize::from(it)]);
                let (None, Some(Base::Symbol(expected))) = (actual.base, expected.base) else { return None };
                let expr = Expr::Matches { actual: actual.sum.clone(), expected };
                Some(Value::term(self.terms.intern(expr)))
            }
            _ => None,
        }
    }

    /// The stack that the code after a call takes to be gone.
    fn taken_next(&self) -> u32 {
        let next = P::decode(self.knowledge.image, self.next, self.function.end);
        next.ok().and_then(|next| P::stack_taken(&next.instruction)).unwrap_or(0)
    }

    /// A call of what lies at an offset of the text, or of a symbol with an addend.
    pub fn direct(&mut self, named: Named) -> Option<Callee> {
        let Named { target, relocated } = named;
        match relocated {
            Some((symbol, 0)) => return self.named(symbol),
            Some(_) => {}
            None => {
                if let Some(function) = target.and_then(|target| self.knowledge.image.function_at(target)) {
                    self.count(Class::Known);
                    return Some(self.callee_of(function));
                }
            }
        }
        self.fail("a call or jump to what is not the beginning of a function");
        None
    }

    fn callee_of(&self, function: &Function) -> Callee {
        let convention = match (&function.signature, function.is_internal) {
            (Some(signature), _) => self.knowledge.convention(signature),
            (None, true) => None,
            (None, false) => return Callee::C,
        };
        match self.knowledge.endless.contains(&function.start) {
            true => Callee::Endless(convention),
            false => Callee::Internal(convention),
        }
    }

    fn named(&mut self, symbol: SymbolNumber) -> Option<Callee> {
        let entry = &self.knowledge.image.symbols[symbol];
        let name = entry.name.as_str();
        if let Some((_, offset)) = entry.place.filter(|_| entry.is_code) {
            let function = u32::try_from(offset).ok().and_then(|offset| self.knowledge.image.function_at(offset));
            let Some(function) = function else {
                self.fail("a call or jump to what is not the beginning of a function");
                return None;
            };
            self.count(Class::Known);
            return Some(self.callee_of(function));
        }
        if name == "w2n_throw" {
            self.count(Class::Runtime);
            return Some(Callee::Outside(symbol));
        }
        if self.knowledge.role(symbol) == Role::Function {
            // Of another module, whose type its importer was linked by.
            self.count(Class::Known);
            return Some(Callee::Internal(None));
        }
        if self.knowledge.runtime.contains(name) {
            self.count(Class::Runtime);
            return Some(Callee::Outside(symbol));
        }
        if !self.knowledge.imports.is_empty() && self.knowledge.role(symbol) == Role::Outside {
            self.count(Class::Import);
            return Some(Callee::Outside(symbol));
        }
        self.fail(format!("a call of `{name}`, which is neither the runtime's nor imported"));
        None
    }

    /// A call by an address.
    pub fn indirect(&mut self, state: &State, value: &Value) -> Option<Callee> {
        if let Some(Base::Symbol(symbol)) = value.base
            && value.sum.as_constant() == Some(0)
        {
            return self.named(symbol);
        }
        if let Some(Base::Slot(symbol)) = value.base
            && self.knowledge.role(symbol) == Role::Slot(Slot::Function)
        {
            self.count(Class::Import);
            return Some(Callee::C);
        }
        if value.base.is_none() {
            if let Some(signature) = self.checked_signature(state, &value.sum) {
                self.count(Class::SignatureCompared);
                return Some(Callee::Internal(self.knowledge.convention(&signature)));
            }
            if let Some(signature) = self.closed_table(&value.sum) {
                self.count(Class::ClosedTable);
                return Some(Callee::Internal(self.knowledge.convention(&signature)));
            }
            if self.knowledge.calls_c && self.function.signature.is_none() {
                self.count(Class::TypedReference);
                return Some(Callee::Internal(None));
            }
            if self.knowledge.powers.references && !self.is_entry(&value.sum) {
                self.count(Class::TypedReference);
                return Some(Callee::Internal(None));
            }
        }
        self.fail("a call by an address whose signature was not compared");
        None
    }

    /// Whether a value is a word of a table, or comes of one.
    fn is_entry(&self, sum: &Sum) -> bool {
        sum.as_term().is_some_and(|id| matches!(self.terms.expr(id), Expr::Entry8 { .. }))
    }

    /// The signature that code was found to have on every way here.
    fn checked_signature(&mut self, state: &State, code: &Sum) -> Option<String> {
        let mut identity = None;
        if let Some(id) = code.as_term()
            && let Expr::Entry8 { address, tables } = self.terms.expr(id).clone()
        {
            let expr = Expr::Entry8 { address: address.offset_by(8), tables };
            identity = Some(Sum::term(self.terms.intern(expr)));
        }
        let distance = self.terms.intern(Expr::SignatureDistance(code.clone()));
        let of_reference = code.plus_times(&Sum::term(distance), 1);
        // What was written to an entry of a table, and beside it.
        let beside = state.words.iter().filter(|(_, word)| word.sum == *code).map(|(address, _)| address.offset_by(8));
        let beside: Vec<Value> = beside.collect();
        let beside = state.words.iter().filter(|(address, _)| beside.contains(address)).map(|(_, word)| &word.sum);
        let wanted: Vec<&Sum> = identity.iter().chain(&of_reference).chain(beside).collect();
        let found = state.signatures.iter().find(|(sum, _)| wanted.contains(&sum));
        let (_, symbol) = found?;
        let name = self.knowledge.name(*symbol);
        (self.knowledge.role(*symbol) == Role::Signature).then(|| name.trim_start_matches("w2n.sig.").to_owned())
    }

    /// The signature of all functions of a table that nobody writes.
    fn closed_table(&mut self, code: &Sum) -> Option<String> {
        let Expr::Entry8 { address, .. } = self.terms.expr(code.as_term()?).clone() else { return None };
        let Some(Base::Symbol(symbol)) = address.base else { return None };
        let name = self.knowledge.name(symbol).to_owned();
        let image = self.knowledge.image;
        let mut signatures = Vec::new();
        for at in (0..image.symbols[symbol].size).step_by(16) {
            match (image.address_in(&name, at), image.address_in(&name, at + 8)) {
                (Some(_), Some(signature)) => signatures.push(signature.name.clone()),
                (None, None) => {}
                _ => return None,
            }
        }
        signatures.sort();
        signatures.dedup();
        let [signature] = &signatures[..] else { return None };
        self.report.closed.entry(name).or_insert((self.function.name.clone(), self.at - self.function.start));
        Some(signature.trim_start_matches("w2n.sig.").to_owned())
    }

    /// Ranges that copies and fills get.
    fn check_arguments(&mut self, state: &State, symbol: SymbolNumber) {
        if !self.is_recording {
            return;
        }
        let [first, second, third] = P::REGISTERS.arguments;
        let bytes = state.registers[usize::from(third)].clone();
        let pointers: &[u8] = match self.knowledge.name(symbol) {
            name if self.knowledge.imports.contains(name) => return,
            "memcpy" | "memmove" => &[first, second],
            "memset" => &[first],
            _ => return,
        };
        for &pointer in pointers {
            let start = state.registers[usize::from(pointer)].clone();
            match self.range_class(state, &start, &bytes) {
                Ok(class) => self.count(class),
                Err(reason) => {
                    let name = self.knowledge.name(symbol).to_owned();
                    let start = self.describe(state, &start);
                    let bytes = self.describe(state, &bytes);
                    self.fail(format!("`{name}` of {bytes} bytes from {start}: {reason}"));
                }
            }
        }
    }

    fn range_class(&self, state: &State, start: &Value, bytes: &Value) -> Result<Class, String> {
        let end =
            start.sum.exactly_plus_times(&bytes.sum, 1).filter(|_| bytes.base.is_none()).ok_or("it has no end")?;
        let is_positive = state.lower(&self.terms, &start.sum) >= 0 && state.lower(&self.terms, &bytes.sum) >= 0;
        let within = |size: u64| is_positive && state.upper(&self.terms, &end) <= size.into();
        match start.base {
            Some(Base::Memory(symbol)) => {
                let memory = self.knowledge.memories.get(&symbol).ok_or("nothing is known of the memory")?;
                let is_compared = state.is_within(&self.terms, &end, Limit::Size(symbol), 0);
                match is_positive && (is_compared || within(memory.least)) {
                    true => Ok(Class::Compare),
                    false => Err("its end was not compared with the size of the memory".into()),
                }
            }
            Some(Base::Table(symbol)) => {
                let entry = self.knowledge.tables.get(&symbol).ok_or("the size of the table's entries is not known")?;
                match is_positive && self.is_below(state, &end, 0, Limit::Length(symbol), entry.entry_size) {
                    true => Ok(Class::Table),
                    false => Err("its end was not compared with the length of the table".into()),
                }
            }
            Some(Base::Symbol(symbol)) if self.knowledge.role(symbol) == Role::Entries => {
                match within(self.knowledge.image.symbols[symbol].size) {
                    true => Ok(Class::Table),
                    false => Err("its end was not compared with the length of the table".into()),
                }
            }
            Some(Base::Segment(symbol)) => {
                let by_length = self.is_in_segment(state, &end, 0, symbol);
                let is_inside = self.segment_bytes(symbol).is_some_and(within);
                match is_positive && (by_length || is_inside) {
                    true => Ok(Class::Descriptor),
                    false => Err("its end was not compared with the length of the segment".into()),
                }
            }
            None if self.knowledge.calls_c => Ok(Class::Host),
            None => self.range_of_number(state, start, &end, is_positive),
            _ => Err("code does not copy there".into()),
        }
    }

    fn range_of_number(&self, state: &State, start: &Value, end: &Sum, is_positive: bool) -> Result<Class, String> {
        for (&symbol, memory) in &self.knowledge.memories {
            let Some(place) = memory.place.map(i128::from) else { continue };
            if state.lower(&self.terms, &start.sum) < place {
                continue;
            }
            let Some(end) = end.exactly_plus(-place) else { continue };
            let is_inside = state.upper(&self.terms, &end) <= memory.least.into();
            if is_positive && (is_inside || state.is_within(&self.terms, &end, Limit::Size(symbol), 0)) {
                return Ok(Class::Compare);
            }
            return Err("its end was not compared with the size of the memory".into());
        }
        match self.knowledge.powers.objects {
            true => Ok(Class::Object),
            false => Err("nothing is known of the address".into()),
        }
    }

    /// A jump by an address, if that comes of a table of jumps.
    pub fn jump_by_table(&mut self, state: &State, value: &Value) -> Option<Exit> {
        let targets = self.jump_targets(value)?;
        self.count(Class::JumpTable);
        let known = self.jump_tables.entry(self.at).or_default();
        known.extend(targets.iter().filter(|target| !known.contains(target)).copied().collect::<Vec<_>>());
        Some(Exit::Ways(targets.into_iter().map(|target| (target, state.clone())).collect()))
    }

    /// A jump to a function in place of a return.
    pub fn tail_call(&mut self, state: &State, callee: Option<Callee>) -> Exit {
        if let Some(callee) = callee {
            let taken = match callee {
                Callee::Internal(convention) | Callee::Endless(convention) => {
                    convention.map(|convention| i64::from(convention.taken))
                }
                _ => Some(0),
            };
            self.check_end(state, taken);
        }
        Exit::Ways(Vec::new())
    }

    /// Where the entries of a table of jumps lead.
    fn jump_targets(&mut self, value: &Value) -> Option<Vec<u32>> {
        let [(id, factor)] = value.sum.terms[..] else { return None };
        let Expr::Jump { table, count, size, .. } = *self.terms.expr(id) else { return None };
        // From here the entries count, which may be more than those that are read here.
        let origin = u32::try_from(value.sum.constant).ok().filter(|_| value.base == Some(Base::Text))?;
        if self.knowledge.image.relocation_in(table, table + size * count).is_some() {
            self.fail("a table of jumps that the linker changes");
            return None;
        }
        let mut targets = Vec::new();
        for entry in 0..count {
            let at = (table + size * entry) as usize;
            let bytes = self.knowledge.image.text.get(at..at + size as usize)?;
            let distance = match *bytes {
                [byte] => byte.into(),
                [low, high] => u16::from_le_bytes([low, high]).into(),
                _ => i32::from_le_bytes(bytes.try_into().expect("four bytes")),
            };
            let distance = i32::try_from(factor).ok().and_then(|factor| distance.checked_mul(factor))?;
            let target = origin.checked_add_signed(distance)?;
            if !(self.function.start..self.function.end).contains(&target) {
                self.fail("a table of jumps leaves the function");
                return None;
            }
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        Some(targets)
    }

    pub fn return_(&mut self, state: &State, taken: i64) -> Exit {
        self.count(Class::Return);
        self.check_end(state, Some(taken));
        Exit::Ways(Vec::new())
    }

    /// A return, which takes `taken` bytes after the return address from the stack, or a jump to a
    /// function that does.
    fn check_end(&mut self, state: &State, taken: Option<i64>) {
        if !self.is_recording {
            return;
        }
        let expected = match (self.convention, self.is_internal()) {
            (Some(convention), _) => Some(i64::from(convention.taken)),
            (None, true) => None,
            (None, false) => Some(0),
        };
        let registers = P::REGISTERS;
        let Some(stack) = state.registers[usize::from(registers.stack)].offset_from(Base::Stack) else {
            return self.fail("the stack pointer is not known at the function's end");
        };
        if let Some((taken, expected)) = taken.zip(expected)
            && stack + taken != expected
        {
            self.fail(format!("the stack pointer ends {} bytes from where it belongs", stack + taken - expected));
        }
        let entry = |machine: &mut Self, number| Value::term(machine.terms.intern(Expr::Entry(number)));
        let return_address = match registers.return_address {
            Place::Slot(offset) => Place::Slot(stack + offset),
            place => place,
        };
        if state.get(return_address) != Some(entry(self, registers.return_entry)) {
            self.fail("the function's end does not find its return address");
        }
        for &number in registers.preserved {
            if state.registers[usize::from(number)] != entry(self, number) {
                self.fail(format!("register {number} is not what it was at the entry"));
            }
        }
    }
}
