//! The tree of a file as it is written (section 2): no names are looked up, no types known.
//! Whatever was accepted in two spellings is one form here.
//!
//! Expressions and blocks know their height, so the parser can refuse trees that are too deep
//! for recursion.

use std::rc::Rc;

use crate::cot::source::Span;
use crate::cot::types::TypeId;

/// How high a tree gets at most.
pub const MAX_HEIGHT: u32 = 4_000;

#[derive(Debug)]
pub struct File {
    /// `@safe` at the top, or in the project's `cot.json`.
    pub is_safe: bool,
    pub declarations: Vec<Declaration>,
    /// In order.
    pub docs: Vec<Doc>,
}

/// A doc comment, and the place of the name of what it describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    pub name: Span,
    /// Without the slashes; lines are separated by `\n`.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub text: Rc<str>,
    pub span: Span,
}

/// The content of a string token, escapes replaced.
#[derive(Clone, Debug)]
pub struct Text {
    pub value: Rc<[u8]>,
    pub span: Span,
}

#[derive(Debug)]
pub enum Declaration {
    Import(Text),
    Function(Function),
    Variable(Variable),
    Struct(Struct),
    Enum(Enum),
    Union(Union),
    ErrorSet(ErrorSet),
    Alias(Alias),
    Trait(Trait),
    Impl(Impl),
    Test(Test),
    Bench(Test),
}

#[derive(Debug)]
pub struct Function {
    pub name: Name,
    pub is_extern: bool,
    pub is_export: bool,
    /// In an `impl`.
    pub is_static: bool,
    pub type_params: Vec<Name>,
    pub params: Vec<Param>,
    pub result: Option<TypeExpr>,
    /// `where T: Trait`
    pub bounds: Vec<(Name, Name)>,
    pub body: Option<Block>,
    pub span: Span,
}

#[derive(Debug)]
pub struct Param {
    pub name: Name,
    pub ty: TypeExpr,
    pub default: Option<Expr>,
}

/// What a variable does with the object that it points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Keeps it alive.
    Strong,
    /// Is null once the object died.
    Weak,
    /// May be used only while it lives.
    Unowned,
}

#[derive(Debug)]
pub struct Variable {
    pub is_const: bool,
    pub reference: Reference,
    /// More than one destructure a tuple.
    pub bindings: Vec<(Name, Option<TypeExpr>)>,
    pub value: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StructKind {
    Ordinary,
    Extern,
    Packed,
}

#[derive(Debug)]
pub struct Struct {
    pub name: Name,
    pub kind: StructKind,
    pub type_params: Vec<Name>,
    pub fields: Vec<Param>,
    pub members: Members,
    pub span: Span,
}

/// What a body has besides data.
#[derive(Debug, Default)]
pub struct Members {
    pub functions: Vec<Function>,
    pub constants: Vec<Variable>,
    /// Structs, enums, unions, aliases.
    pub types: Vec<Declaration>,
}

#[derive(Debug)]
pub struct Enum {
    pub name: Name,
    pub backing: Option<TypeExpr>,
    pub variants: Vec<(Name, Option<Expr>)>,
    pub members: Members,
    pub span: Span,
}

#[derive(Debug)]
pub struct Union {
    pub name: Name,
    pub variants: Vec<(Name, Option<TypeExpr>)>,
    pub members: Members,
    pub span: Span,
}

#[derive(Debug)]
pub struct ErrorSet {
    pub name: Name,
    pub members: Vec<Name>,
    pub span: Span,
}

#[derive(Debug)]
pub struct Alias {
    pub name: Name,
    pub ty: TypeExpr,
    pub span: Span,
}

#[derive(Debug)]
pub struct Trait {
    pub name: Name,
    pub functions: Vec<Function>,
    pub span: Span,
}

#[derive(Debug)]
pub struct Impl {
    /// `impl Trait for …`
    pub of_trait: Option<Name>,
    pub target: TypeExpr,
    /// `impl Name(T)`; the target is the name then.
    pub type_params: Vec<Name>,
    pub members: Members,
    pub span: Span,
}

#[derive(Debug)]
pub struct Test {
    pub name: Text,
    pub body: Block,
    pub span: Span,
}

#[derive(Debug)]
pub struct TypeExpr {
    pub kind: TypeExprKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum TypeExprKind {
    /// `i64`, `void`, …
    Primitive(TypeId),
    /// `Name`, `Outer.Inner`, `List(i64)`
    Named {
        path: Vec<Name>,
        arguments: Vec<TypeExpr>,
    },
    Pointer(Box<TypeExpr>),
    Optional(Box<TypeExpr>),
    /// `E!T`, `!T`
    ErrorUnion {
        set: Option<Box<TypeExpr>>,
        payload: Box<TypeExpr>,
    },
    Slice(Box<TypeExpr>),
    Array {
        length: Box<Expr>,
        element: Box<TypeExpr>,
    },
    Function {
        params: Vec<TypeExpr>,
        result: Option<Box<TypeExpr>>,
    },
    Tuple(Vec<TypeExpr>),
    /// `@TypeOf(e)`
    TypeOf(Box<Expr>),
    /// Was reported.
    Erroneous,
}

#[derive(Debug)]
pub struct Block {
    pub statements: Vec<Statement>,
    pub span: Span,
    pub height: u32,
}

#[derive(Debug)]
pub struct Statement {
    pub kind: StatementKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum StatementKind {
    Expr(Expr),
    Variable(Variable),
    /// A struct, enum, union or error set of this block.
    Type(Box<Declaration>),
    Assign {
        target: Expr,
        operator: Option<BinaryOperator>,
        value: Expr,
    },
    While {
        label: Option<Name>,
        condition: Expr,
        capture: Option<Capture>,
        step: Option<Box<Statement>>,
        body: Block,
    },
    For(Box<For>),
    Defer {
        body: Box<Statement>,
        only_on_error: bool,
    },
}

#[derive(Debug)]
pub struct For {
    pub label: Option<Name>,
    pub is_inline: bool,
    pub first: Name,
    pub second: Option<Name>,
    pub subject: Expr,
    /// `for i in subject..end`
    pub end: Option<Expr>,
    pub body: Block,
}

/// `|name|` or `|*name|`
#[derive(Debug)]
pub struct Capture {
    pub name: Name,
    pub by_pointer: bool,
}

#[derive(Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
    pub height: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    /// `or`, and `||`, which between two error sets merges them.
    Or,
    Concat,
    Orelse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOperator {
    Negate,
    Not,
    BitNot,
    AddressOf,
    Try,
}

#[derive(Debug)]
pub enum ExprKind {
    Integer(u64),
    Float(f64),
    Character(u8),
    Bool(bool),
    Null,
    Undefined,
    Unreachable,
    String(Rc<[u8]>),
    Interpolation(Vec<Part>),
    Name(Rc<str>),
    /// `.Name`
    EnumLiteral(Name),
    /// `error.Name`
    ErrorLiteral(Name),
    /// A type in place of an expression: an argument of a builtin or of a generic, or before
    /// `.name`.
    Type(Box<TypeExpr>),
    Tuple(Vec<Expr>),
    Array(Vec<Expr>),
    Unary {
        operator: UnaryOperator,
        operand: Box<Expr>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Catch {
        value: Box<Expr>,
        capture: Option<Name>,
        fallback: Box<Expr>,
    },
    Member {
        base: Box<Expr>,
        name: Name,
    },
    TupleIndex {
        base: Box<Expr>,
        index: u64,
    },
    /// `?.name`
    OptionalMember {
        base: Box<Expr>,
        name: Name,
    },
    Dereference(Box<Expr>),
    Unwrap(Box<Expr>),
    Call {
        callee: Box<Expr>,
        arguments: Vec<Expr>,
    },
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Slice {
        base: Box<Expr>,
        start: Option<Box<Expr>>,
        end: Option<Box<Expr>>,
    },
    /// `Name { .a = 1 }`; without a type `.{ … }`.
    Struct {
        ty: Option<Box<Expr>>,
        fields: Vec<(Name, Expr)>,
    },
    /// `new T { a: 1 }`
    New {
        ty: TypeExpr,
        fields: Vec<(Name, Expr)>,
    },
    /// `new T(a, b)` of `@safe` files
    NewCall {
        ty: TypeExpr,
        arguments: Vec<Expr>,
    },
    As {
        value: Box<Expr>,
        ty: TypeExpr,
    },
    Block(Box<Block>),
    Comptime(Box<Block>),
    If(Box<If>),
    Switch(Box<Switch>),
    Closure(Box<Closure>),
    Builtin {
        name: Name,
        arguments: Vec<Expr>,
    },
    Return(Option<Box<Expr>>),
    Break(Option<Name>),
    /// `break :label value`
    BreakValue(Name, Box<Expr>),
    /// `label: { … }`
    Labelled(Name, Box<Block>),
    Continue(Option<Name>),
    /// Was reported.
    Erroneous,
}

#[derive(Debug)]
pub enum Part {
    Text(Rc<[u8]>),
    Expr(Expr),
}

#[derive(Debug)]
pub struct If {
    pub condition: Expr,
    pub capture: Option<Capture>,
    pub then: Block,
    /// A block, or a block with just an `if`.
    pub otherwise: Option<Block>,
}

#[derive(Debug)]
pub struct Switch {
    pub subject: Expr,
    pub arms: Vec<Arm>,
}

#[derive(Debug)]
pub struct Arm {
    /// Empty: `else`.
    pub patterns: Vec<Pattern>,
    pub capture: Option<Capture>,
    pub guard: Option<Expr>,
    pub body: Expr,
    pub span: Span,
}

#[derive(Debug)]
pub struct Pattern {
    pub first: Expr,
    /// Of a range, inclusive.
    pub last: Option<Expr>,
}

#[derive(Debug)]
pub struct Closure {
    pub params: Vec<Param>,
    pub result: Option<TypeExpr>,
    pub body: Block,
}

impl Function {
    /// All of it that is before its body.
    pub fn head(&self) -> Span {
        Span { end: self.body.as_ref().map_or(self.span.end, |body| body.span.start), ..self.span }
    }
}

impl Declaration {
    /// All of it; of an import, the path.
    pub fn span(&self) -> Span {
        match self {
            Declaration::Import(it) => it.span,
            Declaration::Function(it) => it.span,
            Declaration::Variable(it) => it.span,
            Declaration::Struct(it) => it.span,
            Declaration::Enum(it) => it.span,
            Declaration::Union(it) => it.span,
            Declaration::ErrorSet(it) => it.span,
            Declaration::Alias(it) => it.span,
            Declaration::Trait(it) => it.span,
            Declaration::Impl(it) => it.span,
            Declaration::Test(it) | Declaration::Bench(it) => it.span,
        }
    }
}
