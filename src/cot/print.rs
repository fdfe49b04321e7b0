//! Tokens and trees as text: `--emit tokens` and `--emit ast`. Trees come without places, so that
//! equal programs print equal.

use std::fmt::Write;

use crate::cot::ast::{
    Arm, BinaryOperator, Block, Capture, Declaration, Expr, ExprKind, File, Function, If, Members, Name, Param, Part,
    Reference, Statement, StatementKind, StructKind, TypeExpr, TypeExprKind, UnaryOperator, Variable,
};
use crate::cot::scan::Scanned;
use crate::cot::source::Source;
use crate::cot::types::Types;

/// A token a line: position, kind, text; a `^` marks the first of a line.
pub fn tokens(source: &Source, scanned: &Scanned) -> String {
    let mut text = String::new();
    for token in &scanned.tokens {
        let (line, column) = source.position(token.span.start);
        let bytes = &source.bytes[token.span.start as usize..token.span.end as usize];
        let first = if token.newline_before { '^' } else { ' ' };
        writeln!(text, "{line}:{column} {first} {:?} {}", token.kind, String::from_utf8_lossy(bytes))
            .expect("strings can be written to");
    }
    text
}

/// A file as nested lists; doc comments are at the end, with the names of what they describe.
pub fn tree(file: &File, source: &Source) -> String {
    let mut items: Vec<Node> = Vec::new();
    if file.is_safe {
        items.push(atom("@safe"));
    }
    items.extend(file.declarations.iter().map(declaration));
    items.extend(file.docs.iter().map(|doc| {
        let name = &source.bytes[doc.name.start as usize..doc.name.end as usize];
        list("doc", [atom(String::from_utf8_lossy(name)), quoted(doc.text.as_bytes())])
    }));
    let mut text = String::new();
    for item in items {
        item.write(0, &mut text);
        text.push('\n');
    }
    text
}

/// What a tree is printed as.
enum Node {
    Atom(String),
    List(Vec<Node>),
}

/// Lists that fit are written on a line.
const WIDTH: usize = 100;

impl Node {
    fn flat(&self, most: usize) -> Option<String> {
        match self {
            Node::Atom(text) => (text.len() <= most).then(|| text.clone()),
            Node::List(items) => {
                let mut text = "(".to_owned();
                for (index, item) in items.iter().enumerate() {
                    text.push_str(if index > 0 { " " } else { "" });
                    text.push_str(&item.flat(most.checked_sub(text.len())?)?);
                }
                text.push(')');
                (text.len() <= most).then_some(text)
            }
        }
    }

    fn write(&self, indent: usize, out: &mut String) {
        let pad = "  ".repeat(indent);
        if let Some(text) = self.flat(WIDTH.saturating_sub(2 * indent).max(20)) {
            out.push_str(&pad);
            out.push_str(&text);
            return;
        }
        let Node::List(items) = self else {
            if let Node::Atom(text) = self {
                out.push_str(&pad);
                out.push_str(text);
            }
            return;
        };
        out.push_str(&pad);
        out.push('(');
        let mut rest = &items[..];
        // The name of a list, and what is short after it, stay on its first line.
        while let Some((Node::Atom(text), after)) = rest.split_first() {
            if rest.len() < items.len() {
                out.push(' ');
            }
            out.push_str(text);
            rest = after;
        }
        for item in rest {
            out.push('\n');
            item.write(indent + 1, out);
        }
        out.push(')');
    }
}

fn atom(text: impl Into<String>) -> Node {
    Node::Atom(text.into())
}

fn list(name: &str, items: impl IntoIterator<Item = Node>) -> Node {
    Node::List(std::iter::once(atom(name)).chain(items).collect())
}

fn name(name: &Name) -> Node {
    atom(&*name.text)
}

fn quoted(bytes: &[u8]) -> Node {
    atom(format!("{:?}", String::from_utf8_lossy(bytes)))
}

fn declaration(it: &Declaration) -> Node {
    match it {
        Declaration::Import(text) => list("import", [quoted(&text.value)]),
        Declaration::Function(it) => function(it),
        Declaration::Variable(it) => variable(it),
        Declaration::Struct(it) => {
            let kind = match it.kind {
                StructKind::Ordinary => "struct",
                StructKind::Extern => "extern-struct",
                StructKind::Packed => "packed-struct",
            };
            let params = type_params(&it.type_params);
            list(
                kind,
                [name(&it.name)]
                    .into_iter()
                    .chain(params)
                    .chain(it.fields.iter().map(param))
                    .chain(members(&it.members)),
            )
        }
        Declaration::Enum(it) => {
            let variants = it.variants.iter().map(|(variant, value)| match value {
                Some(value) => list("=", [name(variant), expr(value)]),
                None => name(variant),
            });
            let backing = it.backing.iter().map(type_expr);
            list("enum", [name(&it.name)].into_iter().chain(backing).chain(variants).chain(members(&it.members)))
        }
        Declaration::Union(it) => {
            let variants = it.variants.iter().map(|(variant, ty)| match ty {
                Some(ty) => list(":", [name(variant), type_expr(ty)]),
                None => name(variant),
            });
            list("union", [name(&it.name)].into_iter().chain(variants).chain(members(&it.members)))
        }
        Declaration::ErrorSet(it) => list("error-set", [name(&it.name)].into_iter().chain(it.members.iter().map(name))),
        Declaration::Alias(it) => list("type", [name(&it.name), type_expr(&it.ty)]),
        Declaration::Trait(it) => list("trait", [name(&it.name)].into_iter().chain(it.functions.iter().map(function))),
        Declaration::Impl(it) => {
            let of_trait = it.of_trait.iter().map(|of| list("of", [name(of)]));
            let head = [type_expr(&it.target)].into_iter().chain(type_params(&it.type_params)).chain(of_trait);
            list("impl", head.chain(members(&it.members)))
        }
        Declaration::Test(it) => list("test", [quoted(&it.name.value), block(&it.body)]),
        Declaration::Bench(it) => list("bench", [quoted(&it.name.value), block(&it.body)]),
    }
}

fn members(it: &Members) -> Vec<Node> {
    let types = it.types.iter().map(declaration);
    types.chain(it.constants.iter().map(variable)).chain(it.functions.iter().map(function)).collect()
}

fn type_params(names: &[Name]) -> Option<Node> {
    (!names.is_empty()).then(|| list("of-types", names.iter().map(name)))
}

fn function(it: &Function) -> Node {
    let flags = [(it.is_extern, "extern"), (it.is_export, "export"), (it.is_static, "static")];
    let flags = flags.into_iter().filter(|(is, _)| *is).map(|(_, word)| atom(word));
    let bounds = it.bounds.iter().map(|(param, of)| list("where", [name(param), name(of)]));
    let head = flags.chain([name(&it.name)]).chain(type_params(&it.type_params));
    let params = list("params", it.params.iter().map(param));
    let result = it.result.iter().map(type_expr);
    list("fn", head.chain([params]).chain(result).chain(bounds).chain(it.body.iter().map(block)))
}

fn param(it: &Param) -> Node {
    list(":", [name(&it.name), type_expr(&it.ty)].into_iter().chain(it.default.iter().map(expr)))
}

fn variable(it: &Variable) -> Node {
    let word = match (it.is_const, it.reference) {
        (true, _) => "const",
        (false, Reference::Weak) => "weak",
        (false, Reference::Unowned) => "unowned",
        (false, Reference::Strong) => "var",
    };
    let bindings = it.bindings.iter().map(|(binding, ty)| match ty {
        Some(ty) => list(":", [name(binding), type_expr(ty)]),
        None => name(binding),
    });
    list(word, bindings.chain(it.value.iter().map(expr)))
}

fn type_expr(it: &TypeExpr) -> Node {
    match &it.kind {
        TypeExprKind::Primitive(id) => atom(Types::default().name(*id)),
        TypeExprKind::Named { path, arguments } => {
            let path: Vec<&str> = path.iter().map(|part| &*part.text).collect();
            let path = path.join(".");
            if arguments.is_empty() { atom(path) } else { list(&path, arguments.iter().map(type_expr)) }
        }
        TypeExprKind::Pointer(to) => list("*", [type_expr(to)]),
        TypeExprKind::Optional(of) => list("?", [type_expr(of)]),
        TypeExprKind::ErrorUnion { set, payload } => {
            list("!", set.iter().map(|set| type_expr(set)).chain([type_expr(payload)]))
        }
        TypeExprKind::Slice(element) => list("[]", [type_expr(element)]),
        TypeExprKind::Array { length, element } => list("array", [expr(length), type_expr(element)]),
        TypeExprKind::Function { params, result } => {
            let params = list("params", params.iter().map(type_expr));
            list("fn-type", [params].into_iter().chain(result.iter().map(|ty| type_expr(ty))))
        }
        TypeExprKind::Tuple(types) => list("tuple-type", types.iter().map(type_expr)),
        TypeExprKind::TypeOf(of) => list("@TypeOf", [expr(of)]),
        TypeExprKind::Erroneous => atom("<error>"),
    }
}

fn block(it: &Block) -> Node {
    list("block", it.statements.iter().map(statement))
}

fn capture(it: &Option<Capture>) -> Option<Node> {
    it.as_ref().map(|it| list(if it.by_pointer { "capture*" } else { "capture" }, [name(&it.name)]))
}

fn statement(it: &Statement) -> Node {
    let labelled = |label: &Option<Name>, node: Node| match label {
        Some(label) => list("label", [name(label), node]),
        None => node,
    };
    match &it.kind {
        StatementKind::Expr(it) => expr(it),
        StatementKind::Variable(it) => variable(it),
        StatementKind::Type(it) => declaration(it),
        StatementKind::Assign { target, operator, value } => {
            let word = operator.map_or("=".to_owned(), |it| format!("{}=", binary(it)));
            list(&word, [expr(target), expr(value)])
        }
        StatementKind::While { label, condition, capture: it, step, body } => {
            let step = step.iter().map(|step| list("step", [statement(step)]));
            labelled(
                label,
                list("while", [expr(condition)].into_iter().chain(capture(it)).chain(step).chain([block(body)])),
            )
        }
        StatementKind::For(it) => {
            let names = [name(&it.first)].into_iter().chain(it.second.iter().map(name));
            let end = it.end.iter().map(|end| list("to", [expr(end)]));
            let word = if it.is_inline { "inline-for" } else { "for" };
            labelled(&it.label, list(word, names.chain([expr(&it.subject)]).chain(end).chain([block(&it.body)])))
        }
        StatementKind::Defer { body, only_on_error } => {
            list(if *only_on_error { "errdefer" } else { "defer" }, [statement(body)])
        }
    }
}

fn fields(fields: &[(Name, Expr)]) -> impl Iterator<Item = Node> {
    fields.iter().map(|(field, value)| list("=", [name(field), expr(value)]))
}

fn if_node(it: &If) -> Node {
    let otherwise = it.otherwise.iter().map(block);
    list("if", [expr(&it.condition)].into_iter().chain(capture(&it.capture)).chain([block(&it.then)]).chain(otherwise))
}

fn arm(it: &Arm) -> Node {
    let patterns = it.patterns.iter().map(|pattern| match &pattern.last {
        Some(last) => list("..", [expr(&pattern.first), expr(last)]),
        None => expr(&pattern.first),
    });
    let patterns = if it.patterns.is_empty() { atom("else") } else { list("patterns", patterns) };
    let guard = it.guard.iter().map(|guard| list("if", [expr(guard)]));
    list("=>", [patterns].into_iter().chain(capture(&it.capture)).chain(guard).chain([expr(&it.body)]))
}

fn expr(it: &Expr) -> Node {
    match &it.kind {
        ExprKind::Integer(value) => atom(value.to_string()),
        ExprKind::Float(value) => atom(format!("{value:?}")),
        ExprKind::Character(byte) => list("char", [atom(byte.to_string())]),
        ExprKind::Bool(value) => atom(value.to_string()),
        ExprKind::Null => atom("null"),
        ExprKind::Undefined => atom("undefined"),
        ExprKind::Unreachable => atom("unreachable"),
        ExprKind::String(bytes) => quoted(bytes),
        ExprKind::Interpolation(parts) => list(
            "interpolate",
            parts.iter().map(|part| match part {
                Part::Text(bytes) => quoted(bytes),
                Part::Expr(it) => expr(it),
            }),
        ),
        ExprKind::Name(text) => atom(&**text),
        ExprKind::EnumLiteral(it) => atom(format!(".{}", it.text)),
        ExprKind::ErrorLiteral(it) => atom(format!("error.{}", it.text)),
        ExprKind::Type(ty) => list("type", [type_expr(ty)]),
        ExprKind::Tuple(items) => list("tuple", items.iter().map(expr)),
        ExprKind::Array(items) => list("array", items.iter().map(expr)),
        ExprKind::Unary { operator, operand } => list(unary(*operator), [expr(operand)]),
        ExprKind::Binary { operator, left, right } => list(binary(*operator), [expr(left), expr(right)]),
        ExprKind::Catch { value, capture, fallback } => {
            list("catch", [expr(value)].into_iter().chain(capture.iter().map(name)).chain([expr(fallback)]))
        }
        ExprKind::Member { base, name: it } => list(".", [expr(base), name(it)]),
        ExprKind::TupleIndex { base, index } => list(".", [expr(base), atom(index.to_string())]),
        ExprKind::OptionalMember { base, name: it } => list("?.", [expr(base), name(it)]),
        ExprKind::Dereference(base) => list(".*", [expr(base)]),
        ExprKind::Unwrap(base) => list(".?", [expr(base)]),
        ExprKind::Call { callee, arguments } => {
            list("call", [expr(callee)].into_iter().chain(arguments.iter().map(expr)))
        }
        ExprKind::Index { base, index } => list("index", [expr(base), expr(index)]),
        ExprKind::Slice { base, start, end } => {
            let side = |it: &Option<Box<Expr>>| it.as_ref().map_or(atom("_"), |it| expr(it));
            list("slice", [expr(base), side(start), side(end)])
        }
        ExprKind::Struct { ty, fields: it } => {
            list("struct", [ty.as_ref().map_or(atom("."), |ty| expr(ty))].into_iter().chain(fields(it)))
        }
        ExprKind::New { ty, fields: it } => list("new", [type_expr(ty)].into_iter().chain(fields(it))),
        ExprKind::NewCall { ty, arguments } => {
            list("new-call", [type_expr(ty)].into_iter().chain(arguments.iter().map(expr)))
        }
        ExprKind::As { value, ty } => list("as", [expr(value), type_expr(ty)]),
        ExprKind::Block(it) => block(it),
        ExprKind::Comptime(it) => list("comptime", [block(it)]),
        ExprKind::If(it) => if_node(it),
        ExprKind::Switch(it) => list("switch", [expr(&it.subject)].into_iter().chain(it.arms.iter().map(arm))),
        ExprKind::Closure(it) => {
            let params = list("params", it.params.iter().map(param));
            list("closure", [params].into_iter().chain(it.result.iter().map(type_expr)).chain([block(&it.body)]))
        }
        ExprKind::Builtin { name, arguments } => list(&format!("@{}", name.text), arguments.iter().map(expr)),
        ExprKind::Return(value) => list("return", value.iter().map(|value| expr(value))),
        ExprKind::Break(label) => list("break", label.iter().map(name)),
        ExprKind::BreakValue(label, value) => list("break", [name(label), expr(value)]),
        ExprKind::Labelled(label, it) => list("labelled", [name(label), block(it)]),
        ExprKind::Continue(label) => list("continue", label.iter().map(name)),
        ExprKind::Erroneous => atom("<error>"),
    }
}

fn unary(operator: UnaryOperator) -> &'static str {
    match operator {
        UnaryOperator::Negate => "-",
        UnaryOperator::Not => "not",
        UnaryOperator::BitNot => "~",
        UnaryOperator::AddressOf => "&",
        UnaryOperator::Try => "try",
    }
}

/// An operator as it is written.
pub fn binary(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Remainder => "%",
        BinaryOperator::BitAnd => "&",
        BinaryOperator::BitOr => "|",
        BinaryOperator::BitXor => "^",
        BinaryOperator::ShiftLeft => "<<",
        BinaryOperator::ShiftRight => ">>",
        BinaryOperator::Equal => "==",
        BinaryOperator::NotEqual => "!=",
        BinaryOperator::Less => "<",
        BinaryOperator::LessEqual => "<=",
        BinaryOperator::Greater => ">",
        BinaryOperator::GreaterEqual => ">=",
        BinaryOperator::And => "and",
        BinaryOperator::Or => "or",
        BinaryOperator::Concat => "++",
        BinaryOperator::Orelse => "orelse",
    }
}
