//! How code reaches what lives outside of it: addresses of symbols, callees, and what loads and
//! stores of them promise.
//!
//! Symbol addresses are emitted at each use: Cranelift merges equal ones. Declarations are cached
//! for the length of a function.

use super::signature;
use super::translator::{Translator, trap_code};
use super::types::POINTER;
use super::{Architecture, Env};
use crate::abi::builtin::Builtin;
use crate::abi::memory::Memory;
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::number::to_displacement;
use crate::wasm::{EntityIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TypeIndex};
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, Endianness, ExtFuncData, ExternalName, FuncRef, GlobalValueData,
    InstBuilder, MemFlagsData, SigRef, Signature, Value,
};
use std::mem::offset_of;

/// Groups of memory that never overlap. Each gets a range of alias regions, so that a store to one
/// leaves what is known of the others.
#[derive(Copy, Clone)]
pub enum Region {
    /// Fields of [`crate::abi::memory::Memory`], [`crate::abi::table::Table`] and
    /// [`crate::abi::memory::Segment`].
    Descriptor,
    Memory(MemoryIndex),
    Table(TableIndex),
    Global(GlobalIndex),
    /// Counters of a profile.
    Counters,
    /// The page that is read where code can be interrupted.
    PollPage,
    /// What [`crate::abi::object::Heap`] has for code.
    Heap,
    /// Headers of objects.
    Header,
    /// Lengths of arrays.
    Length,
    Elements,
    /// The fields of all structs at one place in their lists.
    Field(usize),
    /// Records of types.
    TypeRecord,
    /// References in the frame.
    Kept,
}

impl Region {
    /// Bits of a region's number among those of its kind: the alias analysis keeps a list of all
    /// for each block, so it must be short.
    const BITS: u32 = 4;
    /// The number of [`Region::Kept`].
    pub const KEPT: u32 = 8;

    /// All that come after this one share it.
    const LAST: u32 = (1 << Region::BITS) - 1;
}

impl Translator<'_> {
    /// The address of a symbol.
    pub fn address_of(&mut self, symbol: Symbol) -> Value {
        match self.slot_of(symbol) {
            Some(entity) => self.address_in_slot(entity),
            None => self.near_address(symbol),
        }
    }

    /// The address of a symbol that the linker puts next to the code.
    fn near_address(&mut self, symbol: Symbol) -> Value {
        let value = match self.scratch.symbols.get(&symbol) {
            Some(value) => *value,
            None => {
                let name = self.builder.func.declare_imported_user_function(symbol.encode());
                let value = self.builder.func.create_global_value(GlobalValueData::Symbol {
                    name: ExternalName::user(name),
                    offset: 0.into(),
                    colocated: true,
                    tls: self.env.layout.is_per_thread(symbol),
                });
                self.scratch.symbols.insert(symbol, value);
                value
            }
        };
        match self.env.layout.is_per_thread(symbol) {
            true => self.builder.ins().tls_value(POINTER, value),
            false => self.builder.ins().symbol_value(POINTER, value),
        }
    }

    /// The address of an imported function's C symbol, which may be far away: a shared library's.
    pub fn address_of_import(&mut self, func: FuncIndex) -> Value {
        self.address_in_slot(EntityIndex::Function(func))
    }

    fn address_in_slot(&mut self, entity: EntityIndex) -> Value {
        let slot = self.near_address(Symbol::Slot(entity));
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.builder.ins().load(POINTER, flags, slot, 0)
    }

    /// The first byte of a memory. The one place that knows how it is found.
    pub fn memory_base(&mut self, memory: MemoryIndex) -> Value {
        if let Some(place) = self.env.layout.memories[memory].place {
            return self.fixed_base(place);
        }
        let descriptor = self.address_of(Symbol::Memory(memory));
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        let flags = flags.with_alias_region(self.region(Region::Descriptor));
        self.builder.ins().load(POINTER, flags, descriptor, to_displacement(offset_of!(Memory, base)))
    }

    /// A base that is a constant: on x86-64 it becomes a part of instructions. On aarch64 an
    /// instruction adds a 32-bit index to a register, so the constant should stay in one; Cranelift
    /// makes constants that it sees anew where they are used, and adds offsets to them.
    fn fixed_base(&mut self, place: u64) -> Value {
        match self.env.machine.architecture {
            Architecture::Aarch64 => self.hidden_constant(place),
            _ => self.iconst(POINTER, place.cast_signed()),
        }
    }

    /// A constant of 64 bits that Cranelift does not see: it computes nothing with it in advance.
    /// On aarch64 these are two instructions, before a loop if the use is in one.
    pub fn hidden_constant(&mut self, value: u64) -> Value {
        let reversed = self.iconst(I64, value.reverse_bits().cast_signed());
        self.builder.ins().bitrev(reversed)
    }

    /// Flags of accesses that cannot fail, to what is ours and not Wasm's: in the byte order of the
    /// machine.
    pub fn trusted(&mut self, region: Region) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(self.region(region))
    }

    /// Flags of accesses to a Wasm address, which the guard after the memory checks.
    pub fn checked(&mut self, memory: MemoryIndex) -> MemFlagsData {
        MemFlagsData::new()
            .with_endianness(Endianness::Little)
            .with_trap_code(Some(trap_code(Trap::MemoryOutOfBounds)))
            .with_alias_region(self.region(Region::Memory(memory)))
    }

    /// Flags of reads of the page [`Symbol::PollPage`], which fault where an interrupt is wanted.
    pub fn polling(&mut self) -> MemFlagsData {
        MemFlagsData::new()
            .with_trap_code(Some(trap_code(Trap::Interrupted)))
            .with_alias_region(self.region(Region::PollPage))
    }

    /// Flags of accesses to a group of memory.
    pub fn in_region(&mut self, flags: MemFlagsData, region: Region) -> MemFlagsData {
        flags.with_alias_region(self.region(region))
    }

    fn region(&mut self, region: Region) -> Option<AliasRegion> {
        let module = self.env.module;
        // Two imports may be the same thing under two names, or come back to one of ours: a kind
        // with imports shares one region.
        let (kind, index, imported) = match region {
            Region::Descriptor => (0, 0, false),
            Region::Counters => (0, 1, false),
            Region::PollPage => (0, 2, false),
            Region::Heap => (0, 3, false),
            Region::Header => (0, 4, false),
            Region::Length => (0, 5, false),
            Region::Elements => (0, 6, false),
            Region::TypeRecord => (0, 7, false),
            Region::Kept => (0, Region::KEPT, false),
            Region::Field(it) => (4, u32::try_from(it).unwrap_or(u32::MAX), false),
            Region::Memory(it) => {
                (1, it.as_u32(), module.memories.values().next().is_some_and(|it| it.definition.is_import()))
            }
            Region::Table(it) => {
                (2, it.as_u32(), module.tables.values().next().is_some_and(|it| it.definition.is_import()))
            }
            Region::Global(it) => {
                (3, it.as_u32(), module.globals.values().next().is_some_and(|it| it.definition.is_import()))
            }
        };
        let index = if imported { 0 } else { index.min(Region::LAST) };
        let user_id = kind << Region::BITS | index;
        let regions = &mut self.builder.func.dfg.alias_regions;
        Some(regions.get(user_id).unwrap_or_else(|| {
            let description = match region {
                Region::Descriptor => "descriptors",
                Region::Memory(_) => "memory",
                Region::Table(_) => "table",
                Region::Global(_) => "global",
                Region::Counters => "counters",
                Region::PollPage => "poll page",
                Region::Heap => "heap",
                Region::Header => "headers",
                Region::Length => "lengths",
                Region::Elements => "elements",
                Region::Field(_) => "field",
                Region::TypeRecord => "type records",
                Region::Kept => "kept references",
            };
            let description = description.into();
            regions.insert(AliasRegionData { user_id, description })
        }))
    }

    /// What `symbol` stands for, if the linker may put it far away, or the loader in a library:
    /// others define it, or it is a global that a host's own copy may replace. Everything else
    /// stands next to the code. So do imported functions: they are called, never addressed, and
    /// where they are far away, the linker calls through a stub.
    fn slot_of(&self, symbol: Symbol) -> Option<EntityIndex> {
        let Env { module, linkage, layout, .. } = self.env;
        let (entity, imported) = match symbol {
            Symbol::Global(it) if layout.globals_shown.contains(it) => return Some(EntityIndex::Global(it)),
            Symbol::Global(it) => (EntityIndex::Global(it), module.globals[it].definition.is_import()),
            Symbol::Table(it) => (EntityIndex::Table(it), module.tables[it].definition.is_import()),
            Symbol::Tag(it) => (EntityIndex::Tag(it), module.tags[it].definition.is_import()),
            _ => return None,
        };
        (imported && linkage.provider(entity).is_none()).then_some(entity)
    }

    /// The internal signature of a function type.
    pub fn signature(&mut self, ty: TypeIndex) -> SigRef {
        if let Some(signature) = self.scratch.signatures.get(&ty) {
            return *signature;
        }
        let signature = self.builder.import_signature(signature::internal(self.env.module.signature(ty)));
        self.scratch.signatures.insert(ty, signature);
        signature
    }

    /// A callee: [`Symbol::Function`], [`Symbol::Import`] or [`Symbol::Builtin`].
    pub fn callee(&mut self, symbol: Symbol) -> FuncRef {
        if let Some(callee) = self.scratch.functions.get(&symbol) {
            return *callee;
        }
        let signature = match symbol {
            Symbol::Function(func) => self.signature(self.env.module.functions[func].ty),
            Symbol::Import(func) => {
                let ty = self.env.module.function_type(func);
                let mut signature = signature::c(self.env, ty);
                if self.env.with_data.contains(&func) {
                    signature.params.insert(0, AbiParam::new(POINTER));
                }
                self.builder.import_signature(signature)
            }
            Symbol::Builtin(it) => self.builder.import_signature(signature::builtin(self.env, it)),
            other => panic!("{other:?} is never called"),
        };
        self.declare_callee(symbol, signature)
    }

    /// A callee of any kind, with a signature that belongs to it.
    pub fn callee_with(&mut self, symbol: Symbol, signature: Signature) -> FuncRef {
        if let Some(callee) = self.scratch.functions.get(&symbol) {
            return *callee;
        }
        let signature = self.builder.import_signature(signature);
        self.declare_callee(symbol, signature)
    }

    fn declare_callee(&mut self, symbol: Symbol, signature: SigRef) -> FuncRef {
        let name = self.builder.func.declare_imported_user_function(symbol.encode());
        let callee = self.builder.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        self.scratch.functions.insert(symbol, callee);
        callee
    }

    /// Calls a function of the runtime; its result, if it has one.
    pub fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        let callee = self.callee(Symbol::Builtin(builtin));
        let call = self.builder.ins().call(callee, args);
        self.results(call).first().copied()
    }

    /// Whether the function speaks the platform's C convention: it is imported, and not from
    /// another module of the program, and something defines it.
    pub fn is_foreign(&self, func: FuncIndex) -> bool {
        let Env { module, linkage, undefined, .. } = *self.env;
        let is_import = module.functions[func].definition.is_import();
        is_import && linkage.function(func).is_none() && !undefined.contains(&func)
    }
}
