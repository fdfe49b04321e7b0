//! What an instruction of aarch64 does, as far as proofs ask for it.

/// A general register by its number, of which 31 is the stack pointer; `None`: the zero register.
pub type Register = Option<u8>;

/// An instruction. `width`: the bytes in which it computes, 4 or 8; `code`: the manual's number of
/// a condition.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Operation {
    Nothing,
    /// It ends the program.
    Trap,
    /// It is not one that code may have.
    Refused,
    Add {
        width: u32,
        is_minus: bool,
        sets_flags: bool,
        to: Register,
        left: Register,
        right: Second,
    },
    /// `inverts`: the right one.
    Logic {
        width: u32,
        logic: Logic,
        inverts: bool,
        sets_flags: bool,
        to: Register,
        left: Register,
        right: Second,
    },
    /// 16 bits at a place.
    Wide {
        width: u32,
        wide: Wide,
        to: Register,
        bits: u64,
        shift: u32,
    },
    /// Relative to the instruction.
    Address {
        to: Register,
        distance: i64,
    },
    /// What a relocation names.
    Page {
        to: Register,
    },
    /// `ubfm` and the like, of which shifts and extensions are forms.
    Bits {
        width: u32,
        kind: Bits,
        to: Register,
        from: Register,
        first: u32,
        last: u32,
    },
    Select {
        width: u32,
        kind: Select,
        to: Register,
        left: Register,
        right: Register,
        code: u32,
    },
    /// The bits the other way round, as which some constants are made.
    Reverse {
        width: u32,
        to: Register,
        from: Register,
    },
    /// A compare on a condition, which leaves nothing that is known.
    CompareIf,
    /// `plus ± left · right`.
    Multiply {
        width: u32,
        to: Register,
        left: Register,
        right: Register,
        plus: Register,
        is_minus: bool,
    },
    Access(Access),
    /// A loop that writes to each page below the stack pointer, from `distance`, which is 0, down
    /// to that of `end` at most.
    Probe {
        distance: u8,
        end: u8,
    },
    Jump(i64),
    JumpTo(Register),
    Call(i64),
    CallOf(Register),
    Return(Register),
    Branch {
        code: u32,
        distance: i64,
    },
    BranchOnZero {
        width: u32,
        register: Register,
        is_zero: bool,
        distance: i64,
    },
    BranchOnBit {
        register: Register,
        bit: u32,
        is_zero: bool,
        distance: i64,
    },
    ThreadPointer {
        to: Register,
    },
    Other {
        written: Written,
        sets_flags: bool,
    },
}

/// The second operand.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Second {
    Constant(u64),
    Shifted { register: Register, shift: Shift, by: u32 },
    Extended { register: Register, extend: Extend, by: u32 },
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Shift {
    Left,
    Right,
    /// To the right, with the sign.
    Signed,
    Other,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Extend {
    /// 32 bits, without or with their sign.
    Word,
    SignedWord,
    /// The whole register.
    All,
    /// So many bytes.
    Unsigned(u32),
    Other,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Logic {
    And,
    Or,
    ExclusiveOr,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Wide {
    Zero,
    Not,
    Keep,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Bits {
    Unsigned,
    Signed,
    Insert,
}

/// What is done with the right one where it is taken.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Select {
    Plain,
    Increment,
    Other,
}

/// A register that gets a number of which nothing is known.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Written {
    Nothing,
    /// In so many bytes.
    General(Register, u32),
    Vector(u8),
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Kind {
    Load,
    Store,
    /// An atomic operation, which gives back what was there.
    Both,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Target {
    General(Register),
    Vector(u8),
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Access {
    pub kind: Kind,
    /// Bytes of each register.
    pub size: u32,
    pub targets: [Option<Target>; 2],
    pub address: Address,
    pub is_signed: bool,
    /// The bytes of the register that get a result with its sign.
    pub result: u32,
    /// A register that tells whether an exclusive store was done.
    pub status: Option<Register>,
    /// The vector has other parts.
    pub is_part: bool,
}

impl Access {
    /// One without further ado.
    pub fn of(kind: Kind, size: u32, targets: [Option<Target>; 2], address: Address) -> Access {
        Access { kind, size, targets, address, is_signed: false, result: 8, status: None, is_part: false }
    }
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Address {
    /// `None`: the instruction itself.
    pub base: Option<u8>,
    pub offset: Offset,
    pub writeback: Option<Writeback>,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Offset {
    Constant(i64),
    Register(Second),
}

/// When the base gets the address.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Writeback {
    /// The access is there.
    Before,
    /// The access is where the base was.
    After,
}
