//! The intermediate form as text, for `--emit ir` and `--emit ssa`, and for messages of the
//! verifier.

use super::module::{FuncKind, Module};
use super::{BlockId, Const, Counted, Edge, End, Function, Inst, Op, Pinned, Type, Value};
use std::fmt;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
        })
    }
}

impl fmt::Display for Const {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Const::I32(value) => write!(f, "i32 {value}"),
            Const::I64(value) => write!(f, "i64 {value}"),
            Const::F32(bits) => write!(f, "f32 {}", f32::from_bits(*bits)),
            Const::F64(bits) => write!(f, "f64 {}", f64::from_bits(*bits)),
        }
    }
}

/// Values with commas between them.
fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.block)?;
        if self.args.is_empty() { Ok(()) } else { write!(f, "({})", list(&self.args)) }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Jump(edge) => write!(f, "jump {edge}"),
            End::Branch { condition, then, otherwise } => write!(f, "branch {condition}, {then}, {otherwise}"),
            End::Switch { index, targets, default } => write!(f, "switch {index}, [{}], {default}", list(targets)),
            End::Return(values) if values.is_empty() => f.write_str("return"),
            End::Return(values) => write!(f, "return {}", list(values)),
            End::Unreachable => f.write_str("unreachable"),
        }
    }
}

/// A module or a function, with names for what is called.
pub struct Printed<'a> {
    pub function: &'a Function,
    pub module: &'a Module,
}

impl Printed<'_> {
    fn inst(&self, f: &mut fmt::Formatter<'_>, inst: &Inst) -> fmt::Result {
        f.write_str("    ")?;
        if !inst.results.is_empty() {
            write!(f, "{} = ", list(&inst.results))?;
        }
        match &inst.op {
            Op::Const(constant) => write!(f, "{constant}")?,
            Op::Numeric(numeric) => f.write_str(numeric.name())?,
            Op::Select => f.write_str("select")?,
            Op::Load { access, offset } => write!(f, "load.{}+{offset}", format!("{access:?}").to_lowercase())?,
            Op::Store { access, offset } => write!(f, "store.{}+{offset}", format!("{access:?}").to_lowercase())?,
            Op::MemoryCopy => f.write_str("memory.copy")?,
            Op::MemoryFill => f.write_str("memory.fill")?,
            Op::MemoryGrow => f.write_str("memory.grow")?,
            Op::MemorySize => f.write_str("memory.size")?,
            Op::Frame(offset) => write!(f, "frame+{offset}")?,
            Op::HeapBase => f.write_str("heap_base")?,
            Op::Call(func) => write!(f, "call `{}`", self.module.functions[func.0 as usize].name)?,
            Op::CallCatching(func) => {
                write!(f, "call_catching `{}`", self.module.functions[func.0 as usize].name)?;
            }
            Op::Throw => f.write_str("throw")?,
            Op::CallIndirect(signature) => {
                write!(f, "call_indirect ({}) -> ({})", list(&signature.params), list(&signature.results))?;
            }
            Op::Retain(Counted::Object) => f.write_str("retain")?,
            Op::Retain(Counted::Buffer) => f.write_str("retain.buffer")?,
            Op::Release(Counted::Object) => f.write_str("release")?,
            Op::Release(Counted::Buffer) => f.write_str("release.buffer")?,
            Op::Pin(Pinned::Free) => f.write_str("pin.buffer")?,
            Op::Pin(Pinned::Argument) => f.write_str("pin.argument")?,
            Op::Get(variable) => write!(f, "get ${}", variable.0)?,
            Op::Set(variable) => write!(f, "set ${}", variable.0)?,
        }
        if inst.args.is_empty() { writeln!(f) } else { writeln!(f, " {}", list(&inst.args)) }
    }
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = self.function;
        let signature = &function.signature;
        writeln!(f, "fn `{}` ({}) -> ({})", function.name, list(&signature.params), list(&signature.results))?;
        if function.frame_size > 0 {
            writeln!(f, "    ; frame of {} bytes", function.frame_size)?;
        }
        for (number, ty) in function.variables.iter().enumerate() {
            writeln!(f, "    ; ${number}: {ty}")?;
        }
        for (id, block) in function.block_ids().zip(&function.blocks) {
            let param = |value: &Value| format!("{value}: {}", function.ty(*value));
            let params = block.params.iter().map(param).collect::<Vec<_>>().join(", ");
            if params.is_empty() {
                writeln!(f, "{id}:")?
            } else {
                writeln!(f, "{id}({params}):")?
            }
            for inst in &block.insts {
                self.inst(f, inst)?;
            }
            writeln!(f, "    {}", block.end)?;
        }
        Ok(())
    }
}

/// The text of all functions, imports first.
pub fn print(module: &Module) -> String {
    let mut text = String::new();
    for decl in &module.functions {
        if let FuncKind::Import { module, name } = &decl.kind {
            let (params, results) = (list(&decl.signature.params), list(&decl.signature.results));
            text.push_str(&format!("import `{module}.{name}` ({params}) -> ({results})\n"));
        }
    }
    for data in &module.data {
        text.push_str(&format!("data {}: {}\n", data.address, data.bytes.escape_ascii()));
    }
    for function in module.defined() {
        text.push_str(&format!("\n{}", Printed { function, module }));
    }
    text
}
