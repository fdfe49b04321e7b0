//! Every kind of access that the instruction set has, and what each one does to the bytes that it
//! reaches.
//!
//! [`all`] makes the list from the naming scheme of the specification. A kind knows how many bytes
//! it reaches, the text of an instruction, its result for given bytes, and the bytes that it
//! leaves. Nothing here knows where the bytes lie.

/// The operand of all stores and modifications; narrow ones use its low bytes.
const OPERAND: u128 = 0x0f1e_2d3c_4b5a_6978_f1e2_d3c4_b5a6_9788;

/// The vector into which lanes are loaded.
const VECTOR: u128 = 0x1011_1213_1415_1617_1819_1a1b_1c1d_1e1f;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::V128 => "v128",
        }
    }

    /// Of the bits of a value as an integer.
    fn bits(self) -> u32 {
        match self {
            Type::I32 | Type::F32 => 32,
            Type::I64 | Type::F64 => 64,
            Type::V128 => 128,
        }
    }

    /// How scripts see a value. Floating-point numbers are shown as their bits, because of NaN.
    fn shown(self) -> Type {
        match self {
            Type::F32 => Type::I32,
            Type::F64 => Type::I64,
            other => other,
        }
    }

    /// `value` as a constant, of which the low bits count.
    pub fn constant(self, value: u128) -> String {
        match self {
            Type::I32 => format!("(i32.const {:#x})", value as u32),
            Type::I64 => format!("(i64.const {:#x})", value as u64),
            Type::F32 => format!("(f32.reinterpret_i32 {})", Type::I32.constant(value)),
            Type::F64 => format!("(f64.reinterpret_i64 {})", Type::I64.constant(value)),
            Type::V128 => format!("(v128.const i64x2 {:#x} {:#x})", value as u64, (value >> 64) as u64),
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A number, extended by zeros or by its sign.
    Load {
        signed: bool,
    },
    /// Lanes of this many bytes, each extended to twice its width.
    LoadLanes {
        lane: u64,
        signed: bool,
    },
    Splat,
    LoadLane,
    Store,
    StoreLane,
    Modify(Modification),
    /// The expected value is a parameter.
    CompareExchange,
    /// The expected value and the timeout are parameters.
    Wait,
    Notify,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Modification {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Exchange,
}

#[derive(Clone, Debug)]
pub struct Kind {
    /// The instruction without its immediates.
    pub name: String,
    /// Of the operand, or of the result.
    pub ty: Type,
    /// Number of bytes reached.
    pub size: u64,
    pub action: Action,
    /// The address must be a multiple of the size.
    pub atomic: bool,
}

/// All kinds.
pub fn all() -> Vec<Kind> {
    let mut kinds = scalars();
    kinds.extend(vectors());
    kinds.extend(atomics());
    kinds
}

fn kind(name: String, ty: Type, size: u64, action: Action, atomic: bool) -> Kind {
    Kind { name, ty, size, action, atomic }
}

fn scalars() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for ty in [Type::I32, Type::I64, Type::F32, Type::F64] {
        let (name, bytes) = (ty.name(), u64::from(ty.bits() / 8));
        kinds.push(kind(format!("{name}.load"), ty, bytes, Action::Load { signed: false }, false));
        kinds.push(kind(format!("{name}.store"), ty, bytes, Action::Store, false));
    }
    for ty in [Type::I32, Type::I64] {
        for size in [1, 2, 4].into_iter().filter(|size| size * 8 < u64::from(ty.bits())) {
            let (name, bits) = (ty.name(), size * 8);
            for (sign, signed) in [("s", true), ("u", false)] {
                kinds.push(kind(format!("{name}.load{bits}_{sign}"), ty, size, Action::Load { signed }, false));
            }
            kinds.push(kind(format!("{name}.store{bits}"), ty, size, Action::Store, false));
        }
    }
    kinds
}

fn vectors() -> Vec<Kind> {
    let vector = |name: String, size, action| kind(format!("v128.{name}"), Type::V128, size, action, false);
    let zeros = Action::Load { signed: false };
    let mut kinds = vec![vector("load".to_owned(), 16, zeros), vector("store".to_owned(), 16, Action::Store)];
    for lane in [1, 2, 4] {
        for (sign, signed) in [("s", true), ("u", false)] {
            let name = format!("load{}x{}_{sign}", lane * 8, 8 / lane);
            kinds.push(vector(name, 8, Action::LoadLanes { lane, signed }));
        }
    }
    for size in [1, 2, 4, 8] {
        let bits = size * 8;
        kinds.push(vector(format!("load{bits}_splat"), size, Action::Splat));
        kinds.push(vector(format!("load{bits}_lane"), size, Action::LoadLane));
        kinds.push(vector(format!("store{bits}_lane"), size, Action::StoreLane));
    }
    kinds.extend([4, 8].map(|size| vector(format!("load{}_zero", size * 8), size, zeros)));
    kinds
}

fn atomics() -> Vec<Kind> {
    use Modification::{Add, And, Exchange, Or, Sub, Xor};
    const MODIFICATIONS: [(&str, Modification); 6] =
        [("add", Add), ("sub", Sub), ("and", And), ("or", Or), ("xor", Xor), ("xchg", Exchange)];
    let mut kinds = Vec::new();
    for ty in [Type::I32, Type::I64] {
        let widest = u64::from(ty.bits() / 8);
        for size in [1, 2, 4, 8].into_iter().filter(|size| *size <= widest) {
            // Narrow instructions name their width, and those with a result that they extend by
            // zeros.
            let (bits, sign) = if size < widest { ((size * 8).to_string(), "_u") } else { (String::new(), "") };
            let mut push = |name: String, action| {
                kinds.push(kind(format!("{}.atomic.{name}", ty.name()), ty, size, action, true));
            };
            push(format!("load{bits}{sign}"), Action::Load { signed: false });
            push(format!("store{bits}"), Action::Store);
            for (name, modification) in MODIFICATIONS {
                push(format!("rmw{bits}.{name}{sign}"), Action::Modify(modification));
            }
            push(format!("rmw{bits}.cmpxchg{sign}"), Action::CompareExchange);
        }
    }
    for (bits, ty) in [(32, Type::I32), (64, Type::I64)] {
        kinds.push(kind(format!("memory.atomic.wait{bits}"), ty, bits / 8, Action::Wait, true));
    }
    kinds.push(kind("memory.atomic.notify".to_owned(), Type::I32, 4, Action::Notify, true));
    kinds
}

impl Kind {
    /// Whether it may leave other bytes than it found.
    pub fn writes(&self) -> bool {
        use Action::{CompareExchange, Modify, Store, StoreLane};
        matches!(self.action, Store | StoreLane | Modify(_) | CompareExchange)
    }

    /// Whether it is there for the sake of the address alone: the runtime does the rest.
    pub fn is_call(&self) -> bool {
        matches!(self.action, Action::Wait | Action::Notify)
    }

    /// An exported function of this name that makes one access to `$m`. Its parameters are the
    /// index, of type `index`, and those of [`Kind::more_arguments`].
    pub fn function(&self, export: &str, index: &str, offset: u64) -> String {
        let lane = match self.action {
            Action::LoadLane | Action::StoreLane => format!(" {}", self.lane()),
            _ => String::new(),
        };
        let operands = match self.action {
            Action::Store | Action::StoreLane | Action::Modify(_) => self.ty.constant(OPERAND),
            Action::LoadLane => Type::V128.constant(VECTOR),
            Action::CompareExchange => format!("(local.get $x) {}", self.ty.constant(OPERAND)),
            Action::Wait => "(local.get $x) (i64.const 0)".to_owned(),
            Action::Notify => "(i32.const 1)".to_owned(),
            _ => String::new(),
        };
        let parameter = match self.has_expected() {
            true => format!(" (param $x {})", self.ty.name()),
            false => String::new(),
        };
        let access = format!("({} $m offset={offset}{lane} (local.get $i) {operands})", self.name);
        let body = match self.ty {
            Type::F32 if self.has_result() => format!("(i32.reinterpret_f32 {access})"),
            Type::F64 if self.has_result() => format!("(i64.reinterpret_f64 {access})"),
            _ => access,
        };
        let result = self.result_type().map(|ty| format!(" (result {})", ty.name())).unwrap_or_default();
        format!("(func (export \"{export}\") (param $i {index}){parameter}{result} {body})\n")
    }

    /// The lane of [`OPERAND`] or [`VECTOR`] that is stored or replaced: the last but one, or the
    /// first of two.
    fn lane(&self) -> u64 {
        16 / self.size - 2
    }

    fn has_expected(&self) -> bool {
        matches!(self.action, Action::CompareExchange | Action::Wait)
    }

    pub fn has_result(&self) -> bool {
        !matches!(self.action, Action::Store | Action::StoreLane)
    }

    fn result_type(&self) -> Option<Type> {
        match self.action {
            _ if !self.has_result() => None,
            Action::Wait | Action::Notify => Some(Type::I32),
            _ => Some(self.ty.shown()),
        }
    }

    /// The arguments after the index, for bytes that hold `old`.
    pub fn more_arguments(&self, old: u128) -> Vec<(Type, u128)> {
        match self.action {
            Action::CompareExchange => vec![(self.ty, old)],
            // Anything else would wait.
            Action::Wait => vec![(self.ty, !old & mask(self.size))],
            _ => Vec::new(),
        }
    }

    /// What the function returns if the bytes hold `old`.
    pub fn result(&self, old: u128) -> Option<(Type, u128)> {
        let bits = self.size as u32 * 8;
        let value = match self.action {
            Action::Load { signed: true } => sign_extended(old, bits),
            Action::LoadLanes { lane, signed } => widened(old, lane as u32 * 8, signed),
            Action::Splat => (0..16 / self.size).fold(0, |all, lane| all | old << (lane as u32 * bits)),
            Action::LoadLane => {
                let shift = self.lane() as u32 * bits;
                VECTOR & !(mask(self.size) << shift) | old << shift
            }
            // Not equal.
            Action::Wait => 1,
            // Nobody waits.
            Action::Notify => 0,
            _ => old,
        };
        self.result_type().map(|ty| (ty, value & mask(u64::from(ty.bits() / 8))))
    }

    /// What the bytes hold afterwards.
    pub fn stored(&self, old: u128) -> u128 {
        let mask = mask(self.size);
        let new = match self.action {
            Action::Store | Action::CompareExchange => OPERAND,
            Action::StoreLane => OPERAND >> (self.lane() * self.size * 8),
            Action::Modify(Modification::Add) => old.wrapping_add(OPERAND),
            Action::Modify(Modification::Sub) => old.wrapping_sub(OPERAND),
            Action::Modify(Modification::And) => old & OPERAND,
            Action::Modify(Modification::Or) => old | OPERAND,
            Action::Modify(Modification::Xor) => old ^ OPERAND,
            Action::Modify(Modification::Exchange) => OPERAND,
            _ => old,
        };
        new & mask
    }
}

/// All bits of this many bytes.
fn mask(size: u64) -> u128 {
    u128::MAX >> (128 - size * 8)
}

fn sign_extended(value: u128, bits: u32) -> u128 {
    ((value << (128 - bits)) as i128 >> (128 - bits)) as u128
}

/// Each lane of eight bytes extended to twice its width.
fn widened(lanes: u128, bits: u32, signed: bool) -> u128 {
    (0..64 / bits).fold(0, |all, lane| {
        let value = lanes >> (lane * bits) & (u128::MAX >> (128 - bits));
        let value = if signed { sign_extended(value, bits) } else { value };
        all | (value & (u128::MAX >> (128 - 2 * bits))) << (2 * lane * bits)
    })
}
