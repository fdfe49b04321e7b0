//! A function of CLIF as a definition in LLVM's text form: signature, blocks, branches, calls.
//!
//! A value `v7` is `%v7`. Blocks with parameters begin with `phi`s, and every branch that has
//! arguments goes through a block of its own, so that each `phi` has one entry for each branch.
//! Checks split a block of CLIF into several of LLVM.

use super::exception::PERSONALITY;
use super::processor::Processor;
use super::{Target, profile, types};
use crate::abi::builtin::Builtin;
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::translate::profile::Passes;
use crate::translate::trap_of;
use anyhow::{Context, Result};
use cranelift_codegen::entity::{EntityRef, EntitySet};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExternalName, FuncRef, Function, GlobalValueData, Inst, InstructionData, JumpTable,
    LibCall, Opcode, SigRef, Signature, TrapCode, Type, UserExternalName, UserFuncName, Value, ValueDef, types as clif,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// A definition, and what it refers to.
pub struct Definition {
    pub symbol: Symbol,
    pub text: String,
    /// Declarations of what it refers to, by name.
    pub declarations: BTreeMap<String, String>,
    /// The offset in the module of its first operator.
    pub line: u32,
    /// It makes tail calls.
    pub has_tail_calls: bool,
    /// Exceptions land in it.
    pub has_landings: bool,
}

/// Metadata that all units have; see `unit.rs`.
pub const UNLIKELY: u32 = 4;
/// In the record of a trap, beside the reason: a register has what was compared.
pub const COMPARED: u32 = 1 << 8;
/// The number of a function's scope in the metadata, from its number among the jobs.
pub const FIRST_SCOPE: usize = 1000;
/// The tag of an access to an alias region, from the region's number.
pub fn region_tag(region: u32) -> u32 {
    region.saturating_mul(2).saturating_add(17)
}

/// The definition of a function, which is the job of that number.
///
/// # Errors
/// When it has what this generator does not know yet.
pub fn define(func: &Function, number: usize, target: &Target, passes: &Passes) -> Result<Definition> {
    let UserFuncName::User(name) = &func.name else { panic!("translation names every function by its symbol") };
    let mut writer = Writer {
        func,
        processor: target.processor,
        is_shared: target.is_shared,
        exact_traps: target.exact_traps,
        text: String::new(),
        slots: String::new(),
        declarations: BTreeMap::new(),
        n_names: 0,
        line: 0,
        scope: number.saturating_add(FIRST_SCOPE),
        attributes: match Symbol::decode(name) {
            Symbol::Function(_) => "#2",
            _ => "#4",
        },
        incoming: HashMap::new(),
        has_tail_calls: false,
        has_landings: false,
        used: EntitySet::new(),
        passes,
    };
    writer.find_branches();
    writer.used = used_values(func, &writer.incoming);
    let blocks: Vec<Block> = func.layout.blocks().collect();
    let entry = blocks[0];
    for &block in &blocks {
        writer.begin_block(block, block == entry);
        for inst in func.layout.block_insts(block) {
            writer.line = match func.srcloc(inst) {
                location if location.is_default() => 0,
                location => location.bits(),
            };
            writer.instruction(inst).with_context(|| format!("offset {:#x}", writer.line))?;
        }
    }
    let parameters = func.signature.params.iter().zip(func.dfg.block_params(entry));
    let by_pointer = types::returns_by_pointer(target.processor, &func.signature).then(|| "ptr %ret".to_owned());
    let parameters = parameters.map(|(it, value)| format!("{} %a{}", types::parameter(it), value.index()));
    let padding = types::is_padded(target.processor, &func.signature).then(|| types::PADDING.to_owned());
    let parameters: Vec<_> = by_pointer.into_iter().chain(parameters).chain(padding).collect();
    let mut text = format!(
        "define hidden {} {} @{}({}) #0{}{} !dbg !{}{} {{\nentry:\n",
        types::convention(&func.signature),
        types::result(target.processor, &func.signature),
        types::symbol(name),
        parameters.join(", "),
        profile::attributes(target, Symbol::decode(name)),
        if writer.has_landings { format!(" personality ptr @{PERSONALITY}") } else { String::new() },
        writer.scope,
        profile::entry_count(passes)
    );
    for (it, value) in func.signature.params.iter().zip(func.dfg.block_params(entry)) {
        let number = value.index();
        let ty = types::name(func.dfg.value_type(*value));
        match types::is_pointer(it) {
            true => writeln!(text, "  %v{number} = ptrtoint ptr %a{number} to i64"),
            // LLVM has no copies: this one folds away.
            false => writeln!(text, "  %v{number} = bitcast {ty} %a{number} to {ty}"),
        }
        .expect("a string");
    }
    text.push_str(&writer.slots);
    writeln!(text, "  br label %b{}\n{}}}", entry.index(), writer.text).expect("a string");
    let mut locations = func.layout.blocks().flat_map(|block| func.layout.block_insts(block)).map(|it| func.srcloc(it));
    let line = locations.find(|it| !it.is_default()).map_or(0, |it| it.bits());
    let Writer { mut declarations, has_tail_calls, has_landings, .. } = writer;
    declarations.remove(&types::symbol(name));
    Ok(Definition { symbol: Symbol::decode(name), text, declarations, line, has_tail_calls, has_landings })
}

/// What is called, and with what.
pub struct Callee {
    pub name: String,
    pub signature: Signature,
    pub arguments: Vec<Value>,
}

/// One way into a block: the branch, the label it comes from, and the values of the parameters.
type Edge = (Inst, String, Vec<BlockArg>);

pub struct Writer<'f> {
    pub func: &'f Function,
    pub processor: &'static Processor,
    pub is_shared: bool,
    pub exact_traps: bool,
    text: String,
    /// Allocations of stack slots.
    slots: String,
    declarations: BTreeMap<String, String>,
    n_names: usize,
    /// Of the instruction at hand: its offset in the module.
    line: u32,
    scope: usize,
    /// Attributes of calls. What a thunk calls stays a call, or backtraces would lose the function.
    pub attributes: &'static str,
    incoming: HashMap<Block, Vec<Edge>>,
    has_tail_calls: bool,
    pub has_landings: bool,
    /// Values that instructions use.
    pub used: EntitySet<Value>,
    /// How often branches went which way, where that is known.
    passes: &'f Passes,
}

impl Writer<'_> {
    /// Notes all ways into blocks with parameters.
    fn find_branches(&mut self) {
        for block in self.func.layout.blocks() {
            let Some(last) = self.func.layout.last_inst(block) else { continue };
            let calls = self.func.dfg.insts[last]
                .branch_destination(&self.func.dfg.jump_tables, &self.func.dfg.exception_tables);
            for (nth, call) in calls.iter().enumerate() {
                let arguments = call.args(&self.func.dfg.value_lists).collect();
                let target = call.block(&self.func.dfg.value_lists);
                self.incoming.entry(target).or_default().push((last, edge(last, nth), arguments));
            }
        }
    }

    fn begin_block(&mut self, block: Block, is_entry: bool) {
        self.push(format!("b{}:", block.index()));
        if is_entry {
            assert!(!self.incoming.contains_key(&block), "nothing branches to the entry");
            return;
        }
        let edges = self.incoming.remove(&block).unwrap_or_default();
        for (nth, &parameter) in self.func.dfg.block_params(block).iter().enumerate() {
            let from: Vec<_> = edges
                .iter()
                .map(|(branch, label, it)| format!("[ {}, %{label} ]", self.given(*branch, it[nth])))
                .collect();
            let ty = types::name(self.type_of(parameter));
            // A block that nothing reaches.
            let phi =
                if from.is_empty() { format!("freeze {ty} poison") } else { format!("phi {ty} {}", from.join(", ")) };
            self.push(format!("  %v{} = {phi}", parameter.index()));
        }
    }

    /// What a branch hands over.
    fn given(&self, branch: Inst, argument: BlockArg) -> String {
        match argument {
            BlockArg::Value(value) => self.operand(value),
            BlockArg::TryCallRet(nth) => format!("%r{}.{nth}", branch.index()),
            BlockArg::TryCallExn(_) => format!("%x{}", branch.index()),
        }
    }

    pub fn push(&mut self, line: String) {
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// An instruction without a result.
    pub fn effect(&mut self, text: impl AsRef<str>) {
        let line = format!("  {}, {}", text.as_ref(), self.location());
        self.push(line);
    }

    fn location(&self) -> String {
        format!("!dbg !DILocation(line: {}, column: 0, scope: !{})", self.line, self.scope)
    }

    /// The first result of an instruction.
    pub fn result(&mut self, inst: Inst, text: impl AsRef<str>) {
        let number = self.func.dfg.first_result(inst).index();
        self.effect(format!("%v{number} = {}", text.as_ref()));
    }

    /// Names a value that CLIF has no name for.
    pub fn named(&mut self, text: impl AsRef<str>) -> String {
        let name = self.name();
        self.effect(format!("%{name} = {}", text.as_ref()));
        format!("%{name}")
    }

    pub fn name(&mut self) -> String {
        self.n_names = self.n_names.saturating_add(1);
        format!("t{}", self.n_names)
    }

    pub fn type_of(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    /// The instruction that makes a value.
    pub fn definition(&self, value: Value) -> Option<&InstructionData> {
        match self.func.dfg.value_def(self.func.dfg.resolve_aliases(value)) {
            ValueDef::Result(inst, 0) => Some(&self.func.dfg.insts[inst]),
            _ => None,
        }
    }

    pub fn constant(&self, value: Value) -> Option<i64> {
        match self.definition(value) {
            Some(InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) => Some(imm.bits()),
            // Translation hides it from Cranelift alone.
            Some(&InstructionData::Unary { opcode: Opcode::Bitrev, arg }) if self.type_of(value) == clif::I64 => {
                self.constant(arg).map(i64::reverse_bits)
            }
            _ => None,
        }
    }

    /// A value without its type. Constants stand for themselves.
    pub fn operand(&self, value: Value) -> String {
        let value = self.func.dfg.resolve_aliases(value);
        match self.definition(value) {
            Some(InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) => {
                types::integer(self.type_of(value), imm.bits())
            }
            Some(InstructionData::UnaryIeee32 { imm, .. }) => format!("bitcast (i32 {} to float)", imm.bits()),
            Some(InstructionData::UnaryIeee64 { imm, .. }) => format!("bitcast (i64 {} to double)", imm.bits()),
            Some(InstructionData::UnaryConst { constant_handle, .. }) => {
                types::vector(self.type_of(value), self.func.dfg.constants.get(*constant_handle).as_slice())
            }
            _ => format!("%v{}", value.index()),
        }
    }

    /// A value with its type.
    pub fn typed(&self, value: Value) -> String {
        format!("{} {}", types::name(self.type_of(value)), self.operand(value))
    }

    /// A number as an `i1`: whether it is not zero.
    pub fn condition(&mut self, value: Value) -> String {
        let value = self.func.dfg.resolve_aliases(value);
        match self.definition(value).map(InstructionData::opcode) {
            Some(Opcode::Icmp | Opcode::Fcmp) => format!("%c{}", value.index()),
            _ => {
                let typed = self.typed(value);
                self.named(format!("icmp ne {typed}, 0"))
            }
        }
    }

    /// Declares an intrinsic or a symbol. `text` is the declaration.
    pub fn declare(&mut self, name: &str, text: String) {
        self.declarations.entry(name.to_owned()).or_insert(text);
    }

    /// Calls an intrinsic; arguments have their types.
    pub fn intrinsic(&mut self, name: &str, result: Type, arguments: &[(&str, String)]) -> String {
        let types: Vec<_> = arguments.iter().map(|(ty, _)| *ty).collect();
        let result = types::name(result);
        self.declare(name, format!("declare {result} @{name}({})", types.join(", ")));
        let arguments: Vec<_> = arguments.iter().map(|(ty, value)| format!("{ty} {value}")).collect();
        format!("call {result} @{name}({})", arguments.join(", "))
    }

    /// An intrinsic over values of one type, `llvm.NAME.TYPE`.
    pub fn overloaded(&mut self, name: &str, arguments: &[Value]) -> String {
        let ty = self.type_of(arguments[0]);
        let word = types::name(ty);
        let arguments: Vec<_> = arguments.iter().map(|it| (&word[..], self.operand(*it))).collect();
        self.intrinsic(&format!("llvm.{name}.{}", types::suffix(ty)), ty, &arguments)
    }

    /// Traps where the condition, an `i1`, holds.
    pub fn trap_if(&mut self, condition: &str, trap: Trap) {
        self.trap_with(condition, trap, None);
    }

    /// The same, with what was compared, if the trap is for an access out of bounds: a value of 64
    /// bits.
    pub fn trap_with(&mut self, condition: &str, trap: Trap, compared: Option<Value>) {
        let (trapping, going) = (self.name(), self.name());
        self.effect(format!("br i1 {condition}, label %{trapping}, label %{going}, !prof !{UNLIKELY}"));
        self.push(format!("{trapping}:"));
        self.trap(trap, compared.filter(|_| trap == Trap::MemoryOutOfBounds));
        self.push(format!("{going}:"));
    }

    /// The end of a block: a trap with a record of its own, which says what it is and where.
    fn trap(&mut self, trap: Trap, compared: Option<Value>) {
        const RECORD: &str = "\\0A\\09.pushsection .w2n.sites,\\22\\22,@progbits\\0A\\09.quad 1b\\0A\\09\
             .long ${0:c}, ${1:c}\\0A\\09.popsection";
        let (offset, code) = (self.line, self.processor.trap);
        let (reason, register, value) = match compared {
            Some(value) => {
                let register = format!("{{{}}},", self.processor.compared.0);
                (u32::from(trap as u8) | COMPARED, register, format!(", {}", self.typed(value)))
            }
            None => (u32::from(trap as u8), String::new(), String::new()),
        };
        self.effect(format!(
            "call void asm sideeffect \"1: {code}{RECORD}\", \"i,i,{register}~{{memory}}\"\
             (i32 {reason}, i32 {offset}{value}) #1"
        ));
        self.effect("unreachable");
    }

    fn instruction(&mut self, inst: Inst) -> Result<()> {
        let func = self.func;
        match &func.dfg.insts[inst] {
            InstructionData::Jump { destination, .. } => {
                self.effect(format!("br label %{}", edge(inst, 0)));
                self.edges(inst, &[*destination]);
            }
            InstructionData::Brif { arg, blocks, .. } => {
                let condition = self.condition(*arg);
                let known = self.weights(inst);
                let weights = match blocks.map(|call| func.layout.is_cold(call.block(&func.dfg.value_lists))) {
                    [true, false] => format!(", !prof !{UNLIKELY}"),
                    [false, true] => format!(", !prof !{}", UNLIKELY.saturating_add(1)),
                    _ => String::new(),
                };
                let weights = known.unwrap_or(weights);
                self.effect(format!("br i1 {condition}, label %{}, label %{}{weights}", edge(inst, 0), edge(inst, 1)));
                self.edges(inst, blocks);
            }
            InstructionData::BranchTable { arg, table, .. } => self.branch_table(inst, *arg, *table),
            InstructionData::Trap { code, .. } => self.trap(trap_of(*code), None),
            InstructionData::CondTrap { opcode, arg, code } => self.conditional_trap(*opcode, *arg, *code),
            InstructionData::MultiAry { opcode: Opcode::Return, args } => {
                let values: Vec<Value> = args.as_slice(&func.dfg.value_lists).to_vec();
                self.return_values(&values);
            }
            InstructionData::Call { opcode, func_ref, args } => {
                let callee = self.direct(*func_ref, args.as_slice(&func.dfg.value_lists));
                self.call(inst, &callee, *opcode == Opcode::ReturnCall);
            }
            InstructionData::CallIndirect { opcode, sig_ref, args } => {
                let callee = self.indirect(*sig_ref, args.as_slice(&func.dfg.value_lists));
                self.call(inst, &callee, *opcode == Opcode::ReturnCallIndirect);
            }
            InstructionData::TryCall { func_ref, args, exception, .. } => {
                let callee = self.direct(*func_ref, args.as_slice(&func.dfg.value_lists));
                self.try_call(inst, &callee, *exception);
            }
            InstructionData::TryCallIndirect { args, exception, .. } => {
                let signature = func.dfg.exception_tables[*exception].signature();
                let callee = self.indirect(signature, args.as_slice(&func.dfg.value_lists));
                self.try_call(inst, &callee, *exception);
            }
            _ => self.operation(inst)?,
        }
        Ok(())
    }

    /// The weights of a branch that is counted.
    fn weights(&self, branch: Inst) -> Option<String> {
        profile::weights(self.passes.ways.get(&branch)?)
    }

    /// The blocks between a branch and its targets.
    pub fn edges(&mut self, inst: Inst, calls: &[BlockCall]) {
        for (nth, call) in calls.iter().enumerate() {
            let target = call.block(&self.func.dfg.value_lists).index();
            self.push(format!("{}:", edge(inst, nth)));
            self.effect(format!("br label %b{target}"));
        }
    }

    fn branch_table(&mut self, inst: Inst, index: Value, table: JumpTable) {
        let table = &self.func.dfg.jump_tables[table];
        let index_type = types::name(self.type_of(index));
        let calls = table.all_branches().to_vec();
        // The first one is the default.
        let cases: Vec<_> = (1..calls.len())
            .map(|nth| format!("{index_type} {}, label %{}", nth.saturating_sub(1), edge(inst, nth)))
            .collect();
        let weights = self.weights(inst).unwrap_or_default();
        let typed = self.typed(index);
        self.effect(format!("switch {typed}, label %{} [ {} ]{weights}", edge(inst, 0), cases.join(" ")));
        self.edges(inst, &calls);
    }

    fn conditional_trap(&mut self, opcode: Opcode, value: Value, code: TrapCode) {
        let mut condition = self.condition(value);
        if opcode == Opcode::Trapz {
            condition = self.named(format!("xor i1 {condition}, true"));
        }
        let compared = match self.definition(value) {
            Some(InstructionData::IntCompare { cond: IntCC::UnsignedGreaterThan, args: [index, _], .. }) => {
                Some(*index).filter(|index| self.type_of(*index) == clif::I64)
            }
            _ => None,
        };
        self.trap_with(&condition, trap_of(code), compared);
    }

    fn return_values(&mut self, values: &[Value]) {
        if types::returns_by_pointer(self.processor, &self.func.signature) {
            for (nth, value) in values.iter().enumerate() {
                let place =
                    self.named(format!("getelementptr i8, ptr %ret, i64 {}", types::RESULT.saturating_mul(nth)));
                let value = self.typed(*value);
                self.effect(format!("store {value}, ptr {place}, align 16"));
            }
            return self.effect("ret void");
        }
        match values {
            [] => self.effect("ret void"),
            [one] => {
                let one = self.typed(*one);
                self.effect(format!("ret {one}"));
            }
            more => {
                let ty = types::result(self.processor, &self.func.signature);
                let mut all = "poison".to_owned();
                for (nth, value) in more.iter().enumerate() {
                    let value = self.typed(*value);
                    all = self.named(format!("insertvalue {ty} {all}, {value}, {nth}"));
                }
                self.effect(format!("ret {ty} {all}"));
            }
        }
    }

    fn call(&mut self, inst: Inst, callee: &Callee, is_tail: bool) {
        let Callee { name: callee, signature, arguments } = callee;
        let place = self.place_of_results(inst, signature, is_tail);
        let words = self.arguments(signature, place.as_deref(), arguments);
        let result = types::result(self.processor, signature);
        let kind = if is_tail { "musttail call" } else { "call" };
        let call = format!("{kind} {} {result} {callee}({}) {}", types::convention(signature), words, self.attributes);
        if is_tail {
            self.has_tail_calls = true;
            if result == "void" {
                self.effect(call);
                self.effect("ret void");
            } else {
                let value = self.named(call);
                self.effect(format!("ret {result} {value}"));
            }
            return;
        }
        if let Some(place) = place {
            self.effect(call);
            for (nth, value) in self.func.dfg.inst_results(inst).iter().enumerate() {
                let load = self.result_at(&place, nth, self.type_of(*value));
                self.effect(format!("%v{} = {load}", value.index()));
            }
            return;
        }
        match self.func.dfg.inst_results(inst) {
            [] => self.effect(call),
            [one] => self.effect(format!("%v{} = {call}", one.index())),
            more => {
                let all = self.named(call);
                for (nth, value) in more.iter().enumerate() {
                    self.effect(format!("%v{} = extractvalue {result} {all}, {nth}", value.index()));
                }
            }
        }
    }

    /// Where a call is to write its results, if it does. A tail call does for its caller.
    pub fn place_of_results(&mut self, inst: Inst, signature: &Signature, is_tail: bool) -> Option<String> {
        if !types::returns_by_pointer(self.processor, signature) {
            return None;
        }
        if is_tail {
            return Some("%ret".to_owned());
        }
        let name = format!("%o{}", inst.index());
        let size = types::RESULT.saturating_mul(signature.returns.len());
        writeln!(self.slots, "  {name} = alloca [{size} x i8], align 16").expect("a string");
        Some(name)
    }

    /// The load of a result that a call has written.
    pub fn result_at(&mut self, place: &str, nth: usize, ty: Type) -> String {
        let place = self.named(format!("getelementptr i8, ptr {place}, i64 {}", types::RESULT.saturating_mul(nth)));
        format!("load {}, ptr {place}, align 16", types::name(ty))
    }

    /// The arguments of a call, after where it is to write its results.
    pub fn arguments(&mut self, signature: &Signature, place: Option<&str>, arguments: &[Value]) -> String {
        let mut words: Vec<_> = place.map(|place| format!("ptr {place}")).into_iter().collect();
        for (parameter, &value) in signature.params.iter().zip(arguments) {
            let operand = if types::is_pointer(parameter) { self.pointer(value) } else { self.operand(value) };
            words.push(format!("{} {operand}", types::parameter(parameter)));
        }
        words.extend(types::is_padded(self.processor, signature).then(|| format!("{} poison", types::PADDING)));
        words.join(", ")
    }

    /// A value of CLIF as a pointer.
    pub fn pointer(&mut self, value: Value) -> String {
        let typed = self.typed(value);
        self.named(format!("inttoptr {typed} to ptr"))
    }

    /// A call of a function by its name.
    fn direct(&mut self, func_ref: FuncRef, arguments: &[Value]) -> Callee {
        let data = &self.func.dfg.ext_funcs[func_ref];
        let mut signature = self.func.dfg.signatures[data.signature].clone();
        let mut arguments = arguments.to_vec();
        let name = match &data.name {
            ExternalName::User(name) => {
                let name = self.func.params.user_named_funcs()[*name].clone();
                if Symbol::decode(&name) == Symbol::Builtin(Builtin::Throw) {
                    // The runtime expects it where Cranelift's convention has it.
                    let n_copies = self.processor.first_argument.saturating_add(1);
                    signature.params = vec![signature.params[0]; n_copies];
                    arguments = vec![arguments[0]; n_copies];
                }
                self.function(&name, &signature)
            }
            ExternalName::LibCall(libcall) => self.library_function(*libcall, &signature),
            other => panic!("translation makes no such name: {other:?}"),
        };
        Callee { name, signature, arguments }
    }

    /// A call of a function by its address, which precedes the arguments.
    fn indirect(&mut self, signature: SigRef, arguments: &[Value]) -> Callee {
        let (address, arguments) = arguments.split_first().expect("there is what is called");
        let name = self.pointer(*address);
        Callee { name, signature: self.func.dfg.signatures[signature].clone(), arguments: arguments.to_vec() }
    }

    fn function(&mut self, name: &UserExternalName, signature: &Signature) -> String {
        let symbol = types::symbol(name);
        let (convention, result) = (types::convention(signature), types::result(self.processor, signature));
        let text = format!(
            "declare hidden {convention} {result} @{symbol}({}) #5",
            types::parameters(self.processor, signature)
        );
        self.declare(&symbol, text);
        format!("@{symbol}")
    }

    fn library_function(&mut self, libcall: LibCall, signature: &Signature) -> String {
        let symbol = crate::codegen::cranelift::function::libcall_symbol(libcall);
        let result = types::result(self.processor, signature);
        self.declare(
            symbol,
            format!("declare hidden {result} @{symbol}({}) #3", types::parameters(self.processor, signature)),
        );
        format!("@{symbol}")
    }

    /// The address of a function or of a symbol, as an integer constant.
    pub fn address(&mut self, inst: Inst, value: &InstructionData) {
        match value {
            InstructionData::FuncAddr { func_ref, .. } => {
                let name = self.direct(*func_ref, &[]).name;
                self.result(inst, format!("ptrtoint ptr {name} to i64"));
            }
            InstructionData::UnaryGlobalValue { opcode, global_value } => {
                let GlobalValueData::Symbol { name: ExternalName::User(name), tls, offset, .. } =
                    &self.func.global_values[*global_value]
                else {
                    panic!("translation makes symbols only");
                };
                let symbol = types::symbol(&self.func.params.user_named_funcs()[*name]);
                assert!(offset.bits() == 0 && *tls == (*opcode == Opcode::TlsValue));
                if *tls {
                    // Not hidden: LLVM would choose another model than the linker's table knows.
                    self.declare(&symbol, format!("@{symbol} = external thread_local global i8"));
                    let name = "llvm.threadlocal.address.p0";
                    self.declare(name, format!("declare ptr @{name}(ptr)"));
                    let address = self.named(format!("call ptr @{name}(ptr @{symbol})"));
                    self.result(inst, format!("ptrtoint ptr {address} to i64"));
                } else {
                    self.declare(&symbol, format!("@{symbol} = external hidden global i8"));
                    self.result(inst, format!("ptrtoint ptr @{symbol} to i64"));
                }
            }
            other => panic!("{other:?} has no address"),
        }
    }

    /// The address of a stack slot.
    pub fn stack_address(&mut self, inst: Inst, slot: cranelift_codegen::ir::StackSlot, offset: i32) {
        let name = format!("s{}", slot.index());
        let declared = format!("  %{name} = alloca ");
        if !self.slots.contains(&declared) {
            let data = &self.func.sized_stack_slots[slot];
            let alignment = 1u32.checked_shl(data.align_shift.into()).expect("slots have small alignments").max(16);
            let size = data.size;
            writeln!(self.slots, "{declared}[{size} x i8], align {alignment}").expect("a string");
        }
        let place = self.named(format!("getelementptr i8, ptr %{name}, i64 {offset}"));
        self.result(inst, format!("ptrtoint ptr {place} to i64"));
    }
}

/// All values that something with an effect depends on. The others fold away, and with them what
/// they load.
fn used_values(func: &Function, incoming: &HashMap<Block, Vec<Edge>>) -> EntitySet<Value> {
    let mut used = EntitySet::new();
    let mut waiting = Vec::new();
    for inst in func.layout.blocks().flat_map(|block| func.layout.block_insts(block)) {
        let opcode = func.dfg.insts[inst].opcode();
        if opcode.is_branch() {
            // Arguments of blocks count where the parameter does.
            waiting.extend(func.dfg.inst_args(inst));
        } else if opcode.is_terminator()
            || opcode.other_side_effects()
            || opcode.is_call()
            || opcode.can_store()
            || opcode.can_trap()
        {
            waiting.extend(func.dfg.inst_values(inst));
        }
    }
    while let Some(value) = waiting.pop() {
        let value = func.dfg.resolve_aliases(value);
        if !used.insert(value) {
            continue;
        }
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => waiting.extend(func.dfg.inst_values(inst)),
            ValueDef::Param(block, nth) => {
                let edges = incoming.get(&block).into_iter().flatten();
                waiting.extend(edges.filter_map(|(_, _, given)| given.get(nth)?.as_value()));
            }
            ValueDef::Union(..) => {}
        }
    }
    used
}

/// The label of a way out of a block.
pub fn edge(inst: Inst, nth: usize) -> String {
    format!("e{}.{nth}", inst.index())
}
