//! What Cranelift made of a function, as a [`CompiledFunction`].

use super::{compared, frame};
use crate::code::{
    CompiledFunction, DebugMap, Inlined, Position, Relocation, RelocationKind, RelocationTarget, Site, TryCall,
};
use crate::codegen::inline::origin::{Origin, Origins};
use crate::layout::Symbol;
use crate::number::{to_u32, to_usize};
use crate::translate::trap_of;
use crate::wasm::TagIndex;
use anyhow::Result;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, Function, LibCall, UserFuncName};
use cranelift_codegen::isa::{FunctionAlignment, TargetIsa};
use cranelift_codegen::settings::OptLevel;
use cranelift_codegen::{CompiledCode, FinalizedMachExceptionHandler, FinalizedMachReloc, FinalizedRelocTarget};

/// Everything that the object needs of a compiled function. `compares` says that indices are
/// compared with the size of a memory.
///
/// # Errors
/// When there is no frame information for it.
pub fn read(
    isa: &dyn TargetIsa,
    function: &Function,
    code: &CompiledCode,
    origins: &Origins,
    mut debug: Option<DebugMap>,
    compares: bool,
) -> Result<CompiledFunction> {
    let UserFuncName::User(name) = &function.name else {
        panic!("translation names every function by its symbol");
    };
    let symbol = Symbol::decode(name);
    let bytes = code.code_buffer().to_vec();
    let mut sites = sites(code, origins);
    let compared = if compares { compared::find(isa, code, origins, &sites) } else { Vec::new() };
    let positions = debug.as_mut().map_or(&mut [][..], |debug| &mut debug.positions);
    let inlined = used(origins, &mut sites, positions);
    Ok(CompiledFunction {
        symbol,
        has_frame: frame::is_set_up(code),
        inlined,
        debug,
        // Its convention `Tail` preserves none.
        stored: 0,
        alignment: alignment(isa).max(code.buffer.alignment),
        relocations: code.buffer.relocs().iter().map(|reloc| relocation(function, &bytes, reloc)).collect(),
        sites,
        compared,
        try_calls: try_calls(code),
        frame: frame::describe(isa, code)?,
        bytes,
    })
}

/// Where functions begin: for speed at lines of the processor's, for size one after the other.
/// Constants of a function ask for more.
fn alignment(isa: &dyn TargetIsa) -> u32 {
    let FunctionAlignment { minimum, preferred } = isa.function_alignment();
    match isa.flags().opt_level() {
        OptLevel::SpeedAndSize => minimum,
        OptLevel::None | OptLevel::Speed => preferred.max(minimum),
    }
}

fn relocation(function: &Function, bytes: &[u8], reloc: &FinalizedMachReloc) -> Relocation {
    let target = match &reloc.target {
        FinalizedRelocTarget::Func(offset) => RelocationTarget::Here(*offset),
        FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
            RelocationTarget::Symbol(Symbol::decode(&function.params.user_named_funcs()[*name]))
        }
        FinalizedRelocTarget::ExternalName(ExternalName::LibCall(libcall)) => {
            RelocationTarget::Runtime(libcall_symbol(*libcall))
        }
        other => panic!("translation makes no such name: {other:?}"),
    };
    let kind = match reloc.kind {
        Reloc::Abs8 => RelocationKind::Absolute8,
        Reloc::X86CallPCRel4 if is_x86_call(bytes, reloc.offset) => RelocationKind::Call4,
        // What is called there is `__tls_get_addr`.
        Reloc::X86CallPLTRel4 => RelocationKind::Call4,
        Reloc::X86PCRel4 | Reloc::X86CallPCRel4 => RelocationKind::Relative4,
        Reloc::ElfX86_64TlsGd => RelocationKind::ThreadLocal4,
        Reloc::Arm64Call => RelocationKind::Aarch64Call26,
        Reloc::Aarch64AdrPrelPgHi21 => RelocationKind::Aarch64Page21,
        Reloc::Aarch64AddAbsLo12Nc => RelocationKind::Aarch64PageOffset12,
        Reloc::Aarch64TlsDescAdrPage21 => RelocationKind::Aarch64ThreadLocalPage21,
        Reloc::Aarch64TlsDescLd64Lo12 => RelocationKind::Aarch64ThreadLocalLoad12,
        Reloc::Aarch64TlsDescAddLo12 => RelocationKind::Aarch64ThreadLocalAdd12,
        Reloc::Aarch64TlsDescCall => RelocationKind::Aarch64ThreadLocalCall,
        Reloc::RiscvCallPlt => RelocationKind::RiscvCall,
        Reloc::RiscvPCRelHi20 => RelocationKind::RiscvPcrelHi20,
        Reloc::RiscvPCRelLo12I => RelocationKind::RiscvPcrelLo12,
        Reloc::S390xPCRel32Dbl => RelocationKind::S390xRelative4,
        Reloc::S390xPLTRel32Dbl => RelocationKind::S390xCall4,
        other => {
            panic!("code all of whose symbols are near has no relocation {other:?}")
        }
    };
    Relocation { offset: reloc.offset, kind, target, addend: reloc.addend }
}

/// Whether the field at `offset` belongs to `call` or `jmp`. Cranelift has one kind of relocation
/// for them and for `lea`, whose field follows the byte that names the register, which is never one
/// of these.
fn is_x86_call(bytes: &[u8], offset: u32) -> bool {
    const CALL: u8 = 0xe8;
    const JMP: u8 = 0xe9;
    matches!(bytes[..offset as usize].last(), Some(&(CALL | JMP)))
}

/// Traps and return addresses in code order, with the operators they come from.
fn sites(code: &CompiledCode, origins: &Origins) -> Vec<Site> {
    let traps = code.buffer.traps().iter().map(|trap| (trap.offset, Some(trap_of(trap.code))));
    let calls = code.buffer.call_sites().map(|call| (call.ret_addr, None));
    let mut sites: Vec<Site> =
        traps.chain(calls).map(|(offset, trap)| Site { offset, trap, wasm_offset: 0, scope: 0 }).collect();
    // Calls first: a trap may stand where a call before it returns to.
    sites.sort_by_key(|site| (site.offset, site.trap.is_some()));
    let mut locations = code.buffer.get_srclocs_sorted().iter().peekable();
    for site in &mut sites {
        // A return address follows its call: the byte before belongs to the call.
        let n_before = u32::from(site.trap.is_none());
        let inside = site.offset.checked_sub(n_before).expect("a call is not empty");
        while locations.next_if(|location| location.end <= inside).is_some() {}
        if let Some(location) = locations.peek().filter(|location| location.start <= inside) {
            Origin { wasm_offset: site.wasm_offset, scope: site.scope } = origins.origin(location.loc);
        }
    }
    sites
}

/// The copies that sites and positions are in, and those around them. Both get their numbers.
fn used(origins: &Origins, sites: &mut [Site], positions: &mut [Position]) -> Vec<Inlined> {
    let all = origins.inlined();
    let place = |scope: u32| scope.checked_sub(1).map(|place| to_usize(place.into()));
    let mut is_used = vec![false; all.len()];
    let scopes = sites.iter().map(|site| site.scope).chain(positions.iter().map(|position| position.scope));
    for scope in scopes {
        let mut next = place(scope);
        while let Some(scope) = next.filter(|scope| !is_used[*scope]) {
            is_used[scope] = true;
            next = place(all[scope].parent);
        }
    }
    let mut numbers = vec![0; all.len()];
    let mut inlined: Vec<Inlined> = Vec::new();
    let number = |numbers: &[u32], scope| place(scope).map_or(0, |scope| numbers[scope]);
    for (scope, copy) in all.iter().enumerate().filter(|(scope, _)| is_used[*scope]) {
        inlined.push(Inlined { parent: number(&numbers, copy.parent), ..*copy });
        numbers[scope] = to_u32(inlined.len());
    }
    sites.iter_mut().for_each(|site| site.scope = number(&numbers, site.scope));
    positions.iter_mut().for_each(|position| position.scope = number(&numbers, position.scope));
    inlined
}

/// The handlers of calls that have some, in code order.
fn try_calls(code: &CompiledCode) -> Vec<TryCall> {
    let calls = code.buffer.call_sites().filter(|call| !call.exception_handlers.is_empty());
    let mut calls: Vec<_> = calls
        .map(|call| TryCall {
            return_address: call.ret_addr,
            frame_size: call.frame_offset.expect("every back end tells where a call's frame is"),
            handlers: call.exception_handlers.iter().map(handler).collect(),
        })
        .collect();
    calls.sort_by_key(|call| call.return_address);
    calls
}

fn handler(handler: &FinalizedMachExceptionHandler) -> (Option<TagIndex>, u32) {
    match *handler {
        FinalizedMachExceptionHandler::Tag(tag, landing) => (Some(TagIndex::from_u32(tag.as_u32())), landing),
        FinalizedMachExceptionHandler::Default(landing) => (None, landing),
        FinalizedMachExceptionHandler::Context(_) => panic!("translation gives tags no context"),
    }
}

/// The functions that Cranelift knows and calls, and their C symbols.
const LIBCALLS: [(LibCall, &str); 16] = [
    (LibCall::CeilF32, "ceilf"),
    (LibCall::CeilF64, "ceil"),
    (LibCall::FloorF32, "floorf"),
    (LibCall::FloorF64, "floor"),
    (LibCall::TruncF32, "truncf"),
    (LibCall::TruncF64, "trunc"),
    (LibCall::NearestF32, "nearbyintf"),
    (LibCall::NearestF64, "nearbyint"),
    (LibCall::FmaF32, "fmaf"),
    (LibCall::FmaF64, "fma"),
    (LibCall::Memcpy, "memcpy"),
    (LibCall::Memset, "memset"),
    (LibCall::Memmove, "memmove"),
    (LibCall::Memcmp, "memcmp"),
    (LibCall::X86Pshufb, "w2n_x86_pshufb"),
    (LibCall::ElfTlsGetAddr, "__tls_get_addr"),
];

/// The C symbol of a function that Cranelift knows.
pub fn libcall_symbol(libcall: LibCall) -> &'static str {
    let row = LIBCALLS.iter().find(|(known, _)| *known == libcall);
    row.unwrap_or_else(|| panic!("code has no call to {libcall}")).1
}

/// The C symbol of that name, if [`libcall_symbol`] knows it.
pub fn known_symbol(name: &str) -> Option<&'static str> {
    LIBCALLS.iter().find(|(_, known)| *known == name).map(|(_, known)| *known)
}
