//! Constant folding, and simplifications that need no more than one look at the operands: neutral
//! elements, conversions there and back, comparisons with zero, branches whose way is known.

use super::rename::Renaming;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, Const, Edge, End, Function, Inst, Op, Value};

/// Requires: SSA form. Leaves: no pure operator with constant operands only, no branch on a
/// constant; dead instructions and blocks.
pub fn fold(function: &mut Function) {
    let mut folder = Folder { known: vec![Known::Nothing; function.values.len()], renaming: Renaming::new(function) };
    for block in super::graph::order(function) {
        let mut insts = std::mem::take(&mut function.blocks[block.index()].insts);
        for inst in &mut insts {
            inst.args.iter_mut().for_each(|arg| *arg = folder.renaming.get(*arg));
            folder.inst(inst);
        }
        function.blocks[block.index()].insts = insts;
        let mut end = std::mem::replace(&mut function.blocks[block.index()].end, End::Unreachable);
        end.map_args(|value| folder.renaming.get(value));
        function.blocks[block.index()].end = folder.end(end);
    }
    folder.renaming.apply(function);
    super::dead::remove_unreachable(function);
}

struct Folder {
    /// By value, as far as seen.
    known: Vec<Known>,
    renaming: Renaming,
}

/// How a value is made.
#[derive(Copy, Clone)]
enum Known {
    Nothing,
    Const(Const),
    /// The second argument of a unary operator is the first again.
    Numeric(Numeric, [Value; 2]),
}

impl Folder {
    fn constant(&self, value: Value) -> Option<Const> {
        match self.known[value.index()] {
            Known::Const(constant) => Some(constant),
            _ => None,
        }
    }

    /// The integer that a value is known to be.
    fn integer(&self, value: Value) -> Option<i64> {
        match self.constant(value)? {
            Const::I32(value) => Some(i64::from(value)),
            Const::I64(value) => Some(value),
            Const::F32(_) | Const::F64(_) => None,
        }
    }

    fn numeric(&self, value: Value) -> Option<(Numeric, &[Value])> {
        match &self.known[value.index()] {
            Known::Numeric(numeric, args) => Some((*numeric, &args[..numeric.parameters().len()])),
            _ => None,
        }
    }

    fn inst(&mut self, inst: &mut Inst) {
        match &inst.op {
            Op::Numeric(numeric) => {
                let constants: Option<Vec<_>> = inst.args.iter().map(|arg| self.constant(*arg)).collect();
                if let Some(result) = constants.and_then(|constants| evaluate(*numeric, &constants)) {
                    inst.op = Op::Const(result);
                    inst.args.clear();
                } else if let Some(same) = self.simplify(*numeric, inst) {
                    self.renaming.replace(inst.results[0], same);
                    return;
                }
            }
            Op::Select => {
                let [then, otherwise, condition] = inst.args[..] else { unreachable!("a select has three arguments") };
                let chosen = match self.integer(condition) {
                    _ if then == otherwise => Some(then),
                    Some(0) => Some(otherwise),
                    Some(_) => Some(then),
                    None => None,
                };
                if let Some(chosen) = chosen {
                    self.renaming.replace(inst.results[0], chosen);
                    return;
                }
            }
            _ => {}
        }
        let known = match inst.op {
            Op::Const(constant) => Known::Const(constant),
            Op::Numeric(numeric) => Known::Numeric(numeric, [inst.args[0], inst.args[inst.args.len() - 1]]),
            _ => return,
        };
        self.known[inst.results[0].index()] = known;
    }

    /// Rewrites an instruction into a simpler one, or says which value it is.
    fn simplify(&self, numeric: Numeric, inst: &mut Inst) -> Option<Value> {
        use Numeric::*;
        let arg = inst.args[0];
        match (numeric, self.numeric(arg)) {
            (I32WrapI64, Some((I64ExtendI32S | I64ExtendI32U, inner))) => return Some(inner[0]),
            // Twice the opposite: of comparisons only, which are 0 or 1.
            (I32Eqz, Some((comparison, inner))) => {
                if let Some(opposite) = opposite(comparison) {
                    inst.op = Op::Numeric(opposite);
                    inst.args = inner.to_vec();
                    return None;
                }
            }
            _ => {}
        }
        let &[left, right] = &inst.args[..] else { return None };
        let (left_is, right_is) = (self.integer(left), self.integer(right));
        match (numeric, left_is, right_is) {
            (I32Add | I64Add | I32Or | I64Or | I32Xor | I64Xor, Some(0), _) => Some(right),
            (I32Add | I64Add | I32Sub | I64Sub | I32Or | I64Or | I32Xor | I64Xor, _, Some(0)) => Some(left),
            (I32Shl | I64Shl | I32ShrS | I64ShrS | I32ShrU | I64ShrU, _, Some(0)) => Some(left),
            (I32Mul | I64Mul, Some(1), _) => Some(right),
            (I32Mul | I64Mul | I32DivS | I64DivS | I32DivU | I64DivU, _, Some(1)) => Some(left),
            (I32And | I64And, _, Some(-1)) => Some(left),
            (I32Ne, _, Some(0)) if self.numeric(left).is_some_and(|(inner, _)| opposite(inner).is_some()) => Some(left),
            (I32Eq, _, Some(0)) => {
                inst.op = Op::Numeric(I32Eqz);
                inst.args.truncate(1);
                self.simplify(I32Eqz, inst)
            }
            (I64Eq, _, Some(0)) => {
                inst.op = Op::Numeric(I64Eqz);
                inst.args.truncate(1);
                None
            }
            _ => None,
        }
    }

    fn end(&self, end: End) -> End {
        match end {
            End::Branch { condition, then, otherwise } => match (self.integer(condition), self.numeric(condition)) {
                (Some(0), _) => End::Jump(otherwise),
                (Some(_), _) => End::Jump(then),
                (None, Some((Numeric::I32Eqz, inner))) => {
                    End::Branch { condition: inner[0], then: otherwise, otherwise: then }
                }
                _ => End::Branch { condition, then, otherwise },
            },
            End::Switch { index, targets, default } => match self.integer(index) {
                Some(known) => {
                    let chosen: Option<&BlockId> = targets.get(known as u32 as usize);
                    End::Jump(Edge { block: *chosen.unwrap_or(&default), args: Vec::new() })
                }
                None => End::Switch { index, targets, default },
            },
            other => other,
        }
    }
}

/// The comparison that is true where this one is false. Not of floats, which can be unordered.
pub fn opposite(numeric: Numeric) -> Option<Numeric> {
    use Numeric::*;
    Some(match numeric {
        I32Eq => I32Ne,
        I32Ne => I32Eq,
        I32LtS => I32GeS,
        I32LtU => I32GeU,
        I32GtS => I32LeS,
        I32GtU => I32LeU,
        I32LeS => I32GtS,
        I32LeU => I32GtU,
        I32GeS => I32LtS,
        I32GeU => I32LtU,
        I64Eq => I64Ne,
        I64Ne => I64Eq,
        I64LtS => I64GeS,
        I64LtU => I64GeU,
        I64GtS => I64LeS,
        I64GtU => I64LeU,
        I64LeS => I64GtS,
        I64LeU => I64GtU,
        I64GeS => I64LtS,
        I64GeU => I64LtU,
        _ => return None,
    })
}

/// The result for constant operands; none where it would trap, and for operators on floats whose
/// result is not worth the risk of a different rounding or NaN.
pub fn evaluate(numeric: Numeric, args: &[Const]) -> Option<Const> {
    match *args {
        [Const::I32(value)] => unary_i32(numeric, value),
        [Const::I64(value)] => unary_i64(numeric, value),
        [Const::I32(left), Const::I32(right)] => binary_i32(numeric, left, right).map(Const::I32),
        [Const::I64(left), Const::I64(right)] => binary_i64(numeric, left, right),
        _ => None,
    }
}

fn unary_i32(numeric: Numeric, value: i32) -> Option<Const> {
    use Numeric::*;
    Some(match numeric {
        I32Eqz => Const::I32(i32::from(value == 0)),
        I32Clz => Const::I32(value.leading_zeros() as i32),
        I32Ctz => Const::I32(value.trailing_zeros() as i32),
        I32Popcnt => Const::I32(value.count_ones() as i32),
        I32Extend8S => Const::I32(i32::from(value as i8)),
        I32Extend16S => Const::I32(i32::from(value as i16)),
        I64ExtendI32S => Const::I64(i64::from(value)),
        I64ExtendI32U => Const::I64(i64::from(value as u32)),
        F32ReinterpretI32 => Const::F32(value as u32),
        F64ConvertI32S => Const::F64(f64::from(value).to_bits()),
        F64ConvertI32U => Const::F64(f64::from(value as u32).to_bits()),
        _ => return None,
    })
}

fn unary_i64(numeric: Numeric, value: i64) -> Option<Const> {
    use Numeric::*;
    Some(match numeric {
        I64Eqz => Const::I32(i32::from(value == 0)),
        I64Clz => Const::I64(i64::from(value.leading_zeros())),
        I64Ctz => Const::I64(i64::from(value.trailing_zeros())),
        I64Popcnt => Const::I64(i64::from(value.count_ones())),
        I64Extend8S => Const::I64(i64::from(value as i8)),
        I64Extend16S => Const::I64(i64::from(value as i16)),
        I64Extend32S => Const::I64(i64::from(value as i32)),
        I32WrapI64 => Const::I32(value as i32),
        F64ReinterpretI64 => Const::F64(value as u64),
        F64ConvertI64S => Const::F64((value as f64).to_bits()),
        F64ConvertI64U => Const::F64((value as u64 as f64).to_bits()),
        _ => return None,
    })
}

fn binary_i32(numeric: Numeric, left: i32, right: i32) -> Option<i32> {
    use Numeric::*;
    let (unsigned_left, unsigned_right) = (left as u32, right as u32);
    Some(match numeric {
        I32Eq => i32::from(left == right),
        I32Ne => i32::from(left != right),
        I32LtS => i32::from(left < right),
        I32LtU => i32::from(unsigned_left < unsigned_right),
        I32GtS => i32::from(left > right),
        I32GtU => i32::from(unsigned_left > unsigned_right),
        I32LeS => i32::from(left <= right),
        I32LeU => i32::from(unsigned_left <= unsigned_right),
        I32GeS => i32::from(left >= right),
        I32GeU => i32::from(unsigned_left >= unsigned_right),
        I32Add => left.wrapping_add(right),
        I32Sub => left.wrapping_sub(right),
        I32Mul => left.wrapping_mul(right),
        I32DivS => left.checked_div(right)?,
        I32DivU => unsigned_left.checked_div(unsigned_right)? as i32,
        I32RemS => (right != 0).then(|| left.wrapping_rem(right))?,
        I32RemU => unsigned_left.checked_rem(unsigned_right)? as i32,
        I32And => left & right,
        I32Or => left | right,
        I32Xor => left ^ right,
        I32Shl => left.wrapping_shl(unsigned_right),
        I32ShrS => left.wrapping_shr(unsigned_right),
        I32ShrU => unsigned_left.wrapping_shr(unsigned_right) as i32,
        _ => return None,
    })
}

fn binary_i64(numeric: Numeric, left: i64, right: i64) -> Option<Const> {
    use Numeric::*;
    let (unsigned_left, unsigned_right) = (left as u64, right as u64);
    let truth = |holds: bool| Some(Const::I32(i32::from(holds)));
    match numeric {
        I64Eq => return truth(left == right),
        I64Ne => return truth(left != right),
        I64LtS => return truth(left < right),
        I64LtU => return truth(unsigned_left < unsigned_right),
        I64GtS => return truth(left > right),
        I64GtU => return truth(unsigned_left > unsigned_right),
        I64LeS => return truth(left <= right),
        I64LeU => return truth(unsigned_left <= unsigned_right),
        I64GeS => return truth(left >= right),
        I64GeU => return truth(unsigned_left >= unsigned_right),
        _ => {}
    }
    Some(Const::I64(match numeric {
        I64Add => left.wrapping_add(right),
        I64Sub => left.wrapping_sub(right),
        I64Mul => left.wrapping_mul(right),
        I64DivS => left.checked_div(right)?,
        I64DivU => unsigned_left.checked_div(unsigned_right)? as i64,
        I64RemS => (right != 0).then(|| left.wrapping_rem(right))?,
        I64RemU => unsigned_left.checked_rem(unsigned_right)? as i64,
        I64And => left & right,
        I64Or => left | right,
        I64Xor => left ^ right,
        I64Shl => left.wrapping_shl(right as u32),
        I64ShrS => left.wrapping_shr(right as u32),
        I64ShrU => unsigned_left.wrapping_shr(right as u32) as i64,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_traps_is_not_folded() {
        let i64s = |left, right| [Const::I64(left), Const::I64(right)];
        assert_eq!(evaluate(Numeric::I64DivS, &i64s(1, 0)), None);
        assert_eq!(evaluate(Numeric::I64DivS, &i64s(i64::MIN, -1)), None);
        assert_eq!(evaluate(Numeric::I64RemS, &i64s(i64::MIN, -1)), Some(Const::I64(0)));
        assert_eq!(evaluate(Numeric::I64ShrU, &i64s(-1, 65)), Some(Const::I64(i64::MAX)));
        assert_eq!(evaluate(Numeric::I32Eqz, &[Const::I32(0)]), Some(Const::I32(1)));
    }
}
