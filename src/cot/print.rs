//! Tokens and trees as text: `--emit tokens` and `--emit ast`. Trees come without places, so that
//! equal programs print equal.

use std::fmt::Write;

use crate::cot::ast::{
    Arm, BinaryOperator, Block, Capture, Declaration, Expr, ExprKind, File, Function, Impl, Name, Param, Part, Pattern,
    Reference, Statement, StatementKind, StructKind, Test, TypeExpr, TypeExprKind, UnaryOperator, Variable,
};
use crate::cot::scan::Scanned;
use crate::cot::source::Source;
use crate::cot::types::Types;
use crate::cot::visit::{
    Visitor, walk_block, walk_declaration, walk_expr, walk_param, walk_statement, walk_type, walk_variable,
};

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
    let mut printer = Printer { open: vec![Vec::new()] };
    if file.is_safe {
        printer.atom("@safe");
    }
    file.declarations.iter().for_each(|it| printer.declaration(it));
    for doc in &file.docs {
        let name = &source.bytes[doc.name.start as usize..doc.name.end as usize];
        printer.list("doc", |it| {
            it.atom(String::from_utf8_lossy(name));
            it.atom(quoted(doc.text.as_bytes()));
        });
    }
    let mut text = String::new();
    for item in printer.open.into_iter().flatten() {
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

fn quoted(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

/// Makes a list of most nodes: a word and the parts. The lists that are open, the innermost last.
struct Printer {
    open: Vec<Vec<Node>>,
}

impl Printer {
    fn add(&mut self, node: Node) {
        self.open.last_mut().expect("the outermost list stays open").push(node);
    }

    fn atom(&mut self, text: impl Into<String>) {
        self.add(Node::Atom(text.into()));
    }

    fn list(&mut self, word: &str, parts: impl FnOnce(&mut Self)) {
        self.open.push(vec![Node::Atom(word.to_owned())]);
        parts(self);
        let items = self.open.pop().expect("it was opened above");
        self.add(Node::List(items));
    }

    fn labelled(&mut self, label: &Option<Name>, node: impl FnOnce(&mut Self)) {
        match label {
            Some(label) => self.list("label", |it| {
                it.name(label);
                node(it);
            }),
            None => node(self),
        }
    }

    fn params(&mut self, params: &[Param]) {
        self.list("params", |it| params.iter().for_each(|param| it.param(param)));
    }

    fn impl_of(&mut self, of: &Impl) {
        self.type_expr(&of.target);
        self.type_params(&of.type_params);
        of.of_trait.iter().for_each(|name| self.list("of", |it| it.name(name)));
        self.members(&of.members);
    }
}

impl Visitor for Printer {
    fn declaration(&mut self, declaration: &Declaration) {
        let word = match declaration {
            Declaration::Function(_) | Declaration::Variable(_) => return walk_declaration(self, declaration),
            Declaration::Import(_) => "import",
            Declaration::Struct(of) => match of.kind {
                StructKind::Ordinary => "struct",
                StructKind::Extern => "extern-struct",
                StructKind::Packed => "packed-struct",
            },
            Declaration::Enum(_) => "enum",
            Declaration::Union(_) => "union",
            Declaration::ErrorSet(_) => "error-set",
            Declaration::Alias(_) => "type",
            Declaration::Trait(_) => "trait",
            Declaration::Impl(of) => return self.list("impl", |it| it.impl_of(of)),
            Declaration::Test(_) => "test",
            Declaration::Bench(_) => "bench",
        };
        self.list(word, |it| {
            if let Declaration::Import(text)
            | Declaration::Test(Test { name: text, .. })
            | Declaration::Bench(Test { name: text, .. }) = declaration
            {
                it.atom(quoted(&text.value));
            }
            walk_declaration(it, declaration);
        });
    }

    fn type_params(&mut self, names: &[Name]) {
        if !names.is_empty() {
            self.list("of-types", |it| names.iter().for_each(|name| it.name(name)));
        }
    }

    fn function(&mut self, of: &Function) {
        let flags = [(of.is_extern, "extern"), (of.is_export, "export"), (of.is_static, "static")];
        self.list("fn", |it| {
            flags.iter().filter(|(is, _)| *is).for_each(|(_, word)| it.atom(*word));
            it.name(&of.name);
            it.type_params(&of.type_params);
            it.params(&of.params);
            of.result.iter().for_each(|ty| it.type_expr(ty));
            for (param, bound) in &of.bounds {
                it.list("where", |it| [param, bound].into_iter().for_each(|name| it.name(name)));
            }
            of.body.iter().for_each(|body| it.block(body));
        });
    }

    fn param(&mut self, of: &Param) {
        self.list(":", |it| walk_param(it, of));
    }

    fn binding(&mut self, name: &Name, ty: Option<&TypeExpr>) {
        let Some(ty) = ty else { return self.name(name) };
        self.list(":", |it| {
            it.name(name);
            it.type_expr(ty);
        });
    }

    fn field(&mut self, name: &Name, value: &Expr) {
        self.list("=", |it| {
            it.name(name);
            it.expr(value);
        });
    }

    fn variable(&mut self, of: &Variable) {
        let word = match (of.is_const, of.reference) {
            (true, _) => "const",
            (false, Reference::Weak) => "weak",
            (false, Reference::Unowned) => "unowned",
            (false, Reference::Strong) => "var",
        };
        self.list(word, |it| walk_variable(it, of));
    }

    fn type_expr(&mut self, ty: &TypeExpr) {
        let path;
        let word = match &ty.kind {
            TypeExprKind::Primitive(id) => return self.atom(Types::default().name(*id)),
            TypeExprKind::Erroneous => return self.atom("<error>"),
            TypeExprKind::Named { path: names, arguments } => {
                path = names.iter().map(|part| &*part.text).collect::<Vec<_>>().join(".");
                if arguments.is_empty() {
                    return self.atom(path);
                }
                &path
            }
            TypeExprKind::Pointer(_) => "*",
            TypeExprKind::Optional(_) => "?",
            TypeExprKind::ErrorUnion { .. } => "!",
            TypeExprKind::Slice(_) => "[]",
            TypeExprKind::Array { .. } => "array",
            TypeExprKind::Function { params, result } => {
                return self.list("fn-type", |it| {
                    it.list("params", |it| params.iter().for_each(|ty| it.type_expr(ty)));
                    result.iter().for_each(|ty| it.type_expr(ty));
                });
            }
            TypeExprKind::Tuple(_) => "tuple-type",
            TypeExprKind::TypeOf(_) => "@TypeOf",
        };
        self.list(word, |it| walk_type(it, ty));
    }

    fn block(&mut self, of: &Block) {
        self.list("block", |it| walk_block(it, of));
    }

    fn capture(&mut self, of: &Capture) {
        self.list(if of.by_pointer { "capture*" } else { "capture" }, |it| it.name(&of.name));
    }

    fn name(&mut self, name: &Name) {
        self.atom(&*name.text);
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expr(_) | StatementKind::Variable(_) | StatementKind::Type(_) => {
                walk_statement(self, statement);
            }
            StatementKind::Assign { operator, .. } => {
                let word = operator.map_or("", binary);
                self.list(&format!("{word}="), |it| walk_statement(it, statement));
            }
            StatementKind::While { label, condition, capture, step, body } => self.labelled(label, |it| {
                it.list("while", |it| {
                    it.expr(condition);
                    capture.iter().for_each(|capture| it.capture(capture));
                    step.iter().for_each(|step| it.list("step", |it| it.statement(step)));
                    it.block(body);
                });
            }),
            StatementKind::For(of) => self.labelled(&of.label, |it| {
                it.list(if of.is_inline { "inline-for" } else { "for" }, |it| {
                    [&of.first].into_iter().chain(&of.second).for_each(|name| it.name(name));
                    it.expr(&of.subject);
                    of.end.iter().for_each(|end| it.list("to", |it| it.expr(end)));
                    it.block(&of.body);
                });
            }),
            StatementKind::Defer { only_on_error, .. } => {
                self.list(if *only_on_error { "errdefer" } else { "defer" }, |it| walk_statement(it, statement));
            }
        }
    }

    fn arm(&mut self, of: &Arm) {
        self.list("=>", |it| {
            match of.patterns.as_slice() {
                [] => it.atom("else"),
                patterns => it.list("patterns", |it| patterns.iter().for_each(|pattern| it.pattern(pattern))),
            }
            of.capture.iter().for_each(|capture| it.capture(capture));
            of.guard.iter().for_each(|guard| it.list("if", |it| it.expr(guard)));
            it.expr(&of.body);
        });
    }

    fn pattern(&mut self, of: &Pattern) {
        let Some(last) = &of.last else { return self.expr(&of.first) };
        self.list("..", |it| {
            it.expr(&of.first);
            it.expr(last);
        });
    }

    fn expr(&mut self, of: &Expr) {
        let builtin;
        let word = match &of.kind {
            ExprKind::Integer(value) => return self.atom(value.to_string()),
            ExprKind::Float(value) => return self.atom(format!("{value:?}")),
            ExprKind::Character(byte) => return self.list("char", |it| it.atom(byte.to_string())),
            ExprKind::Bool(value) => return self.atom(value.to_string()),
            ExprKind::Null => return self.atom("null"),
            ExprKind::Undefined => return self.atom("undefined"),
            ExprKind::Unreachable => return self.atom("unreachable"),
            ExprKind::Erroneous => return self.atom("<error>"),
            ExprKind::String(bytes) => return self.atom(quoted(bytes)),
            ExprKind::Name(text) => return self.atom(&**text),
            ExprKind::EnumLiteral(name) => return self.atom(format!(".{}", name.text)),
            ExprKind::ErrorLiteral(name) => return self.atom(format!("error.{}", name.text)),
            ExprKind::Block(block) => return self.block(block),
            ExprKind::Interpolation(parts) => {
                return self.list("interpolate", |it| {
                    parts.iter().for_each(|part| match part {
                        Part::Text(bytes) => it.atom(quoted(bytes)),
                        Part::Expr(value) => it.expr(value),
                    });
                });
            }
            ExprKind::Slice { base, start, end } => {
                return self.list("slice", |it| {
                    it.expr(base);
                    [start, end].into_iter().for_each(|side| match side {
                        Some(side) => it.expr(side),
                        None => it.atom("_"),
                    });
                });
            }
            ExprKind::Closure(of) => {
                return self.list("closure", |it| {
                    it.params(&of.params);
                    of.result.iter().for_each(|ty| it.type_expr(ty));
                    it.block(&of.body);
                });
            }
            ExprKind::Type(_) => "type",
            ExprKind::Tuple(_) => "tuple",
            ExprKind::Array(_) => "array",
            ExprKind::Unary { operator, .. } => unary(*operator),
            ExprKind::Binary { operator, .. } => binary(*operator),
            ExprKind::Catch { .. } => "catch",
            ExprKind::Member { .. } | ExprKind::TupleIndex { .. } => ".",
            ExprKind::OptionalMember { .. } => "?.",
            ExprKind::Dereference(_) => ".*",
            ExprKind::Unwrap(_) => ".?",
            ExprKind::Call { .. } => "call",
            ExprKind::Index { .. } => "index",
            ExprKind::Struct { .. } => "struct",
            ExprKind::New { .. } => "new",
            ExprKind::NewCall { .. } => "new-call",
            ExprKind::As { .. } => "as",
            ExprKind::Comptime(_) => "comptime",
            ExprKind::If(_) => "if",
            ExprKind::Switch(_) => "switch",
            ExprKind::Builtin { name, .. } => {
                builtin = format!("@{}", name.text);
                &builtin
            }
            ExprKind::Return(_) => "return",
            ExprKind::Break(_) | ExprKind::BreakValue(..) => "break",
            ExprKind::Labelled(..) => "labelled",
            ExprKind::Continue(_) => "continue",
        };
        self.list(word, |it| {
            if matches!(of.kind, ExprKind::Struct { ty: None, .. }) {
                it.atom(".");
            }
            walk_expr(it, &of.kind);
            if let ExprKind::TupleIndex { index, .. } = of.kind {
                it.atom(index.to_string());
            }
        });
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
