//! The data of the checker that several of its modules share: declared items, what names stand
//! for, values that are being checked. No rule of the language is here.

use std::rc::Rc;

use crate::cot::ast::{self, Expr, Name};
use crate::cot::runtime_function::RuntimeFunction;
use crate::cot::source::Span;
use crate::cot::typed::{Block, Conversion, Expression, ExpressionKind, ExternId, FunctionId, GlobalId, LocalId};
use crate::cot::types::TypeId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ItemId(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FunctionDeclId(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct VariableId(pub u32);

/// A declared name.
pub(super) struct Item<'a> {
    pub name: &'a Name,
    /// As errors and types call it: `Outer.Inner`.
    pub full_name: String,
    pub kind: ItemKind<'a>,
    pub env: Env,
}

#[derive(Clone, Copy)]
pub(super) enum ItemKind<'a> {
    Function(FunctionDeclId),
    Variable(VariableId),
    Struct(&'a ast::Struct),
    Enum(&'a ast::Enum),
    Union(&'a ast::Union),
    ErrorSet(&'a ast::ErrorSet),
    Alias(&'a ast::Alias),
    Trait(&'a ast::Trait),
}

/// Where names of a declaration are looked up.
#[derive(Clone)]
pub(super) struct Env {
    /// Index of [`crate::cot::load::Loaded::files`].
    pub file: usize,
    /// What type parameters (and `Self`) stand for.
    pub params: Rc<[(Rc<str>, TypeId)]>,
    /// The type whose nested types are visible without their prefix.
    pub outer: Option<ItemId>,
    /// Whether names of the function that is being checked are visible.
    pub in_body: bool,
}

impl Env {
    pub fn of_file(file: usize) -> Env {
        Env { file, params: Rc::new([]), outer: None, in_body: false }
    }
}

/// Something that has methods: all instances of a declared type, or one other type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Item(ItemId),
    Type(TypeId),
}

pub(super) struct FunctionDecl<'a> {
    pub ast: &'a ast::Function,
    pub env: Env,
    pub owner: Option<Owner>,
    /// Type parameters of the `impl`, which arguments of the owner are bound to.
    pub owner_params: &'a [Name],
    /// The parameter `self` is given by rule 4 of section 22.
    pub implicit_self: bool,
}

pub(super) struct VariableDecl<'a> {
    pub ast: &'a ast::Variable,
    pub env: Env,
    pub state: VariableState,
}

/// What a name of the top level stands for in a file.
#[derive(Clone, Copy)]
pub(super) enum Visible {
    One(ItemId),
    /// Two imported files define it, and this one does not.
    Ambiguous(ItemId, ItemId),
}

#[derive(Clone)]
pub(super) enum VariableState {
    Unchecked,
    /// Its initializer is being looked at.
    Open,
    /// A constant that is known.
    Constant(Rc<Value>),
    Global {
        id: GlobalId,
        is_const: bool,
        /// Computes its first value, if that is not constant.
        initializer: Option<FunctionId>,
    },
    /// `const All = A || B`
    ErrorSet(TypeId),
    Erroneous,
}

/// What a name in a function means.
#[derive(Clone)]
pub(super) enum Binding {
    Local {
        local: LocalId,
        mutability: Mutability,
    },
    /// A `const` that is known: its value is used wherever it is named.
    Constant(Rc<Value>),
    /// A type of the block.
    Item(ItemId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutability {
    Variable,
    Constant,
    Parameter,
}

/// What a name means.
#[derive(Clone)]
pub(super) enum Meaning {
    Binding(Binding),
    Type(TypeId),
    Item(ItemId),
}

/// What a caller needs to know.
#[derive(Clone)]
pub(super) struct Signature<'a> {
    pub name: String,
    pub params: Vec<SignatureParam<'a>>,
    pub result: TypeId,
    /// Where the defaults of parameters are looked up.
    pub env: Env,
}

#[derive(Clone)]
pub(super) struct SignatureParam<'a> {
    pub name: Rc<str>,
    pub ty: TypeId,
    pub default: Option<&'a Expr>,
}

/// `….name(types)(arguments)`, without what comes before the dot.
#[derive(Clone, Copy)]
pub(super) struct MemberCall<'a> {
    pub name: &'a Name,
    pub types: &'a [Expr],
    pub arguments: &'a [Expr],
    /// Of the whole.
    pub span: Span,
}

/// What an `extern fn` is bound to.
#[derive(Clone)]
pub(super) struct ExternBinding<'a> {
    pub signature: Rc<Signature<'a>>,
    pub target: ExternTarget,
}

#[derive(Clone, Copy)]
pub(super) enum ExternTarget {
    Runtime(RuntimeFunction),
    Extern(ExternId),
}

/// A checked expression that may still adopt a type.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub expr: Expression,
    pub untyped: Untyped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untyped {
    /// It has the type it says.
    No,
    /// A constant that adopts any number type. Its type is `i64` or `f64` for now.
    Int,
    /// As `Int`, made by a shift and negative as an `i64`: 64 bits, which a `u64` takes as they
    /// are.
    Bits,
    Float,
    Null,
    Undefined,
}

impl Untyped {
    /// A constant that adopts any integer type.
    pub fn is_int(self) -> bool {
        matches!(self, Untyped::Int | Untyped::Bits)
    }
}

impl Value {
    pub fn is_never(&self) -> bool {
        self.expr.ty == TypeId::NO_RETURN
    }

    /// Has no value at all; `null` has one, whose type is open.
    pub fn is_void(&self) -> bool {
        self.untyped == Untyped::No && self.expr.ty == TypeId::VOID
    }

    pub fn is_erroneous(&self) -> bool {
        self.expr.ty == TypeId::ERRONEOUS
    }
}

impl From<Expression> for Value {
    fn from(expr: Expression) -> Value {
        Value { expr, untyped: Untyped::No }
    }
}

pub(super) fn make(kind: ExpressionKind, ty: TypeId, span: Span) -> Expression {
    Expression { kind, ty, span }
}

pub(super) fn convert(conversion: Conversion, value: Expression, ty: TypeId) -> Expression {
    let span = value.span;
    make(ExpressionKind::Convert { conversion, value: Box::new(value) }, ty, span)
}

/// A block with just a value, or the block that an expression is.
pub(super) fn as_block(expr: Expression) -> Block {
    let end = expr.span.end_point();
    match expr.kind {
        ExpressionKind::Block(block) => block,
        ExpressionKind::Void => Block { statements: Vec::new(), value: None, end },
        _ => Block { statements: Vec::new(), value: Some(Box::new(expr)), end },
    }
}
