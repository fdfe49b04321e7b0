//! Where the outside enters: C's `main` of a program.

use super::signature::POINTER;
use super::thunk::thunk;
use super::{Env, begin};
use crate::abi::Builtin;
use crate::layout::Symbol;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature, types};

/// `int main(int argc, char **argv, char **envp)`: hands over to the runtime, with the program's description.
pub fn main(env: &Env, out: &mut ir::Function) {
    let mut signature = Signature::new(env.target.default_call_conv);
    signature.params.extend([types::I32, POINTER, POINTER].map(AbiParam::new));
    signature.returns.push(AbiParam::new(types::I32));
    begin(out, Symbol::Main, signature);
    thunk(env, out, |it, params| {
        let program = it.address_of(Symbol::Program);
        let status = it.call_builtin(Builtin::Main, &[params[0], params[1], params[2], program]);
        it.builder.ins().return_(&[status.expect("the runtime returns the exit status")]);
    });
}
