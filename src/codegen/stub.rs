//! Code that no compiler makes: a few instructions before a jump to a C function.

use crate::code::{CompiledFunction, Relocation, RelocationKind, RelocationTarget};
use crate::layout::Symbol;
use crate::number::to_u32;
use crate::translate::Env;
use crate::wasm::FuncIndex;

/// [`Symbol::Variadic`]: what the platform asks of a call with variable arguments, then the
/// function itself.
///
/// # Panics
/// When the platform asks for nothing.
pub fn variadic(env: &Env, func: FuncIndex) -> CompiledFunction {
    const JUMP: [u8; 5] = [0xe9, 0, 0, 0, 0];
    let declared = env.foreign.function(func).expect("only declared functions are variadic");
    let mut bytes = env.c.variadic_stub(declared).expect("the caller asked");
    let [jump, field @ ..] = JUMP;
    bytes.push(jump);
    let relocation = Relocation {
        offset: to_u32(bytes.len()),
        kind: RelocationKind::Call4,
        target: RelocationTarget::Symbol(Symbol::Import(func)),
        // From the end of the field.
        addend: -4,
    };
    bytes.extend(field);
    CompiledFunction {
        symbol: Symbol::Variadic(func),
        bytes,
        alignment: 16,
        relocations: vec![relocation],
        sites: Vec::new(),
        compared: Vec::new(),
        try_calls: Vec::new(),
        frame: None,
        inlined: Vec::new(),
        has_frame: false,
        stored: 0,
        debug: None,
    }
}
