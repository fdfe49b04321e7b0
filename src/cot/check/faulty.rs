//! Programs with syntax errors: what is not faulty is checked all the same.

use crate::cot::ast::Declaration;
use crate::cot::check::Checker;
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;

impl Checker<'_> {
    /// Leaves out bodies with syntax errors. Whether the rest can be checked: not if an error is
    /// outside of bodies, or about a brace, since nobody knows what belongs to what then.
    pub(super) fn skip_faulty_bodies(&mut self) -> bool {
        let loaded = self.loaded;
        if loaded.diagnostics.is_empty() {
            return true;
        }
        let functions = self.declared.functions().filter_map(|id| self.declared[id].ast.body.as_ref());
        let declarations = loaded.files.iter().flat_map(|file| &file.tree.declarations);
        let tests = declarations.filter_map(|it| match it {
            Declaration::Test(test) | Declaration::Bench(test) => Some(&test.body),
            _ => None,
        });
        let bodies: Vec<Span> = functions.chain(tests).map(|body| body.span).collect();
        for fault in &loaded.diagnostics {
            let is_syntax = fault.code < Code::Type && fault.code != Code::ExpectedCloseBrace;
            let around = bodies.iter().find(|body| contains(**body, fault.span));
            match around {
                Some(body) if is_syntax => self.faulty_bodies.push(*body),
                _ => return false,
            }
        }
        true
    }

    pub(super) fn is_faulty(&self, body: Span) -> bool {
        self.faulty_bodies.contains(&body)
    }
}

fn contains(outer: Span, inner: Span) -> bool {
    outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
}
