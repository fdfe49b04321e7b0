//! Statements: locals, assignments, loops, defers.

use super::branching::Payload;
use super::function::{Address, Body, Data, Loop, Operand};
use super::place::{ResolvedPlace, Root};
use super::scope::Cleanup;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::variables::Extent;
use crate::cot::ir::{Const, Type as WasmType, Value};
use crate::cot::source::Span;
use crate::cot::typed::{
    Block, CompareOperator, CompoundOperator, Condition, Expression, ExpressionKind, GlobalId, LocalId, LoopId,
    Ownership, Place, Sequence, Statement, StatementKind,
};
use crate::cot::types::Type;

impl<'p> Body<'_, 'p> {
    /// In the current scope, which ends with the block.
    pub fn block_statements(&mut self, block: &'p Block) {
        for statement in &block.statements {
            if self.b.is_ended() {
                // Nothing gets here.
                let dead = self.b.new_block();
                self.b.switch_to(dead);
            }
            let scope = match statement.kind {
                StatementKind::Local { .. } => Extent { start: block.statements[0].span.start, end: block.end.start },
                _ => Extent { start: statement.span.start, end: statement.span.end },
            };
            self.with_scope(Some(scope), |it| it.statement(statement));
        }
    }

    fn statement(&mut self, statement: &'p Statement) {
        let before = self.set_position(statement.span);
        self.statement_kind(statement);
        self.b.set_position(before);
    }

    fn statement_kind(&mut self, statement: &'p Statement) {
        match &statement.kind {
            StatementKind::Expression(value) => self.in_statement(|body| body.discard(value)),
            StatementKind::Local { local, value } => self.local_statement(*local, value),
            StatementKind::InitializeGlobal { global, value } => self.in_statement(|body| {
                let address = body.global(*global);
                body.expr_into(value, address);
            }),
            StatementKind::Assign { place, value } => self.in_statement(|body| body.assign(place, value)),
            StatementKind::CompoundAssign { place, operator, value } => {
                self.in_statement(|body| body.compound_assign(place, *operator, value, statement.span));
            }
            StatementKind::Defer { body, only_on_error } => {
                self.add_cleanup(Cleanup::Defer { body, only_on_error: *only_on_error });
            }
            StatementKind::While { id, condition, step, body } => self.while_(*id, condition, step.as_ref(), body),
            StatementKind::ForRange { id, local, start, end, body } => self.for_range(*id, *local, start, end, body),
            StatementKind::ForEach { id, index, element, subject, body } => {
                self.for_each(*id, *index, *element, subject, body);
            }
        }
    }

    fn local_statement(&mut self, local: LocalId, value: &'p Expression) {
        let of = self.local(local);
        let is_counted = self.is_counted(local);
        self.in_statement(|body| {
            if body.leaves(of.ty).is_some() {
                let operand = match of.ownership {
                    Ownership::Weak | Ownership::Unowned => body.weak_cell(value),
                    _ => body.expr(value),
                };
                let operand = if is_counted { body.own(of.ty, operand) } else { operand };
                body.declare(local);
                body.initialize(local, operand);
            } else {
                // The value may mention an outer local of another turn of the loop, but never this
                // one.
                body.declare(local);
                let ResolvedPlace::Memory(address) = body.resolved_local(local) else {
                    unreachable!("locals without leaves live in the frame")
                };
                body.expr_into(value, address);
            }
        });
        if is_counted {
            self.add_cleanup(Cleanup::ReleaseLocal(local));
        }
        if let Some(destructor) = of.destructor {
            self.add_cleanup(Cleanup::Destroy(local, destructor));
        }
    }

    fn assign(&mut self, place: &'p Place, value: &'p Expression) {
        let target = self.place_before(place, value);
        if self.leaves(place.ty).is_some() {
            let is_strong = self.is_strong(place);
            let operand = if self.is_weak(place) { self.weak_cell(value) } else { self.expr(value) };
            let operand = if is_strong { self.own(place.ty, operand) } else { operand };
            if !is_strong {
                self.keep_buffers(place.ty, &operand);
            }
            let old = is_strong.then(|| self.read(place.ty, &target));
            self.write(place.ty, &target, &operand.data);
            if let Some(old) = old {
                self.release_operand(place.ty, &old.data);
            }
            return;
        }
        let ResolvedPlace::Memory(to) = target else { unreachable!("variables have leaves") };
        self.assign_memory(place, to, value);
    }

    /// Values without leaves are made elsewhere first, since they may be made of what the place
    /// holds.
    fn assign_memory(&mut self, place: &'p Place, to: Address, value: &'p Expression) {
        let ty = place.ty;
        let size = self.lowering.size(ty);
        let is_strong = self.is_strong(place);
        let is_copy = matches!(value.kind, ExpressionKind::Load(_));
        if !is_strong && (is_copy || matches!(value.kind, ExpressionKind::Zero | ExpressionKind::Null)) {
            match self.expr(value).data {
                Data::Memory(from) => self.copy_memory(to, Address { base: from, offset: 0 }, size),
                Data::Leaves(_) => unreachable!("the type has no leaves"),
            }
            if is_copy {
                let base = self.address_value(to);
                self.keep_buffers(ty, &Operand { data: Data::Memory(base), owned: false });
            }
            return;
        }
        let mut slot = || {
            let offset = self.frame_slot(ty);
            Address { base: self.b.frame(offset), offset: 0 }
        };
        let new = slot();
        let old = is_strong.then(&mut slot);
        self.expr_into(value, new);
        if let Some(old) = old {
            self.copy_memory(old, to, size);
        }
        self.copy_memory(to, new, size);
        if let Some(old) = old {
            self.release_memory(ty, old);
        }
    }

    fn compound_assign(&mut self, place: &'p Place, operator: CompoundOperator, value: &'p Expression, span: Span) {
        let target = self.place_before(place, value);
        let values = self.leaves_of(value);
        let Data::Leaves(old) = self.read(place.ty, &target).data else { unreachable!("operands have leaves") };
        let new = match operator {
            CompoundOperator::Arithmetic(operator) => {
                vec![self.arithmetic(operator, old[0], values[0], place.ty, span)]
            }
            CompoundOperator::OffsetPointer { backwards } => {
                let Type::Pointer(of) = *self.types().get(place.ty) else { unreachable!("a pointer moves") };
                vec![self.offset_pointer(old[0], values[0], of, backwards)]
            }
            CompoundOperator::Concat => self.concat_leaves(&old, &values, place.ty, span),
        };
        self.write(place.ty, &target, &Data::Leaves(new));
        if operator == CompoundOperator::Concat && self.is_strong(place) {
            self.release_operand(place.ty, &Data::Leaves(old));
        }
    }

    fn begin_loop(&mut self, id: LoopId) -> LoopBlocks {
        let blocks = LoopBlocks {
            head: self.b.new_block(),
            body: self.b.new_block(),
            next: self.b.new_block(),
            done: self.b.new_block(),
        };
        let of = Loop { on_break: blocks.done, on_continue: blocks.next, n_scopes: self.scopes.len() };
        self.loops.insert(id, of);
        self.b.jump(blocks.head);
        self.b.switch_to(blocks.head);
        blocks
    }

    fn while_(&mut self, id: LoopId, condition: &'p Condition, step: Option<&'p Block>, body: &'p Block) {
        let blocks = self.begin_loop(id);
        let payload: Payload = self.condition(condition);
        self.b.branch(payload.is_true, blocks.body, blocks.done);
        self.b.switch_to(blocks.body);
        self.in_scope(|it| {
            it.bind_payload(condition, payload);
            it.block(body, None);
        });
        self.b.jump(blocks.next);
        self.b.switch_to(blocks.next);
        if let Some(step) = step {
            self.block(step, None);
        }
        self.b.jump(blocks.head);
        self.b.switch_to(blocks.done);
    }

    fn for_range(&mut self, id: LoopId, local: LocalId, start: &'p Expression, end: &'p Expression, body: &'p Block) {
        let ty = start.ty;
        let (start, end) = self.in_scope(|it| (it.scalar(start), it.scalar(end)));
        let wasm_type = self.b.function.ty(start);
        let counter = self.b.new_variable(wasm_type);
        self.b.set(counter, start);
        let blocks = self.begin_loop(id);
        let current = self.b.get(counter);
        let is_left = self.compare(CompareOperator::Less, current, end, ty);
        self.b.branch(is_left, blocks.body, blocks.done);
        self.b.switch_to(blocks.body);
        self.in_scope(|it| {
            it.begin_local(local, Operand { data: Data::Leaves(vec![current]), owned: true });
            it.block(body, None);
        });
        self.b.jump(blocks.next);
        self.b.switch_to(blocks.next);
        self.count_up(counter, wasm_type);
        self.b.jump(blocks.head);
        self.b.switch_to(blocks.done);
    }

    fn count_up(&mut self, counter: crate::cot::ir::Variable, ty: WasmType) {
        let current = self.b.get(counter);
        let (one, add) = match ty {
            WasmType::I64 => (Const::I64(1), Numeric::I64Add),
            _ => (Const::I32(1), Numeric::I32Add),
        };
        let one = self.b.constant(one);
        let next = self.b.numeric(add, &[current, one]);
        self.b.set(counter, next);
    }

    fn for_each(
        &mut self,
        id: LoopId,
        index: Option<LocalId>,
        element: LocalId,
        subject: &'p Sequence,
        body: &'p Block,
    ) {
        let ty = self.local(element).ty;
        self.in_scope(|it| {
            let (base, length) = it.sequence(subject);
            let counter = it.b.new_variable(WasmType::I64);
            let zero = it.b.i64(0);
            it.b.set(counter, zero);
            let blocks = it.begin_loop(id);
            let current = it.b.get(counter);
            let is_left = it.b.numeric(Numeric::I64LtS, &[current, length]);
            it.b.branch(is_left, blocks.body, blocks.done);
            it.b.switch_to(blocks.body);
            it.in_scope(|it| {
                if let Some(index) = index {
                    it.begin_local(index, Operand { data: Data::Leaves(vec![current]), owned: true });
                }
                let at = it.element(base, current, ty);
                let data = it.load(ty, at);
                it.begin_local(element, Operand { data, owned: false });
                it.block(body, None);
            });
            it.b.jump(blocks.next);
            it.b.switch_to(blocks.next);
            it.count_up(counter, WasmType::I64);
            it.b.jump(blocks.head);
            it.b.switch_to(blocks.done);
        });
    }

    /// Address of the first element and number of elements.
    pub fn sequence(&mut self, sequence: &'p Sequence) -> (Value, Value) {
        match sequence {
            Sequence::Array(place) => {
                let address = self.memory_place_in(place, Root::Held);
                let Type::Array { length, .. } = *self.types().get(place.ty) else { unreachable!("it is an array") };
                (self.address_value(address), self.b.i64(length as i64))
            }
            Sequence::Slice(value) => {
                let leaves = self.leaves_before(value, false);
                (leaves[0], leaves[1])
            }
        }
    }
}

struct LoopBlocks {
    head: crate::cot::ir::BlockId,
    body: crate::cot::ir::BlockId,
    next: crate::cot::ir::BlockId,
    done: crate::cot::ir::BlockId,
}

impl super::Lowering<'_> {
    /// The address of a global; a constant value is placed there.
    pub fn global_address(&mut self, id: GlobalId) -> u32 {
        if let Some(address) = self.globals.get(&id) {
            return *address;
        }
        let global = &self.program.globals[id.0 as usize];
        let bytes = global.value.as_ref().and_then(|value| self.constant_bytes(value));
        let address = match bytes {
            Some(bytes) => self.place(&bytes, 8),
            None => {
                let size = self.program.types.size(global.ty);
                let reserved = self.statics.reserve(size, 8);
                reserved.unwrap_or_else(|_| self.too_large())
            }
        };
        self.globals.insert(id, address);
        self.describe_global(id, address);
        address
    }

    /// How a constant lies in memory; none for zero.
    fn constant_bytes(&mut self, value: &Expression) -> Option<Vec<u8>> {
        let size = self.program.types.size(value.ty) as usize;
        let access = super::repr::scalar(&self.program.types, value.ty);
        Some(match &value.kind {
            ExpressionKind::Int(value) => value.to_le_bytes()[..size].to_vec(),
            ExpressionKind::Bool(value) => vec![u8::from(*value)],
            ExpressionKind::Float(value) if access == crate::cot::ir::Access::F32 => {
                (*value as f32).to_le_bytes().to_vec()
            }
            ExpressionKind::Float(value) => value.to_le_bytes().to_vec(),
            ExpressionKind::String(id) => {
                let (address, length) = self.string(*id);
                [u64::from(address), length, length].map(u64::to_le_bytes).concat()
            }
            _ => return None,
        })
    }
}
