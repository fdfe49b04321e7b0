//! Blocks, loops and branches: structured control to a graph of blocks.
//!
//! A label's block is made when something first branches to it, so that a block nothing leaves
//! early, and the end of every loop, costs nothing. Frames are an explicit stack: nesting is as
//! deep as the module likes.

use super::frames::{Frame, FrameKind};
use super::translator::{Translator, trap_code};
use super::types::value_type;
use crate::abi::trap::Trap;
use crate::number::to_u32;
use crate::wasm::FuncIndex;
use anyhow::Result;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, JumpTableData, Value};
use wasmparser::{BlockType, BrTable};

impl Translator<'_> {
    pub fn open_function(&mut self, func: FuncIndex) {
        let kind = FrameKind::Function(func);
        self.scratch.control.push(Frame::of_function(kind, BlockType::Empty));
    }

    pub fn block(&mut self, ty: BlockType) {
        self.open(FrameKind::Block, ty, None);
    }

    pub fn loop_(&mut self, ty: BlockType) {
        let header = self.create_counted(self.cold);
        self.open(FrameKind::Loop, ty, Some(header));
        let frame = self.scratch.control.last().expect("just opened");
        let params = frame.params(self.env.module);
        for &param in params {
            self.builder.append_block_param(header, value_type(param));
        }
        let (n, height) = (params.len(), frame.height);
        self.jump(header, n);
        self.builder.switch_to_block(header);
        self.count(self.point);
        self.poll();
        self.scratch.stack.truncate(height);
        self.push_block_params(header);
    }

    pub fn if_(&mut self, ty: BlockType) {
        let condition = self.pop();
        let condition = self.condition(condition);
        // Both ways use the parameters, so what they need is made before the ways part.
        let frame = Frame::of_function(FrameKind::Block, ty);
        let start = self.canonicalise(frame.params(self.env.module).len());
        let points = [self.point, self.point.saturating_add(1)];
        let then_is_cold = self.is_way_cold(points[0], self.hint == Some(false));
        let then = self.create_block_that(then_is_cold);
        let otherwise_is_cold = self.is_way_cold(points[1], self.hint == Some(true));
        let otherwise = self.create_block_that(otherwise_is_cold);
        let branch = self.builder.ins().brif(condition, then, &[], otherwise, &[]);
        self.note_ways(branch, &points);
        self.builder.seal_block(then);
        self.builder.switch_to_block(then);
        self.open(FrameKind::If { otherwise, point: points[1] }, ty, None);
        self.cold = then_is_cold;
        self.count(self.point);
        self.scratch.stack.extend_from_within(start..);
    }

    /// A construct in unreachable code.
    pub fn dead(&mut self, ty: BlockType) {
        let outer_scope = self.scratch.scope;
        let (is_cold, is_polled) = (self.cold, self.scratch.is_polled);
        let kind = FrameKind::Dead;
        self.scratch.control.push(Frame { kind, ty, label: None, height: 0, outer_scope, is_cold, is_polled });
    }

    pub fn open(&mut self, kind: FrameKind, ty: BlockType, label: Option<Block>) {
        let (outer_scope, is_cold, is_polled) = (self.scratch.scope, self.cold, self.scratch.is_polled);
        let mut frame = Frame { kind, ty, label, height: 0, outer_scope, is_cold, is_polled };
        let n_params = frame.params(self.env.module).len();
        frame.height = self.scratch.stack.len().checked_sub(n_params).expect("validated: enough operands");
        self.scratch.control.push(frame);
    }

    pub fn else_(&mut self) {
        let frame = self.scratch.control.last_mut().expect("validated: a frame that `else` belongs to");
        let FrameKind::If { otherwise, point } = frame.kind else {
            debug_assert!(frame.kind == FrameKind::Dead, "validated: `else` belongs to an `if`");
            return;
        };
        frame.kind = FrameKind::Block;
        self.scratch.is_polled = frame.is_polled;
        let n_params = frame.params(self.env.module).len();
        let saved = frame.height.checked_add(n_params).expect("they are operands");
        if self.reachable {
            self.jump_to_label(0);
        }
        self.builder.seal_block(otherwise);
        self.builder.switch_to_block(otherwise);
        self.cold = self.builder.func.layout.is_cold(otherwise);
        self.count(point);
        self.scratch.stack.truncate(saved);
        self.reachable = true;
    }

    pub fn end(&mut self) {
        let kind = self.scratch.control.last().expect("validated: a frame to end").kind;
        match kind {
            FrameKind::Dead => {}
            FrameKind::Function(_) => return self.end_function(),
            FrameKind::Loop => {
                let header = self.scratch.control.last().and_then(|frame| frame.label).expect("a loop has a header");
                self.builder.seal_block(header);
            }
            FrameKind::If { otherwise, point } => self.end_without_else(otherwise, point),
            FrameKind::TryTable(scope) => {
                let (is_label, height) = (self.innermost().label.is_some(), self.innermost().height);
                let landed = self.has_landing(scope);
                if self.reachable && (is_label || landed) {
                    self.jump_to_label(0);
                }
                self.land(scope, height);
                self.continue_at_label();
            }
            FrameKind::Block | FrameKind::Try(_) => {
                if self.reachable && self.scratch.control.last().is_some_and(|frame| frame.label.is_some()) {
                    self.jump_to_label(0);
                }
                self.continue_at_label();
            }
        }
        let frame = self.scratch.control.pop().expect("looked at above");
        self.scratch.scope = frame.outer_scope;
        // All ways to what follows a loop lead through its header.
        self.scratch.is_polled = frame.is_polled || kind == FrameKind::Loop && self.env.interruptible;
        if !self.uses_counts() {
            self.cold = frame.is_cold;
        }
        if !self.reachable && kind != FrameKind::Dead {
            self.scratch.stack.truncate(frame.height);
        }
    }

    /// An `if` that ends without `else`: its results are its parameters.
    fn end_without_else(&mut self, otherwise: Block, point: u32) {
        let frame = self.scratch.control.last().expect("called at the end of a frame");
        let (n, height) = (frame.results(self.env.module).len(), frame.height);
        let is_cold = frame.is_cold;
        let is_laid_aside = self.builder.func.layout.is_cold(otherwise) != is_cold;
        if n == 0 && frame.label.is_none() && !is_laid_aside && !self.counts_ways() {
            // Both ways meet in the block that was waiting for an `else`.
            if self.reachable {
                self.builder.ins().jump(otherwise, &[]);
            }
            self.builder.seal_block(otherwise);
            self.builder.switch_to_block(otherwise);
            self.cold = is_cold;
            self.scratch.stack.truncate(height);
            self.reachable = true;
            return;
        }
        if self.reachable {
            self.jump_to_label(0);
        }
        self.builder.seal_block(otherwise);
        self.builder.switch_to_block(otherwise);
        self.count(point);
        self.scratch.stack.truncate(height.checked_add(n).expect("they are operands"));
        self.jump_to_label(0);
        self.continue_at_label();
    }

    /// Goes on in the innermost label's block, if something branches there.
    fn continue_at_label(&mut self) {
        let frame = self.scratch.control.last().expect("called at the end of a frame");
        let Some(label) = frame.label else { return };
        let height = frame.height;
        self.builder.seal_block(label);
        self.builder.switch_to_block(label);
        self.count(self.point);
        self.scratch.stack.truncate(height);
        self.push_block_params(label);
        self.reachable = true;
    }

    fn end_function(&mut self) {
        if self.reachable && self.scratch.control[0].label.is_some() {
            self.jump_to_label(0);
        }
        self.continue_at_label();
        if self.reachable {
            self.return_();
        }
        self.scratch.control.pop();
    }

    pub fn br(&mut self, depth: u32) {
        if matches!(self.frame(depth).kind, FrameKind::Function(_)) {
            return self.return_();
        }
        self.jump_to_label(depth);
        self.reachable = false;
    }

    pub fn br_if(&mut self, depth: u32) {
        let condition = self.pop();
        self.br_on(condition, depth);
    }

    /// Branches if `condition` is not zero, and goes on otherwise.
    pub fn br_on(&mut self, condition: Value, depth: u32) {
        let condition = self.condition(condition);
        let (label, n) = self.label(depth);
        let points = [self.point, self.point.saturating_add(1)];
        let is_unlikely = self.is_way_cold(points[0], self.hint == Some(false)) && !self.cold;
        // What follows an unlikely fall through stays unlikely until its construct ends.
        self.cold = self.is_way_cold(points[1], self.hint == Some(true));
        let next = self.create_block();
        let branch = if is_unlikely || self.counts_ways() {
            // The label may be reached on other ways too: only this one is laid aside, or counted.
            let way = self.create_block_that(is_unlikely || self.cold);
            let branch = self.builder.ins().brif(condition, way, &[], next, &[]);
            self.builder.seal_block(way);
            self.builder.switch_to_block(way);
            self.count(points[0]);
            self.jump(label, n);
            branch
        } else {
            self.set_jump_args(n);
            self.builder.ins().brif(condition, label, &self.scratch.jump_args, next, &[])
        };
        self.note_ways(branch, &points);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
        self.count(points[1]);
    }

    /// Targets that occur more than once get a block in between: arguments are then listed once,
    /// not for every entry of the table. So do all that are counted.
    pub fn br_table(&mut self, targets: &BrTable) -> Result<()> {
        let selector = self.pop();
        let mut depths = std::mem::take(&mut self.scratch.depths);
        depths.clear();
        for depth in targets.targets() {
            depths.push(depth?);
        }
        depths.push(targets.default());

        let mut distinct = depths.clone();
        distinct.sort_unstable();
        let mut between = Vec::new();
        let mut calls = Vec::new();
        for run in distinct.chunk_by(|a, b| a == b) {
            let depth = run[0];
            let (label, n) = self.label(depth);
            if run.len() == 1 && !self.counts_ways() {
                self.set_jump_args(n);
                calls.push((depth, self.builder.func.dfg.block_call(label, &self.scratch.jump_args)));
            } else {
                let block = self.create_counted(self.cold);
                between.push((depth, block));
                calls.push((depth, self.builder.func.dfg.block_call(block, &[])));
            }
        }
        let place = |depth: &u32| calls.binary_search_by_key(depth, |call| call.0).expect("every depth has a call");
        let point = |depth: &u32| self.point.saturating_add(to_u32(place(depth)));
        let mut entries: Vec<_> = depths.iter().map(|depth| calls[place(depth)].1).collect();
        // The default comes first.
        let points: Vec<_> =
            depths.last().into_iter().chain(&depths[..depths.len().saturating_sub(1)]).map(point).collect();
        let between: Vec<_> = between.into_iter().map(|(depth, block)| (depth, block, point(&depth))).collect();
        let default = entries.pop().expect("the default is the last");
        let table = self.builder.create_jump_table(JumpTableData::new(default, &entries));
        let branch = self.builder.ins().br_table(selector, table);
        self.note_ways(branch, &points);
        for (depth, block, point) in between {
            self.builder.seal_block(block);
            self.builder.switch_to_block(block);
            self.count(point);
            self.jump_to_label(depth);
        }
        self.scratch.depths = depths;
        self.reachable = false;
        Ok(())
    }

    pub fn return_(&mut self) {
        let n = self.builder.func.signature.returns.len();
        let start = self.canonicalise(n);
        self.builder.ins().return_(&self.scratch.stack[start..]);
        self.reachable = false;
    }

    pub fn unreachable(&mut self) {
        self.builder.ins().trap(trap_code(Trap::Unreachable));
        self.reachable = false;
    }

    pub fn select(&mut self) {
        let (first, second, condition) = self.pop3();
        let condition = self.condition(condition);
        let (first, second) = (self.canonical(first), self.canonical(second));
        let value = self.builder.ins().select(condition, first, second);
        self.push(value);
    }

    pub fn innermost(&self) -> &Frame {
        self.frame(0)
    }

    pub fn frame(&self, depth: u32) -> &Frame {
        self.scratch.control.iter().rev().nth(depth as usize).expect("validated: a label")
    }

    /// The block of a label, made if need be, and how many operands go there.
    fn label(&mut self, depth: u32) -> (Block, usize) {
        let uses_counts = self.uses_counts();
        let mut frames = self.scratch.control.iter_mut().rev();
        let frame = frames.nth(depth as usize).expect("validated: a label");
        let types = frame.label_types(self.env.module);
        let n = types.len();
        let label = frame.label.unwrap_or_else(|| {
            let label = self.builder.create_block();
            if frame.is_cold && !uses_counts {
                self.builder.set_cold_block(label);
            }
            for &ty in types {
                self.builder.append_block_param(label, value_type(ty));
            }
            label
        });
        frame.label = Some(label);
        (label, n)
    }

    pub fn jump_to_label(&mut self, depth: u32) {
        let (label, n) = self.label(depth);
        self.jump(label, n);
    }

    /// Jumps with the topmost `n` operands, which stay on the stack.
    fn jump(&mut self, block: Block, n: usize) {
        self.set_jump_args(n);
        self.builder.ins().jump(block, &self.scratch.jump_args);
    }

    fn set_jump_args(&mut self, n: usize) {
        let start = self.canonicalise(n);
        self.scratch.jump_args.clear();
        self.scratch.jump_args.extend(self.scratch.stack[start..].iter().map(|&value| BlockArg::from(value)));
    }

    /// Pushes what a block of the innermost frame receives.
    fn push_block_params(&mut self, block: Block) {
        for i in 0..self.builder.block_params(block).len() {
            let value = self.builder.block_params(block)[i];
            let ty = self.frame(0).label_types(self.env.module)[i];
            self.push_typed(value, ty);
        }
    }
}
