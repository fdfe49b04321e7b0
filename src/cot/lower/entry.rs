//! Where the program begins: `main` or the tests after the initialization of globals, exported
//! functions, `_start` of WASI.

use super::function::Body;
use super::{FuncKey, Host, Lowering};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{End, Function, Op, Signature, Type as WasmType, Value};
use crate::cot::typed::FunctionId;
use crate::cot::types::{Type, TypeId};

impl Lowering<'_> {
    /// Puts on the list what others call from outside.
    pub fn roots(&mut self) {
        let program = self.program;
        let has_main = program.main.is_some() || !program.tests.is_empty() || !program.benches.is_empty();
        if has_main {
            let main = self.func(FuncKey::Main);
            self.module.exports.push(("main".to_owned(), main));
            if self.options.host != Host::Bare {
                let start = self.func(FuncKey::Start);
                self.module.exports.push(("_start".to_owned(), start));
            }
        } else if self.program.initializer.is_some() {
            let initialize = self.func(FuncKey::Initialize);
            self.module.exports.push(("_initialize".to_owned(), initialize));
        }
        for (index, function) in self.program.functions.iter().enumerate() {
            if let Some(name) = &function.export {
                let func = self.func(FuncKey::Export(FunctionId(index as u32)));
                self.module.exports.push((name.clone(), func));
            }
        }
    }

    /// Of the exported `main`: its integer as it is, the number of failed tests, or nothing.
    pub fn main_signature(&mut self) -> Signature {
        let result = match self.program.main {
            None => TypeId::I64,
            Some(main) => self.main_payload(main),
        };
        let results = self.leaves(result).map_or(Vec::new(), |leaves| leaves.iter().map(|leaf| leaf.ty()).collect());
        Signature { params: Vec::new(), results }
    }

    /// What `main` returns if it succeeds.
    fn main_payload(&self, main: FunctionId) -> TypeId {
        let result = self.program.functions[main.0 as usize].result;
        match self.program.types.get(result) {
            Type::ErrorUnion { payload, .. } => *payload,
            _ => result,
        }
    }

    pub fn lower_main(&mut self, name: String, signature: Signature) -> Function {
        let program = self.program;
        let mut body = Body::new(self, name, signature);
        body.initialize_globals();
        let results = match program.main {
            Some(main) => body.call_main(main),
            None if program.benches.is_empty() => body.run_tests(),
            None => body.run_benches(),
        };
        body.b.end(End::Return(results));
        body.b.finish()
    }

    /// `main`, and its result as the exit status.
    pub fn lower_start(&mut self, name: String, signature: Signature) -> Function {
        let result = self.program.main.map_or(TypeId::I64, |main| self.main_payload(main));
        let mut body = Body::new(self, name, signature);
        let results = body.call_key(FuncKey::Main, Vec::new());
        let status = match results[..] {
            [status] => body.as_i64(status, result),
            _ => body.b.i64(0),
        };
        body.prelude("leave", vec![status]);
        body.b.end(End::Unreachable);
        body.b.finish()
    }

    pub fn lower_initialize(&mut self, name: String, signature: Signature) -> Function {
        let mut body = Body::new(self, name, signature);
        body.initialize_globals();
        body.b.end(End::Return(Vec::new()));
        body.b.finish()
    }

    /// As the function's, with slices as hosts know them: address and length.
    pub fn export_signature(&mut self, id: FunctionId) -> Signature {
        let function = &self.program.functions[id.0 as usize];
        let mut signature = self.signature(&[], function.result);
        for local in &function.locals[..function.n_params] {
            match self.leaves(local.ty) {
                Some(leaves) if self.is_slice(local.ty) => {
                    signature.params.extend(leaves.iter().take(2).map(|leaf| leaf.ty()));
                }
                Some(leaves) => signature.params.extend(leaves.iter().map(|leaf| leaf.ty())),
                None => signature.params.push(WasmType::I32),
            }
        }
        signature
    }

    fn is_slice(&self, ty: TypeId) -> bool {
        matches!(self.program.types.get(ty), Type::Slice(_))
    }

    pub fn lower_export(&mut self, id: FunctionId, name: String, signature: Signature) -> Function {
        let function = &self.program.functions[id.0 as usize];
        let mut body = Body::new(self, name, signature);
        let mut next = 0;
        let mut take = |body: &Body| {
            next += 1;
            body.b.param(next - 1)
        };
        let mut args = Vec::new();
        if body.leaves(function.result).is_none() {
            args.push(take(&body));
        }
        for local in &function.locals[..function.n_params] {
            let n_leaves = body.leaves(local.ty).map_or(1, |leaves| leaves.len());
            let is_slice = body.lowering.is_slice(local.ty);
            args.extend((0..if is_slice { 2 } else { n_leaves }).map(|_| take(&body)));
            if is_slice {
                // Nothing can be appended in place.
                args.push(args[args.len() - 1]);
            }
        }
        let results = body.call_key(FuncKey::Function(id), args);
        body.b.end(End::Return(results));
        body.b.finish()
    }
}

impl Body<'_, '_> {
    fn initialize_globals(&mut self) {
        if let Some(initializer) = self.lowering.program.initializer {
            self.call_key(FuncKey::Function(initializer), Vec::new());
        }
    }

    fn call_main(&mut self, main: FunctionId) -> Vec<Value> {
        let func = self.lowering.func(FuncKey::Function(main));
        self.lowering.module.main = Some(func);
        let results = self.call_func(func, Vec::new());
        let result = self.lowering.program.functions[main.0 as usize].result;
        if !matches!(self.types().get(result), Type::ErrorUnion { .. }) {
            return results;
        }
        let code = results[0];
        self.when(code, |body| {
            let one = body.b.i32(1);
            let number = body.b.numeric(Numeric::I32Sub, &[code, one]);
            let name = body.error_name_of(number);
            body.prelude("mainFailed", name);
            body.b.end(End::Unreachable);
        });
        results[1..].to_vec()
    }

    /// Each bench in rounds, whose lengths the prelude decides; the result is 0.
    fn run_benches(&mut self) -> Vec<Value> {
        for bench in &self.lowering.program.benches {
            let (address, length) = self.lowering.bytes(bench.name.as_bytes());
            let mut args = self.string_leaves(address, length);
            args.push(self.b.i64(self.lowering.options.iterations as i64));
            let left = self.b.new_variable(WasmType::I64);
            let first = self.prelude("benchBegin", args);
            self.b.set(left, first[0]);
            let (again, done) = (self.b.new_block(), self.b.new_block());
            self.b.jump(again);
            self.b.switch_to(again);
            self.call_key(FuncKey::Function(bench.function), Vec::new());
            let one = self.b.i64(1);
            let before = self.b.get(left);
            let after = self.b.numeric(Numeric::I64Sub, &[before, one]);
            self.b.set(left, after);
            let is_over = self.b.numeric(Numeric::I64Eqz, &[after]);
            self.when(is_over, |body| {
                let next = body.prelude("benchRound", Vec::new());
                body.b.set(left, next[0]);
                let is_last = body.b.numeric(Numeric::I64Eqz, &next);
                let more = body.b.new_block();
                body.b.branch(is_last, done, more);
                body.b.switch_to(more);
            });
            self.b.jump(again);
            self.b.switch_to(done);
        }
        vec![self.b.i64(0)]
    }

    /// The number of failed tests.
    fn run_tests(&mut self) -> Vec<Value> {
        let leaks = self.b.i32(i32::from(self.lowering.options.leaks));
        let colors = self.b.i32(i32::from(self.lowering.options.is_styled));
        self.prelude("testsBegin", vec![leaks, colors]);
        let done = self.b.new_block();
        for test in &self.lowering.program.tests {
            let (address, length) = self.lowering.bytes(test.name.as_bytes());
            let name = self.string_leaves(address, length);
            self.prelude("testBegin", name);
            let function = self.lowering.func(FuncKey::Function(test.function));
            let failed = self.b.push(Op::CallCatching(function), Vec::new(), &[WasmType::I32]);
            let failed = self.prelude("testEnd", failed);
            if self.lowering.options.fail_fast {
                let next = self.b.new_block();
                self.b.branch(failed[0], done, next);
                self.b.switch_to(next);
            }
        }
        self.b.jump(done);
        self.b.switch_to(done);
        debug_assert_eq!(self.b.function.signature.results, [WasmType::I64], "as the signature of `main` says");
        self.prelude("testsEnd", Vec::new())
    }
}
