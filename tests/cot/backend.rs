//! The back of the Cot frontend against an interpreter: random functions of the form before SSA are
//! run by a simple loop over their instructions, and as the WebAssembly that passes and emission
//! make of them. Results and memory must be the same. Each function can call two others, which are
//! small enough to be inlined.

use std::collections::HashSet;

use arbitrary::{Arbitrary, Unstructured};
use libtest_mimic::{Failed, Trial};
use test_kit::{command, process};
use wasm2native::cot::emit;
use wasm2native::cot::ir::build::Builder;
use wasm2native::cot::ir::module::{FuncDecl, FuncKind, Module};
use wasm2native::cot::ir::numeric::Numeric;
use wasm2native::cot::ir::print::Printed;
use wasm2native::cot::ir::{Access, BlockId, Const, Edge, End, FuncId, Function, Op, Signature, Type, Value, Variable};
use wasm2native::cot::ssa::graph::Graph;
use wasm2native::cot::ssa::{self, fold};

/// Where functions read and write.
const MEMORY_BASE: u32 = 64;
const MEMORY_SIZE: u32 = 64;
const N_FUNCTIONS: u64 = 600;
/// Steps after which the interpreter gives up; loops are bounded, but nest.
const MAX_STEPS: u32 = 200_000;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("backend/random-functions", emitted_functions_do_what_their_instructions_say),
        Trial::test("backend/verifier-complains", verifier_complains),
        Trial::test("backend/dominators", dominators_are_on_every_way),
        Trial::test("backend/panics-hinder-nothing", panics_hinder_nothing),
        Trial::test("backend/checks-leave-loops", checks_leave_loops),
        Trial::test("backend/closures-are-called-directly", closures_are_called_directly),
        Trial::test("backend/printing-allocates-nothing", printing_allocates_nothing),
    ]
}

/// A walk over objects counts no references, also where checks may end the program.
fn panics_hinder_nothing() -> Result<(), Failed> {
    let count = ssa_of("benches/cot/trees.cot", "count")?;
    if !count.contains("panicNull") || count.contains("retain") || count.contains("release") {
        return Err(format!("it checks and does not count:\n{count}").into());
    }
    Ok(())
}

/// In a product of matrices two sums run in one loop that neither checks nor multiplies for an
/// address, and a sieve marks its bytes without a look at each.
fn checks_leave_loops() -> Result<(), Failed> {
    let loops = |name: &str| -> Result<Vec<String>, Failed> {
        let mut blocks: Vec<String> = Vec::new();
        for line in ssa(name)?.lines() {
            match line.strip_prefix('b') {
                Some(_) => blocks.push(format!("{line}\n")),
                None => blocks.last_mut().into_iter().for_each(|block| *block += &format!("{line}\n")),
            }
        }
        let is_loop = |block: &String| {
            let name = block.split([':', '(']).next().unwrap_or_default();
            block.lines().any(|line| line.contains("branch") && line.contains(&format!(" {name}(")))
        };
        Ok(blocks.into_iter().filter(is_loop).collect())
    };
    let sums = |block: &String| block.matches("f64.add").count() == 2 && !block.contains("i64.mul");
    if !loops("benches/cot/matrix.cot")?.iter().any(sums) {
        return Err("no loop of `multiply` has two sums".into());
    }
    let marks = |block: &String| block.contains("store.u8") && block.matches("branch").count() == 1;
    if !loops("benches/cot/sieve.cot")?.iter().any(marks) {
        return Err("no loop marks bytes without a check".into());
    }
    Ok(())
}

/// What a function makes and passes to a small one has become a part of it.
fn closures_are_called_directly() -> Result<(), Failed> {
    let path = "fixtures/cot/run/closures-direct.cot";
    for name in ["made", "named"] {
        let function = ssa_of(path, name)?;
        if function.contains("call_indirect") || function.contains("closure") || function.contains("`double`") {
            return Err(format!("it calls nothing through the table:\n{function}").into());
        }
    }
    if !ssa_of(path, "chosen")?.contains("call_indirect") {
        return Err("which closure `chosen` calls is not known".into());
    }
    Ok(())
}

/// The heap is no part of a program that only prints.
fn printing_allocates_nothing() -> Result<(), Failed> {
    let module = ssa("fixtures/cot/run/print-plain.cot")?;
    match ["alloc", "realloc", "bumpBlock"].iter().find(|it| module.contains(&format!("fn `{it}"))) {
        Some(function) => Err(format!("the program has `{function}`").into()),
        None => Ok(()),
    }
}

/// The optimized form of a program.
fn ssa(path: &str) -> Result<String, Failed> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Ok(process::run(command::cot().arg("build").arg("--emit=ssa").arg(path), b"")?.stdout.to_string())
}

/// That of one of its functions.
fn ssa_of(path: &str, name: &str) -> Result<String, Failed> {
    let module = ssa(path)?;
    let start = module.find(&format!("fn `{name}`")).ok_or_else(|| format!("there is no `{name}`"))?;
    let function = &module[start..];
    let end = function[1..].find("\nfn ").unwrap_or(function.len() - 1);
    Ok(function[..end].to_owned())
}

/// One block dominates another if that can't be reached without it.
fn dominators_are_on_every_way() -> Result<(), Failed> {
    for seed in 0..N_FUNCTIONS {
        let function = Generator::new(seed, 40, 2).function();
        let graph = Graph::new(&function);
        let reachable: Vec<BlockId> = function.block_ids().filter(|it| graph.is_reachable(*it)).collect();
        for above in &reachable {
            let without = reached_without(&function, *above);
            for below in &reachable {
                let expected = below == above || !without.contains(below);
                if graph.dominates(*above, *below) != expected {
                    return Err(format!("seed {seed}: {above} dominates {below}: {expected} is right").into());
                }
            }
        }
    }
    Ok(())
}

fn reached_without(function: &Function, avoided: BlockId) -> HashSet<BlockId> {
    let mut reached = HashSet::new();
    let mut work = vec![BlockId::ENTRY];
    while let Some(block) = work.pop() {
        if block != avoided && reached.insert(block) {
            work.extend(function.blocks[block.index()].end.successors());
        }
    }
    reached
}

/// What is wrong, and how a sound function becomes so.
type Break = (&'static str, fn(&mut Function));

/// A function is broken in one way after the other.
fn verifier_complains() -> Result<(), Failed> {
    let sound = || {
        let signature = Signature { params: vec![Type::I64, Type::I64], results: vec![Type::I64] };
        let mut b = Builder::new("f".to_owned(), signature);
        let (left, right) = (b.param(0), b.param(1));
        let sum = b.numeric(Numeric::I64Add, &[left, right]);
        let (then, otherwise) = (b.new_block(), b.new_block());
        let condition = b.numeric(Numeric::I64LtS, &[left, right]);
        b.branch(condition, then, otherwise);
        for block in [then, otherwise] {
            b.switch_to(block);
            let doubled = b.numeric(Numeric::I64Mul, &[sum, sum]);
            b.end(End::Return(vec![doubled]));
        }
        b.finish()
    };
    let module = Module::default();
    ssa::verify::verify(&sound(), &module)?;
    let breaks: [Break; 7] = [
        ("a use before the definition", |f| f.blocks[0].insts.swap(0, 1)),
        ("a use of a value of another branch", |f| {
            let other = f.blocks[1].insts[0].results[0];
            f.blocks[2].end = End::Return(vec![other]);
        }),
        ("a second definition", |f| {
            let again = f.blocks[0].insts[0].clone();
            f.blocks[1].insts.push(again);
        }),
        ("an operand of another type", |f| {
            let condition = f.blocks[0].insts[1].results[0];
            f.blocks[1].insts[0].args[0] = condition;
        }),
        ("a missing argument of a block", |f| {
            let param = f.new_value(Type::I32);
            f.blocks[1].params.push(param);
        }),
        ("a missing result", |f| f.blocks[1].end = End::Return(Vec::new())),
        ("a way back to the entry", |f| {
            f.blocks[1].end = End::Jump(Edge { block: BlockId::ENTRY, args: Vec::new() });
        }),
    ];
    for (what, break_it) in breaks {
        let mut function = sound();
        if what == "a use before the definition" {
            // The condition then is made of the sum.
            let sum = function.blocks[0].insts[0].results[0];
            function.blocks[0].insts[1].args[0] = sum;
            ssa::verify::verify(&function, &module)?;
        }
        break_it(&mut function);
        if ssa::verify::verify(&function, &module).is_ok() {
            return Err(format!("the verifier does not see {what}").into());
        }
    }
    Ok(())
}

fn emitted_functions_do_what_their_instructions_say() -> Result<(), Failed> {
    let engine = wasmtime::Engine::new(wasmtime::Config::new().consume_fuel(true)).expect("it is supported");
    let mut n_compared = 0;
    for seed in 0..N_FUNCTIONS {
        // The last calls those before it, as does the second.
        let generators = [(3 * seed, 2), (3 * seed + 1, 3), (3 * seed + 2, 40)];
        let functions: Vec<_> =
            (0..).zip(generators).map(|(n, (seed, left))| Generator::new(seed, left, n).function()).collect();
        let arguments = [seed as i64 * 0x9e37_79b9, seed as i64 - 3];
        let mut memory = vec![0u8; MEMORY_SIZE as usize];
        let Some(expected) = interpret(&functions, FuncId(2), &arguments, &mut memory, &mut 0) else { continue };
        for build in [ssa::build, ssa::build_for_debuggers] {
            let mut module = Module { data_end: MEMORY_BASE + MEMORY_SIZE, stack_size: 1 << 16, ..Module::default() };
            for function in &functions {
                let kind = FuncKind::Defined(Box::new(function.clone()));
                module.functions.push(FuncDecl { name: "f".to_owned(), signature: function.signature.clone(), kind });
            }
            let text: String =
                functions.iter().map(|function| Printed { function, module: &module }.to_string()).collect();
            module.exports.push(("f".to_owned(), FuncId(2)));
            build(&mut module);
            let emit::Emitted { wasm, .. } = emit::emit(&module);
            let got = run(&engine, &wasm, &arguments);
            if got.0 != expected || got.1 != memory {
                let wat = wasmprinter::print_bytes(&wasm).expect("what validates can be printed");
                return Err(format!("seed {seed}: {got:?} instead of {expected}\n{text}\n{wat}").into());
            }
        }
        n_compared += 1;
    }
    if n_compared > N_FUNCTIONS / 2 { Ok(()) } else { Err(format!("only {n_compared} functions ended in time").into()) }
}

fn run(engine: &wasmtime::Engine, wasm: &[u8], arguments: &[i64; 2]) -> (i64, Vec<u8>) {
    let module = wasmtime::Module::new(engine, wasm).expect("the module is valid");
    let mut store = wasmtime::Store::new(engine, ());
    // The interpreter has ended after fewer steps, which are a few instructions each.
    store.set_fuel(u64::from(MAX_STEPS) * 100).expect("it is switched on");
    let instance = wasmtime::Instance::new(&mut store, &module, &[]).expect("it has no imports");
    let func = instance.get_typed_func::<(i64, i64), i64>(&mut store, "f").expect("it is exported");
    let result = func.call(&mut store, (arguments[0], arguments[1])).expect("it does not trap");
    let memory = instance.get_memory(&mut store, "memory").expect("it is exported");
    let start = MEMORY_BASE as usize;
    (result, memory.data(&store)[start..start + MEMORY_SIZE as usize].to_vec())
}

/// The result, unless it takes too long.
fn interpret(
    functions: &[Function],
    func: FuncId,
    arguments: &[i64; 2],
    memory: &mut [u8],
    steps: &mut u32,
) -> Option<i64> {
    let function = &functions[func.0 as usize];
    let mut values = vec![Const::I32(0); function.values.len()];
    let mut variables: Vec<_> = function.variables.iter().map(|ty| Const::zero(*ty)).collect();
    for (param, argument) in function.blocks[0].params.iter().zip(arguments) {
        values[param.index()] = Const::I64(*argument);
    }
    let mut block = 0;
    loop {
        for inst in &function.blocks[block].insts {
            *steps += 1;
            let args: Vec<_> = inst.args.iter().map(|arg| values[arg.index()]).collect();
            let result = match &inst.op {
                Op::Const(constant) => *constant,
                Op::Numeric(numeric) => fold::evaluate(*numeric, &args).expect("only such are generated"),
                Op::Select => {
                    if args[2] == Const::I32(0) {
                        args[1]
                    } else {
                        args[0]
                    }
                }
                Op::Get(variable) => variables[variable.0 as usize],
                Op::Set(variable) => {
                    variables[variable.0 as usize] = args[0];
                    continue;
                }
                Op::Load { offset, .. } => {
                    let at = (offset - MEMORY_BASE) as usize;
                    let bytes = memory[at..at + 8].try_into().expect("eight bytes");
                    Const::I64(i64::from_le_bytes(bytes))
                }
                Op::Store { offset, .. } => {
                    let at = (offset - MEMORY_BASE) as usize;
                    let Const::I64(value) = args[1] else { unreachable!("only such are generated") };
                    memory[at..at + 8].copy_from_slice(&value.to_le_bytes());
                    continue;
                }
                Op::Call(callee) => {
                    let [Const::I64(left), Const::I64(right)] = args[..] else {
                        unreachable!("only such are generated")
                    };
                    Const::I64(interpret(functions, *callee, &[left, right], memory, steps)?)
                }
                _ => unreachable!("only such are generated"),
            };
            values[inst.results[0].index()] = result;
        }
        *steps += 1;
        if *steps > MAX_STEPS {
            return None;
        }
        let number = |value: &Value| match values[value.index()] {
            Const::I32(value) => i64::from(value),
            Const::I64(value) => value,
            _ => unreachable!("only integers are generated"),
        };
        block = match &function.blocks[block].end {
            End::Jump(Edge { block, .. }) => block.index(),
            End::Branch { condition, then, otherwise } => {
                if number(condition) != 0 {
                    then.block.index()
                } else {
                    otherwise.block.index()
                }
            }
            End::Switch { index, targets, default } => {
                targets.get(number(index) as u32 as usize).unwrap_or(default).index()
            }
            End::Return(results) => return Some(number(&results[0])),
            End::Unreachable => unreachable!("it is not generated"),
        };
    }
}

/// Makes functions the way lowering does: from nested statements, with variables.
struct Generator {
    bytes: Vec<u8>,
    used: usize,
    b: Builder,
    variables: Vec<Variable>,
    /// What conditions are kept in.
    flags: [Variable; 2],
    /// Blocks to break to and to continue at.
    loops: Vec<[BlockId; 2]>,
    left: u32,
    /// How many functions there are to call.
    n_callees: u32,
}

impl Generator {
    fn new(seed: u64, left: u32, n_callees: u32) -> Generator {
        // Bytes that differ from one seed to the next in all places.
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        let signature = Signature { params: vec![Type::I64; 2], results: vec![Type::I64] };
        let mut b = Builder::new("f".to_owned(), signature);
        let flags = [(); 2].map(|()| b.new_variable(Type::I32));
        let bytes = (0..4096).map(|_| next()).collect();
        Generator { bytes, used: 0, b, variables: Vec::new(), flags, loops: Vec::new(), left, n_callees }
    }

    fn choose(&mut self, n: u32) -> u32 {
        let at = self.used;
        self.used = (self.used + 2) % (self.bytes.len() - 4);
        let mut source = Unstructured::new(&self.bytes[at..at + 4]);
        u32::from(u16::arbitrary(&mut source).expect("there are bytes")) % n
    }

    fn function(mut self) -> Function {
        for index in 0..4 {
            let variable = self.b.new_variable(Type::I64);
            self.variables.push(variable);
            if index < 2 {
                let param = self.b.param(index);
                self.b.set(variable, param);
            }
        }
        self.statements(4);
        let result = self.expression(2);
        self.b.end(End::Return(vec![result]));
        self.b.finish()
    }

    fn statements(&mut self, depth: u32) {
        let n_statements = 1 + self.choose(5);
        for _ in 0..n_statements {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        match self.choose(if depth == 0 { 3 } else { 10 }) {
            0 | 1 | 8 => {
                let variable = self.variable();
                let value = self.expression(3);
                self.b.set(variable, value);
            }
            2 => {
                let base = self.b.i32(0);
                let offset = self.offset();
                let value = self.expression(2);
                self.b.store(Access::I64, base, offset, value);
            }
            3 | 4 => self.if_(depth),
            5 => self.loop_(depth),
            6 => self.switch(depth),
            9 => {
                let flag = self.flag();
                let value = self.condition();
                self.b.set(flag, value);
            }
            _ => self.leave(),
        }
    }

    fn if_(&mut self, depth: u32) {
        let condition = self.condition();
        let (then, otherwise, done) = (self.b.new_block(), self.b.new_block(), self.b.new_block());
        self.b.branch(condition, then, otherwise);
        for block in [then, otherwise] {
            self.b.switch_to(block);
            if self.choose(3) > 0 {
                self.statements(depth - 1);
            }
            self.b.jump(done);
        }
        self.b.switch_to(done);
    }

    /// Goes on while a counter is not zero, or while a flag is set, which is known before the first
    /// time.
    fn loop_(&mut self, depth: u32) {
        let has_flag = self.choose(2) == 0;
        let [counter, flag] = [Type::I64, Type::I32].map(|ty| self.b.new_variable(ty));
        let start = self.b.i64(i64::from(self.bytes[self.used] % 5));
        self.b.set(counter, start);
        let yes = self.b.i32(1);
        self.b.set(flag, yes);
        let [head, body, next, done] = [(); 4].map(|()| self.b.new_block());
        self.b.jump(head);
        self.b.switch_to(head);
        let is_left = if has_flag { self.b.get(flag) } else { self.is_positive(counter) };
        self.b.branch(is_left, body, done);
        self.b.switch_to(body);
        self.loops.push([done, next]);
        self.statements(depth - 1);
        self.loops.pop();
        self.b.jump(next);
        self.b.switch_to(next);
        let current = self.b.get(counter);
        let one = self.b.i64(1);
        let current = self.b.numeric(Numeric::I64Sub, &[current, one]);
        self.b.set(counter, current);
        let is_left = self.is_positive(counter);
        self.b.set(flag, is_left);
        self.b.jump(head);
        self.b.switch_to(done);
    }

    fn is_positive(&mut self, variable: Variable) -> Value {
        let current = self.b.get(variable);
        let zero = self.b.i64(0);
        self.b.numeric(Numeric::I64GtS, &[current, zero])
    }

    fn switch(&mut self, depth: u32) {
        let value = self.expression(1);
        let index = self.b.numeric(Numeric::I32WrapI64, &[value]);
        let mask = self.b.i32(3);
        let index = self.b.numeric(Numeric::I32And, &[index, mask]);
        let [one, other, default, done] = [(); 4].map(|()| self.b.new_block());
        self.b.end(End::Switch { index, targets: vec![one, other, one], default });
        for block in [one, other, default] {
            self.b.switch_to(block);
            if self.choose(3) > 0 {
                self.statements(depth - 1);
            }
            self.b.jump(done);
        }
        self.b.switch_to(done);
    }

    /// `break`, `continue` or `return`, with dead code after it.
    fn leave(&mut self) {
        let Some([on_break, on_continue]) = self.loops.last().copied() else { return };
        match self.choose(5) {
            0 => {
                let result = self.expression(1);
                self.b.end(End::Return(vec![result]));
            }
            1 | 2 => self.b.jump(on_break),
            _ => self.b.jump(on_continue),
        }
        let dead = self.b.new_block();
        self.b.switch_to(dead);
    }

    fn variable(&mut self) -> Variable {
        let index = self.choose(self.variables.len() as u32);
        self.variables[index as usize]
    }

    fn offset(&mut self) -> u32 {
        MEMORY_BASE + 8 * self.choose(MEMORY_SIZE / 8)
    }

    fn flag(&mut self) -> Variable {
        self.flags[self.choose(2) as usize]
    }

    /// `left and right`, which is evaluated only if it matters.
    fn conjunction(&mut self) -> Value {
        let result = self.b.new_variable(Type::I32);
        let left = self.condition();
        self.b.set(result, left);
        let (both, done) = (self.b.new_block(), self.b.new_block());
        self.b.branch(left, both, done);
        self.b.switch_to(both);
        let right = self.condition();
        self.b.set(result, right);
        self.b.jump(done);
        self.b.switch_to(done);
        self.b.get(result)
    }

    fn condition(&mut self) -> Value {
        match self.choose(8) {
            0 | 1 => {
                let flag = self.flag();
                let flag = self.b.get(flag);
                return if self.choose(3) == 0 { self.b.numeric(Numeric::I32Eqz, &[flag]) } else { flag };
            }
            2 => return self.conjunction(),
            _ => {}
        }
        let comparisons = [Numeric::I64LtS, Numeric::I64GeU, Numeric::I64Eq, Numeric::I64Ne, Numeric::I64GtS];
        let comparison = comparisons[self.choose(comparisons.len() as u32) as usize];
        let left = self.expression(2);
        let right = self.expression(1);
        let result = self.b.numeric(comparison, &[left, right]);
        if self.choose(4) == 0 { self.b.numeric(Numeric::I32Eqz, &[result]) } else { result }
    }

    fn expression(&mut self, depth: u32) -> Value {
        match self.choose(if depth == 0 { 3 } else { 8 }) {
            0 => {
                let number = i64::from(self.choose(9)) - 3;
                self.b.i64(number)
            }
            1 => {
                let variable = self.variable();
                self.b.get(variable)
            }
            2 => {
                let base = self.b.i32(0);
                let offset = self.offset();
                self.b.load(Access::I64, base, offset)
            }
            3 => {
                let condition = self.condition();
                let (left, right) = (self.expression(depth - 1), self.expression(depth - 1));
                self.b.select(left, right, condition)
            }
            4 => {
                // Leaves something in memory between the operands.
                let left = self.expression(depth - 1);
                let base = self.b.i32(0);
                let offset = self.offset();
                self.b.store(Access::I64, base, offset, left);
                let right = self.expression(depth - 1);
                self.b.numeric(Numeric::I64Add, &[left, right])
            }
            5 if self.n_callees > 0 => {
                let callee = FuncId(self.choose(self.n_callees));
                let args = vec![self.expression(depth - 1), self.expression(depth - 1)];
                self.b.call(callee, args, &[Type::I64])[0]
            }
            _ => {
                let numerics = [Numeric::I64Add, Numeric::I64Sub, Numeric::I64Mul, Numeric::I64Xor, Numeric::I64ShrU];
                let numeric = numerics[self.choose(numerics.len() as u32) as usize];
                let (left, right) = (self.expression(depth - 1), self.expression(depth - 1));
                self.b.numeric(numeric, &[left, right])
            }
        }
    }
}
