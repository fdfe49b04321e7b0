//! The checked program: what the front (scanner to checker) hands to the back (IR to Wasm), and all
//! that the back may ask about.
//!
//! * Everything is monomorphic: an instance of a generic function is a function of its own. Names
//!   are resolved to indices.
//! * Every conversion is a node ([`Conversion`]); operands, arguments, initializers have exactly
//!   the type that is wanted. So are automatic `&` and dereferences, method calls, default values,
//!   enum literals. `if` with a constant condition is decided, constants are folded.
//! * An expression of type [`TypeId::NO_RETURN`] never yields; where a value is wanted it is used
//!   below [`Conversion::Never`].
//! * Operands are evaluated in the order of the fields here, lists from first to last, unless a
//!   node says otherwise.
//! * The tree of one function is at most [`MAX_DEPTH`] deep.
//!
//! Ownership (section 15). The tree does not say retain or release; it says what follows:
//! * [`Types::is_managed`] of a type decides whether slots of it are strong. Locals may opt out
//!   ([`Ownership`]).
//! * Owned (+1) values of managed type come from calls of Cot functions and function values,
//!   [`ExpressionKind::New`], [`ExpressionKind::Closure`]; from aggregates such values are loaded
//!   from borrowed. `If`, `Switch`, `Block`, `Catch`, `Orelse` yield what their branches yield,
//!   which may differ. Externs, runtime functions, and casts to pointers yield raw values; loads
//!   yield borrowed (+0) ones.
//! * [`CheckedProgram::destructors`] says what runs before an object of a type is freed.
//! * [`Local::destructor`] is what runs when a struct value of that local goes out of scope.

use std::collections::BTreeMap;

use crate::cot::runtime_function::RuntimeFunction;
use crate::cot::source::Span;
use crate::cot::types::{ErrorId, TypeId, Types};

/// How deep statements and expressions of a program nest at most; a guarantee for recursive passes,
/// which run in [`crate::cot::with_large_stack`].
pub const MAX_DEPTH: usize = 48_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternId(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GlobalId(pub u32);
/// Bytes of [`CheckedProgram::strings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StringId(pub u32);
/// A local of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub u32);
/// A loop of one function, unique within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoopId(pub u32);

#[derive(Clone, Debug)]
pub struct CheckedProgram {
    pub types: Types,
    pub functions: Vec<Function>,
    pub globals: Vec<Global>,
    pub externs: Vec<Extern>,
    /// Whether descriptors of the system can come from somewhere else than `fd_open`: from C
    /// functions, `pipe`, `dup2`.
    pub shares_descriptors: bool,
    /// Contents of string literals and embedded files, each once. They are static and shared, and
    /// may be in any encoding.
    pub strings: Vec<Vec<u8>>,
    /// Sets the globals that are not constant, in order; runs before `main` and before tests. No
    /// parameters, no result.
    pub initializer: Option<FunctionId>,
    /// Its result is an integer, `void`, or an error union of those. Absent when tests or benches
    /// are built, or in a program without `main`.
    pub main: Option<FunctionId>,
    /// In order of files and source; empty unless tests are built.
    pub tests: Vec<Test>,
    /// As `tests`.
    pub benches: Vec<Test>,
    /// What runs first on the last release of an object of the type: a function with one parameter,
    /// the pointer (borrowed).
    pub destructors: BTreeMap<TypeId, FunctionId>,
    /// Functions of the prelude (`prelude.cot`, a built-in file that no program sees) by their
    /// names, for the back to call.
    pub prelude: BTreeMap<String, FunctionId>,
}

/// A `test` or `bench` block; a function without parameters and result.
#[derive(Clone, Debug)]
pub struct Test {
    pub name: String,
    pub function: FunctionId,
}

/// A function with a body.
///
/// Not all are used: what neither `main`, tests, exported functions, destructors of used types nor
/// the initializer reach need not be compiled.
#[derive(Clone, Debug)]
pub struct Function {
    /// For people and name sections: `swap(i64)`, `Point.length`, `main`, `main.closure1`, `test
    /// "adds"`.
    pub name: String,
    /// The name it is exported under (`export fn`).
    pub export: Option<String>,
    /// The first locals are the parameters, in order.
    pub n_params: usize,
    /// What a closure takes with it.
    pub captures: Vec<Capture>,
    pub locals: Vec<Local>,
    pub result: TypeId,
    /// Falling off its end is possible only if the result is `void` (returns) or an error union of
    /// `void` (returns success). With any other result the end is unreachable and traps. Its
    /// `value` is none.
    pub body: Block,
    pub span: Span,
}

/// A value that a closure copies from the function around it.
#[derive(Clone, Copy, Debug)]
pub struct Capture {
    /// Local of the enclosing function (itself a closure perhaps), whose value is copied into the
    /// closure object when [`ExpressionKind::Closure`] is evaluated.
    pub outer: LocalId,
    /// Local of the closure, which is set from the object at each call: a private copy, assignments
    /// to it do not reach the object.
    pub inner: LocalId,
}

#[derive(Clone, Debug)]
pub struct Local {
    /// Empty for what the checker made up.
    pub name: String,
    pub ty: TypeId,
    pub ownership: Ownership,
    /// The local was initialized by a struct literal or `.{}` of a type with a destructor: at the
    /// end of its block the function is called with its address, in turn with releases and defers,
    /// but not by a `return` of exactly this local.
    pub destructor: Option<FunctionId>,
    /// Its address is taken ([`ExpressionKind::AddressOf`], slicing of it or a part), so it
    /// must live in memory.
    pub address_taken: bool,
    /// It or a part of it is assigned to after its initialization, or its address is taken. For
    /// parameters: the function needs its own copy.
    pub modified: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// As its type says: owns a count if the type is managed. Parameters borrow all the same: the
    /// caller keeps the argument alive; a parameter is never assigned to as a whole.
    ByType,
    /// Never counted: a variable of inferred type that got a raw pointer (`@ptrCast`, `@intToPtr`).
    Raw,
    /// `weak var`, of type `?*T`: does not keep its object alive, and is null once that died. Its
    /// address is never taken.
    Weak,
    /// `unowned var`, of type `*T`: does not keep its object alive either, and the program ends
    /// where it is read after that died.
    Unowned,
}

#[derive(Clone, Debug)]
pub struct Global {
    pub name: String,
    pub ty: TypeId,
    /// What it holds at start, if that is known; otherwise it is zero until
    /// [`CheckedProgram::initializer`] sets it by [`StatementKind::InitializeGlobal`]. Only the
    /// kinds `Int`, `Float`, `Bool`, `String`, `Null`, `Zero`.
    pub value: Option<Expression>,
    pub span: Span,
}

/// An `extern fn` that is not a runtime function (section 19).
#[derive(Clone, Debug)]
pub struct Extern {
    pub name: String,
    /// The prelude declares it, for itself.
    pub of_prelude: bool,
    /// Declared types: integers, floats, bool, enums, pointers, optional pointers, slices (two
    /// values: address, length).
    pub params: Vec<TypeId>,
    /// As `params` without slices, or `void` or `noreturn`.
    pub result: TypeId,
    pub span: Span,
}

/// `{ … }`. Its locals end with it, in reverse order, in turn with its defers.
#[derive(Clone, Debug)]
pub struct Block {
    pub statements: Vec<Statement>,
    /// The block's value, computed last (before defers run); none for a block of type `void` or
    /// `noreturn`.
    pub value: Option<Box<Expression>>,
    /// The place of the closing brace, roughly.
    pub end: Span,
}

#[derive(Clone, Debug)]
pub struct Statement {
    pub kind: StatementKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum StatementKind {
    /// The value is discarded (an owned temporary is released). `if`, `switch`, `return`, `break` …
    /// as statements are expressions.
    Expression(Expression),
    /// The local begins here.
    Local {
        local: LocalId,
        value: Expression,
    },
    /// As the first store to a global.
    InitializeGlobal {
        global: GlobalId,
        value: Expression,
    },
    /// The operands of the place are evaluated before the value.
    Assign {
        place: Place,
        value: Expression,
    },
    /// The place is evaluated once, then the value (of the place's type; for
    /// [`CompoundOperator::OffsetPointer`] an `i64`), then the old content is read.
    CompoundAssign {
        place: Place,
        operator: CompoundOperator,
        value: Expression,
    },
    /// Runs at the end of the enclosing block, on every way out; or only when the function is left
    /// with an error: by a `Try` that fails, or by a `Return` of an error union that holds an error
    /// (the value below `Return` may have to be asked at run time).
    Defer {
        body: Block,
        only_on_error: bool,
    },
    While {
        id: LoopId,
        condition: Condition,
        step: Option<Block>,
        body: Block,
    },
    /// `local` counts from `start` while less than `end`, in their type (an integer). The local is
    /// set anew in each turn.
    ForRange {
        id: LoopId,
        local: LocalId,
        start: Expression,
        end: Expression,
        body: Block,
    },
    /// Each element is copied into `element`. The subject is evaluated once, its length read once.
    ForEach {
        id: LoopId,
        index: Option<LocalId>,
        element: LocalId,
        subject: Sequence,
        body: Block,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompoundOperator {
    Arithmetic(ArithmeticOperator),
    /// The pointer moves by that number of elements of its target type.
    OffsetPointer {
        backwards: bool,
    },
    /// `+=` on strings and slices in `@safe` files.
    Concat,
}

/// What decides an `if` or `while`.
#[derive(Clone, Debug)]
pub enum Condition {
    Bool(Expression),
    /// `(optional) |v|`: true if there is a value, which `payload` then holds for the branch or
    /// body (it ends with it).
    Optional {
        subject: Expression,
        payload: LocalId,
    },
    /// `(optional) |*v|`: `payload` is a pointer to the value inside `subject`.
    OptionalPointer {
        subject: Place,
        payload: LocalId,
    },
}

/// Something with elements.
#[derive(Clone, Debug)]
pub enum Sequence {
    /// A place of array type.
    Array(Place),
    /// A value of slice type (strings are slices).
    Slice(Expression),
}

#[derive(Clone, Debug)]
pub struct Place {
    pub kind: PlaceKind,
    pub ty: TypeId,
    pub span: Span,
}

/// Something with an address.
#[derive(Clone, Debug)]
pub enum PlaceKind {
    Local(LocalId),
    Global(GlobalId),
    /// A value without a place of its own, kept in memory until the enclosing block ends.
    Temporary(Box<Expression>),
    /// What a pointer points to. Debug builds panic on null.
    Dereference(Box<Expression>),
    /// A field of a struct, or an element of a tuple.
    Field {
        base: Box<Place>,
        index: usize,
    },
    /// An element of an array; `index` is `i64` (bounds are checked unless the checker saw a
    /// constant in range: `checked`).
    ArrayElement {
        base: Box<Place>,
        index: Box<Expression>,
        checked: bool,
    },
    /// An element of a slice or string; `index` is `i64`. For runtime checks: negative indices are
    /// out of bounds.
    SliceElement {
        slice: Box<Expression>,
        index: Box<Expression>,
    },
    /// The payload of a variant. `checked`: panics if another variant is active; otherwise a switch
    /// has decided it.
    UnionPayload {
        base: Box<Place>,
        variant: usize,
        checked: bool,
    },
    /// The value inside an optional that is known to have one.
    OptionalPayload {
        base: Box<Place>,
    },
}

#[derive(Clone, Debug)]
pub struct Expression {
    pub kind: ExpressionKind,
    pub ty: TypeId,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExpressionKind {
    /// In the range of its type: an integer type or an enum (its backing value).
    Int(i128),
    /// Rounded to its type already.
    Float(f64),
    Bool(bool),
    String(StringId),
    /// Of a pointer or optional type.
    Null,
    /// All bytes zero: `.{}`, `undefined`, variables without initializer; any type.
    Zero,
    /// The value of type `void`.
    Void,
    /// An error as a value of an error set type.
    Error(ErrorId),
    /// A copy of what the place holds.
    Load(Box<Place>),
    AddressOf(Box<Place>),
    /// A function as a value: a static closure object without captures, the same for each use.
    Function(FunctionId),
    /// A new closure object; what it captures is listed in the function. Functions with captures
    /// are never called in another way.
    Closure(FunctionId),

    Negate(Box<Expression>),
    /// Of a bool.
    Not(Box<Expression>),
    BitNot(Box<Expression>),
    /// Both sides have the type of the result: an integer, for the first five operators also a
    /// float. Wraps at its width.
    Arithmetic {
        operator: ArithmeticOperator,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    /// Both sides have the same type: integers, floats, bools, enums, pointers, optional pointers,
    /// functions, errors; only numbers are ordered.
    Compare {
        operator: CompareOperator,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    /// `and`, `or`: the right side runs only if needed.
    Logical {
        is_and: bool,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    /// Whether two strings have the same length and bytes; `negated` for `!=`.
    SequenceEqual {
        left: Box<Expression>,
        right: Box<Expression>,
        negated: bool,
    },
    /// Whether an optional is null or a pointer is null.
    IsNull(Box<Expression>),
    /// The pointer `offset` (`i64`) elements further on (or back).
    OffsetPointer {
        pointer: Box<Expression>,
        offset: Box<Expression>,
        backwards: bool,
    },
    /// `++` of two slices of the result's type into a new buffer, or of two arrays into a longer
    /// one.
    Concat {
        left: Box<Expression>,
        right: Box<Expression>,
    },
    /// A new string.
    Interpolate(Vec<InterpolationPart>),
    Convert {
        conversion: Conversion,
        value: Box<Expression>,
    },

    Call {
        callee: Callee,
        arguments: Vec<Expression>,
    },
    Builtin {
        builtin: Builtin,
        arguments: Vec<Expression>,
    },

    /// Every field exactly once, by its index, in the order of evaluation.
    Struct(Vec<(usize, Expression)>),
    Array(Vec<Expression>),
    Tuple(Vec<Expression>),
    Union {
        variant: usize,
        payload: Option<Box<Expression>>,
    },
    /// A new counted object with this value (a `Struct`, `Union` or `Zero`); the result is the
    /// pointer.
    New(Box<Expression>),
    /// `base[start:end]`, both `i64`; without them the first or the length. Checked: `0 <= start <=
    /// end <= length` (of a slice: capacity does not count).
    Slice {
        base: Box<Sequence>,
        start: Option<Box<Expression>>,
        end: Option<Box<Expression>>,
    },
    /// Length of a slice, `i64`.
    SliceLength(Box<Expression>),
    /// Address of the first element of a slice, as a pointer to its elements.
    SlicePointer(Box<Expression>),

    Block(Block),
    /// Without a value (`void`) the else branch may be missing. Otherwise both branches have the
    /// type of the whole.
    If {
        condition: Box<Condition>,
        then: Block,
        otherwise: Option<Block>,
    },
    Switch(Box<Switch>),
    /// The payload of an optional; debug builds panic on null (`.?`).
    Unwrap(Box<Expression>),
    /// The payload of an error union; an error leaves the function with the error in its result,
    /// whose type is an error union too.
    Try(Box<Expression>),
    /// The payload of `value`, or `fallback`, in which `error` (if any) holds the error. If the
    /// node is of type `void`, the payload is dropped; if it is an error union of the payload, that
    /// is a success.
    Catch {
        value: Box<Expression>,
        error: Option<LocalId>,
        fallback: Block,
    },
    /// The payload of an optional, or `fallback`. If the node is of type `void`, the payload is
    /// dropped.
    Orelse {
        value: Box<Expression>,
        fallback: Box<Expression>,
    },

    /// The value has the function's result type, and is absent if that is `void`. In a function of
    /// an error union of `void`, a bare `return` has been given its value. Evaluated before defers
    /// run. Type `noreturn`.
    Return(Option<Box<Expression>>),
    Break(LoopId),
    Continue(LoopId),
}

#[derive(Clone, Debug)]
pub enum InterpolationPart {
    Text(StringId),
    /// An integer, enum, bool, float or string.
    Value(Expression),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOperator {
    Add,
    Subtract,
    Multiply,
    /// Toward zero; integers: a zero divisor traps, and so does `MIN / -1`.
    Divide,
    /// Sign of the dividend; a zero divisor traps, `MIN % -1` is 0. Of floats: as C's `fmod`.
    Remainder,
    BitAnd,
    BitOr,
    BitXor,
    /// The count is taken modulo the width.
    ShiftLeft,
    /// Logical for all types, at the width of the type; the count is taken modulo the width.
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOperator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// From the type of the value to the type of the [`ExpressionKind::Convert`] node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// From `noreturn` to anything: control does not get here.
    Never,
    /// The same bytes with another type: pointer casts, error union or error value of a larger set,
    /// enum to or from its backing type.
    Reinterpret,
    /// Between integer types: drops high bits, or extends by the signedness of the source.
    ResizeInt,
    IntToFloat,
    ResizeFloat,
    /// Toward zero, saturating at the result's range, NaN gives 0.
    FloatToInt,
    /// 0 or 1.
    BoolToInt,
    /// The same bits in a type of the same size: integers and floats.
    BitCast,
    /// Variant index of a union, `i64`.
    UnionTag,
    /// To or from `i64`.
    PointerToInt,
    IntToPointer,
    /// `T` → `?T`
    ToOptional,
    /// `T` → `E!T`
    ToSuccess,
    /// An error value → `E!T`
    ToFailure,
    /// A string → `*u8`: the address of the first byte. No zero byte is added.
    StringToPointer,
    /// `E!T` → the error number as an error value; the value is known to be an error.
    ErrorOf,
}

#[derive(Clone, Debug)]
pub enum Callee {
    Function(FunctionId),
    Extern(ExternId),
    /// Arguments and result are `i64` always (declared pointers and narrower integers are converted
    /// around the call), or the node's type is `void` or `noreturn`, whatever the function returns.
    Runtime(RuntimeFunction),
    /// A value of function type; evaluated before the arguments.
    Value(Box<Expression>),
}

/// What is not expressible by other nodes. Arguments are of the types named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `print(x)` and its like: an integer, enum (as its integer), bool, float or string.
    Print {
        to_stderr: bool,
        newline: bool,
    },
    /// `append(slice, element)`: a slice.
    Append,
    /// `@string(address: i64, length: i64)`
    StringFromParts,
    /// Of one float, giving a float of the same type.
    Abs,
    Ceil,
    Floor,
    Trunc,
    /// Ties to even.
    Round,
    Sqrt,
    /// Of two floats of the same type; NaN propagates.
    FloatMin,
    FloatMax,
    /// Of two integers of the result's type.
    IntMin,
    IntMax,
    /// Of an `i64`, giving an `i64`; zero gives 64 for the first two.
    CountTrailingZeros,
    CountLeadingZeros,
    PopulationCount,
    /// Name of an enum's value (empty if it is none of the variants) or of a union's active
    /// variant: a string.
    TagName,
    /// Of an error value: a string.
    ErrorName,
    /// One value of any type; nothing if that is not managed.
    ArcRetain,
    ArcRelease,
    /// A bool. `in_test`: directly in a test block; a failure ends that test as failed (defers run,
    /// as for a `return`). Otherwise "assertion failed" and a trap.
    Assert {
        in_test: bool,
    },
    /// Arguments: a bool (whether they are equal), then expected and received value, in this order
    /// (already evaluated: loads of locals, or constants; of type `void` stands for null). Message
    /// when not in a test: "assertEq failed".
    AssertEqual {
        in_test: bool,
    },
    /// A string; `noreturn`.
    Panic,
    Trap,
    /// `unreachable`: traps.
    Unreachable,
}

#[derive(Clone, Debug)]
pub struct Switch {
    /// Of a union: a place, so captures can refer to it; evaluated once.
    pub subject: SwitchSubject,
    /// Tried in order.
    pub arms: Vec<Arm>,
    /// What happens if no arm fits: nothing (only where the type is `void`) or, if the arms cover
    /// all there should be, a trap.
    pub covers_all: bool,
}

#[derive(Clone, Debug)]
pub enum SwitchSubject {
    /// Of type integer, bool, enum, error, or string.
    Value(Expression),
    /// Of union type.
    Union(Place),
}

#[derive(Clone, Debug)]
pub struct Arm {
    /// One of them must fit; an empty list always fits (`else`).
    pub patterns: Vec<Pattern>,
    /// Set when a pattern fits, before the guard.
    pub capture: Option<UnionCapture>,
    /// Has to be true as well; of type bool.
    pub guard: Option<Expression>,
    /// Of the type of the switch.
    pub body: Expression,
}

#[derive(Clone, Copy, Debug)]
pub struct UnionCapture {
    pub local: LocalId,
    /// Any variant of the patterns; they all have the same payload type.
    pub variant: usize,
    /// The local holds a pointer to the payload in the subject's place, instead of a copy.
    pub by_pointer: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// From first to last, inclusive: integers; backing values of enums; 0 and 1 of bools;
    /// [`ErrorId`] numbers; variant indices of unions.
    Range(i128, i128),
    String(StringId),
}
