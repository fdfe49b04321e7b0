//! Builds a function block by block, before SSA form: there is always a current block, and what
//! follows an end goes nowhere.

use super::numeric::Numeric;
use super::{
    Access, Block, BlockId, Const, Edge, End, FuncId, Function, Inst, Op, Position, Signature, Type, Value, Variable,
};

/// A function under construction.
pub struct Builder {
    pub function: Function,
    current: BlockId,
    /// Of what comes next.
    position: Option<Position>,
    /// Blocks whose end was set.
    ended: Vec<bool>,
}

impl Builder {
    pub fn new(name: String, signature: Signature) -> Builder {
        let values = signature.params.clone();
        let params = (0..values.len() as u32).map(Value).collect();
        let entry = Block { params, insts: Vec::new(), end: End::Unreachable, end_position: None };
        let function = Function {
            name,
            signature,
            values,
            variables: Vec::new(),
            blocks: vec![entry],
            named: Vec::new(),
            described: Vec::new(),
            frame_size: 0,
            position: None,
        };
        Builder { function, current: BlockId::ENTRY, position: None, ended: vec![false] }
    }

    /// The function's parameter `index`.
    pub fn param(&self, index: usize) -> Value {
        self.function.blocks[0].params[index]
    }

    pub fn new_block(&mut self) -> BlockId {
        let block = Block { params: Vec::new(), insts: Vec::new(), end: End::Unreachable, end_position: None };
        self.function.blocks.push(block);
        self.ended.push(false);
        BlockId((self.function.blocks.len() - 1) as u32)
    }

    pub fn switch_to(&mut self, block: BlockId) {
        self.current = block;
    }

    pub fn current(&self) -> BlockId {
        self.current
    }

    /// What follows is made of that place. Returns the place before.
    pub fn set_position(&mut self, position: Option<Position>) -> Option<Position> {
        std::mem::replace(&mut self.position, position)
    }

    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Whether what comes next can be reached from the current block.
    pub fn is_ended(&self) -> bool {
        self.ended[self.current.index()]
    }

    /// Ends the current block; nothing if it has an end.
    pub fn end(&mut self, end: End) {
        if !self.is_ended() {
            let block = &mut self.function.blocks[self.current.index()];
            (block.end, block.end_position) = (end, self.position);
            self.ended[self.current.index()] = true;
        }
    }

    pub fn jump(&mut self, block: BlockId) {
        self.end(End::Jump(Edge { block, args: Vec::new() }));
    }

    pub fn branch(&mut self, condition: Value, then: BlockId, otherwise: BlockId) {
        let edge = |block| Edge { block, args: Vec::new() };
        self.end(End::Branch { condition, then: edge(then), otherwise: edge(otherwise) });
    }

    /// Appends an instruction with results of the types `results`.
    pub fn push(&mut self, op: Op, args: Vec<Value>, results: &[Type]) -> Vec<Value> {
        let results: Vec<_> = results.iter().map(|ty| self.function.new_value(*ty)).collect();
        if !self.is_ended() {
            let inst = Inst { op, args, results: results.clone(), position: self.position };
            self.function.blocks[self.current.index()].insts.push(inst);
        }
        results
    }

    fn push_one(&mut self, op: Op, args: Vec<Value>, result: Type) -> Value {
        self.push(op, args, &[result])[0]
    }

    pub fn constant(&mut self, constant: Const) -> Value {
        self.push_one(Op::Const(constant), Vec::new(), constant.ty())
    }

    pub fn i32(&mut self, value: i32) -> Value {
        self.constant(Const::I32(value))
    }

    pub fn i64(&mut self, value: i64) -> Value {
        self.constant(Const::I64(value))
    }

    pub fn numeric(&mut self, numeric: Numeric, args: &[Value]) -> Value {
        self.push_one(Op::Numeric(numeric), args.to_vec(), numeric.result())
    }

    pub fn select(&mut self, then: Value, otherwise: Value, condition: Value) -> Value {
        let ty = self.function.ty(then);
        self.push_one(Op::Select, vec![then, otherwise, condition], ty)
    }

    pub fn load(&mut self, access: Access, address: Value, offset: u32) -> Value {
        self.push_one(Op::Load { access, offset }, vec![address], access.ty())
    }

    pub fn store(&mut self, access: Access, address: Value, offset: u32, value: Value) {
        self.push(Op::Store { access, offset }, vec![address, value], &[]);
    }

    pub fn call(&mut self, func: FuncId, args: Vec<Value>, results: &[Type]) -> Vec<Value> {
        self.push(Op::Call(func), args, results)
    }

    pub fn new_variable(&mut self, ty: Type) -> Variable {
        self.function.variables.push(ty);
        Variable((self.function.variables.len() - 1) as u32)
    }

    pub fn get(&mut self, variable: Variable) -> Value {
        let ty = self.function.variables[variable.0 as usize];
        self.push_one(Op::Get(variable), Vec::new(), ty)
    }

    pub fn set(&mut self, variable: Variable, value: Value) {
        self.push(Op::Set(variable), vec![value], &[]);
    }

    /// Space in the frame, aligned to 8.
    pub fn frame_slot(&mut self, size: u32) -> u32 {
        let offset = self.function.frame_size;
        self.function.frame_size += size.next_multiple_of(8).max(8);
        offset
    }

    pub fn frame(&mut self, offset: u32) -> Value {
        self.push_one(Op::Frame(offset), Vec::new(), Type::I32)
    }

    pub fn finish(mut self) -> Function {
        self.function.frame_size = self.function.frame_size.next_multiple_of(16);
        self.function
    }
}
