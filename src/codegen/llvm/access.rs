//! Loads, stores and atomic operations.
//!
//! An address is a constant base, or a value, plus an index: LLVM reasons about a `getelementptr`,
//! but not about a sum that becomes a pointer. Alias regions of CLIF become types of TBAA, which
//! inlining keeps.

use super::function::{Writer, region_tag};
use super::types;
use crate::translate::symbols::Region;
use cranelift_codegen::ir::{
    AtomicRmwOp, Inst, InstructionData, MemFlags, MemFlagsData, Opcode, Type, Value, types as clif,
};

impl Writer<'_> {
    /// A pointer to `offset` bytes after an address.
    fn place(&mut self, address: Value, offset: i32) -> String {
        let pointer = match self.definition(address) {
            Some(&InstructionData::Binary { opcode: Opcode::Iadd, args: [a, b] }) => self.sum(a, b),
            _ => self.pointer(address),
        };
        if offset == 0 {
            return pointer;
        }
        self.named(format!("getelementptr i8, ptr {pointer}, i64 {offset}"))
    }

    /// The sum of a base and an index.
    fn sum(&mut self, a: Value, b: Value) -> String {
        let opcode = |value| self.definition(value).map(InstructionData::opcode);
        // An index of 32 bits is extended; a base that is not constant is loaded.
        let (base, index) = match (opcode(a), opcode(b)) {
            (Some(Opcode::Uextend), _) | (_, Some(Opcode::Load)) => (b, a),
            _ => (a, b),
        };
        let base = match self.constant(base) {
            Some(base) => format!("inttoptr (i64 {base} to ptr)"),
            None => self.pointer(base),
        };
        let index = self.operand(index);
        self.named(format!("getelementptr i8, ptr {base}, i64 {index}"))
    }

    fn flags(&self, flags: MemFlags) -> MemFlagsData {
        self.func.dfg.mem_flags[flags]
    }

    fn is_used(&self, value: Value) -> bool {
        self.used.contains(value)
    }

    /// The number of the memory that is accessed.
    fn region(&self, flags: MemFlags) -> Option<u32> {
        self.flags(flags).alias_region().map(|region| self.func.dfg.alias_regions[region].user_id)
    }

    /// What a load or store says of itself.
    fn metadata(&self, flags: MemFlags) -> String {
        let region = self.region(flags);
        let flags = self.flags(flags);
        let region = region.map_or(String::new(), |region| format!(", !tbaa !{}", region_tag(region)));
        let constant = if flags.readonly() && flags.can_move() { ", !invariant.load !3" } else { "" };
        format!("{region}{constant}")
    }

    /// A load whose result nobody uses must trap all the same. Where traps are exact, each that can
    /// trap stays, between the stores before and after it.
    fn volatile(&self, inst: Inst, flags: MemFlags) -> &'static str {
        let result = self.func.dfg.first_result(inst);
        let is_used = self.is_used(result);
        let may_go = is_used && !self.exact_traps;
        if may_go || self.flags(flags).trap_code().is_none() { "" } else { "volatile " }
    }

    pub fn load(&mut self, inst: Inst, opcode: Opcode, address: Value, offset: i32, flags: MemFlags) {
        let ty = self.type_of(self.func.dfg.first_result(inst));
        let place = self.place(address, offset);
        let loaded = match opcode {
            Opcode::Load => ty,
            Opcode::Uload8 | Opcode::Sload8 => clif::I8,
            Opcode::Uload16 | Opcode::Sload16 => clif::I16,
            Opcode::Uload32 | Opcode::Sload32 => clif::I32,
            Opcode::Uload8x8 | Opcode::Sload8x8 => clif::I8X8,
            Opcode::Uload16x4 | Opcode::Sload16x4 => clif::I16X4,
            Opcode::Uload32x2 | Opcode::Sload32x2 => clif::I32X2,
            other => panic!("{other} is not a load"),
        };
        let (volatile, metadata) = (self.volatile(inst, flags), self.metadata(flags));
        let name = types::name(loaded);
        let load = format!("load {volatile}{name}, ptr {place}, align 1{metadata}");
        if loaded == ty && !self.is_shared {
            return self.result(inst, load);
        }
        let mut value = self.named(load);
        if self.is_shared {
            // To LLVM, what is read while another thread writes is undefined, and each use might
            // see another value: that which is checked must be that which is used.
            let frozen = format!("freeze {name} {value}");
            if loaded == ty {
                return self.result(inst, frozen);
            }
            value = self.named(frozen);
        }
        let is_signed = matches!(
            opcode,
            Opcode::Sload8
                | Opcode::Sload16
                | Opcode::Sload32
                | Opcode::Sload8x8
                | Opcode::Sload16x4
                | Opcode::Sload32x2
        );
        let extend = if is_signed { "sext" } else { "zext" };
        self.result(inst, format!("{extend} {name} {value} to {}", types::name(ty)));
    }

    pub fn store(&mut self, opcode: Opcode, [value, address]: [Value; 2], offset: i32, flags: MemFlags) {
        let place = self.place(address, offset);
        let ty = self.type_of(value);
        let stored = match opcode {
            Opcode::Store => ty,
            Opcode::Istore8 => clif::I8,
            Opcode::Istore16 => clif::I16,
            Opcode::Istore32 => clif::I32,
            other => panic!("{other} is not a store"),
        };
        let name = types::name(stored);
        let typed = self.typed(value);
        let value = match stored == ty {
            true => typed,
            false => format!("{name} {}", self.named(format!("trunc {typed} to {name}"))),
        };
        let metadata = self.metadata(flags);
        let is_kept = self.region(flags) == Some(Region::KEPT);
        let volatile = if self.exact_traps || is_kept { "volatile " } else { "" };
        self.effect(format!("store {volatile}{value}, ptr {place}, align 1{metadata}"));
    }

    pub fn atomic_load(&mut self, inst: Inst, address: Value) {
        let ty = self.type_of(self.func.dfg.first_result(inst));
        let place = self.place(address, 0);
        self.result(inst, format!("load atomic {}, ptr {place} seq_cst, align {}", types::name(ty), ty.bytes()));
    }

    pub fn atomic_store(&mut self, [value, address]: [Value; 2]) {
        let place = self.place(address, 0);
        let alignment = self.type_of(value).bytes();
        let typed = self.typed(value);
        self.effect(format!("store atomic {typed}, ptr {place} seq_cst, align {alignment}"));
    }

    pub fn atomic_rmw(&mut self, inst: Inst, op: AtomicRmwOp, [address, value]: [Value; 2]) {
        let place = self.place(address, 0);
        let name = match op {
            AtomicRmwOp::Add => "add",
            AtomicRmwOp::Sub => "sub",
            AtomicRmwOp::And => "and",
            AtomicRmwOp::Nand => "nand",
            AtomicRmwOp::Or => "or",
            AtomicRmwOp::Xor => "xor",
            AtomicRmwOp::Xchg => "xchg",
            AtomicRmwOp::Umin => "umin",
            AtomicRmwOp::Umax => "umax",
            AtomicRmwOp::Smin => "min",
            AtomicRmwOp::Smax => "max",
        };
        let typed = self.typed(value);
        self.result(inst, format!("atomicrmw {name} ptr {place}, {typed} seq_cst"));
    }

    pub fn atomic_cas(&mut self, inst: Inst, [address, expected, replacement]: [Value; 3]) {
        let place = self.place(address, 0);
        let ty: Type = self.type_of(expected);
        let (expected, replacement) = (self.typed(expected), self.typed(replacement));
        let pair = self.named(format!("cmpxchg ptr {place}, {expected}, {replacement} seq_cst seq_cst"));
        self.result(inst, format!("extractvalue {{ {}, i1 }} {pair}, 0", types::name(ty)));
    }
}
