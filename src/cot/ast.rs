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

impl Expr {
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        let height = 1 + kind_height(&kind);
        Expr { kind, span, height }
    }
}

impl Block {
    pub fn new(statements: Vec<Statement>, span: Span) -> Block {
        let height = 1 + statements.iter().map(|statement| statement_height(&statement.kind)).max().unwrap_or(0);
        Block { statements, span, height }
    }
}

fn all<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> u32 {
    exprs.into_iter().map(|expr| expr.height).max().unwrap_or(0)
}

fn kind_height(kind: &ExprKind) -> u32 {
    match kind {
        ExprKind::Integer(_) | ExprKind::Float(_) | ExprKind::Character(_) | ExprKind::Bool(_) | ExprKind::Null => 0,
        ExprKind::Undefined | ExprKind::Unreachable | ExprKind::String(_) | ExprKind::Name(_) => 0,
        ExprKind::EnumLiteral(_) | ExprKind::ErrorLiteral(_) | ExprKind::Erroneous => 0,
        ExprKind::Break(_) | ExprKind::Continue(_) => 0,
        ExprKind::Type(ty) => type_height(ty),
        ExprKind::Interpolation(parts) => all(parts.iter().filter_map(|part| match part {
            Part::Expr(expr) => Some(expr),
            Part::Text(_) => None,
        })),
        ExprKind::Tuple(exprs) | ExprKind::Array(exprs) | ExprKind::Builtin { arguments: exprs, .. } => all(exprs),
        ExprKind::NewCall { ty, arguments } => all(arguments).max(type_height(ty)),
        ExprKind::Unary { operand: of, .. } | ExprKind::Dereference(of) | ExprKind::Unwrap(of) => of.height,
        ExprKind::Member { base, .. } | ExprKind::TupleIndex { base, .. } | ExprKind::OptionalMember { base, .. } => {
            base.height
        }
        ExprKind::As { value, ty } => value.height.max(type_height(ty)),
        ExprKind::Binary { left, right, .. } => left.height.max(right.height),
        ExprKind::Catch { value, fallback, .. } => value.height.max(fallback.height),
        ExprKind::Index { base, index } => base.height.max(index.height),
        ExprKind::Call { callee, arguments } => callee.height.max(all(arguments)),
        ExprKind::Slice { base, start, end } => base.height.max(all(start.as_deref())).max(all(end.as_deref())),
        ExprKind::Struct { ty, fields } => all(ty.as_deref()).max(all(fields.iter().map(|(_, value)| value))),
        ExprKind::New { ty, fields } => type_height(ty).max(all(fields.iter().map(|(_, value)| value))),
        ExprKind::Block(block) | ExprKind::Comptime(block) | ExprKind::Labelled(_, block) => block.height,
        ExprKind::BreakValue(_, value) => value.height,
        ExprKind::If(it) => {
            let otherwise = it.otherwise.as_ref().map_or(0, |block| block.height);
            it.condition.height.max(it.then.height).max(otherwise)
        }
        ExprKind::Switch(it) => it.arms.iter().map(arm_height).max().unwrap_or(0).max(it.subject.height),
        ExprKind::Closure(it) => {
            params_height(&it.params).max(it.body.height).max(it.result.as_ref().map_or(0, type_height))
        }
        ExprKind::Return(value) => all(value.as_deref()),
    }
}

fn arm_height(arm: &Arm) -> u32 {
    let patterns = arm.patterns.iter().map(|it| it.first.height.max(all(it.last.as_ref())));
    patterns.max().unwrap_or(0).max(all(arm.guard.as_ref())).max(arm.body.height)
}

fn params_height(params: &[Param]) -> u32 {
    params.iter().map(|it| type_height(&it.ty).max(all(it.default.as_ref()))).max().unwrap_or(0)
}

fn statement_height(kind: &StatementKind) -> u32 {
    match kind {
        StatementKind::Expr(expr) => expr.height,
        StatementKind::Variable(it) => {
            let types = it.bindings.iter().filter_map(|(_, ty)| ty.as_ref());
            types.map(type_height).max().unwrap_or(0).max(all(it.value.as_ref()))
        }
        StatementKind::Type(_) => 0,
        StatementKind::Assign { target, value, .. } => target.height.max(value.height),
        StatementKind::While { condition, step, body, .. } => {
            let step = step.as_ref().map_or(0, |step| statement_height(&step.kind));
            condition.height.max(step).max(body.height)
        }
        StatementKind::For(it) => it.subject.height.max(all(it.end.as_ref())).max(it.body.height),
        StatementKind::Defer { body, .. } => 1 + statement_height(&body.kind),
    }
}

fn type_height(ty: &TypeExpr) -> u32 {
    1 + match &ty.kind {
        TypeExprKind::Primitive(_) | TypeExprKind::Erroneous => 0,
        TypeExprKind::Named { arguments, .. } | TypeExprKind::Tuple(arguments) => {
            arguments.iter().map(type_height).max().unwrap_or(0)
        }
        TypeExprKind::Pointer(of) | TypeExprKind::Optional(of) | TypeExprKind::Slice(of) => type_height(of),
        TypeExprKind::ErrorUnion { set, payload } => type_height(payload).max(set.as_deref().map_or(0, type_height)),
        TypeExprKind::Array { length, element } => type_height(element).max(length.height),
        TypeExprKind::Function { params, result } => {
            let params = params.iter().map(type_height).max().unwrap_or(0);
            params.max(result.as_deref().map_or(0, type_height))
        }
        TypeExprKind::TypeOf(expr) => expr.height,
    }
}
