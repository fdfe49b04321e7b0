//! Blocks with labels, which `break :label value` gives a value (section 8.3): a local for the
//! value, and a loop that runs once.

use crate::cot::ast::{self, Expr, Name};
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::body::LabelledBlock;
use crate::cot::check::iterate::once;
use crate::cot::check::model::{Value, make};
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;
use crate::cot::typed::{Block, ExpressionKind, Place, PlaceKind, Statement, StatementKind};
use crate::cot::types::TypeId;

impl<'a> Checker<'a> {
    /// `label: { … break :label value … }`
    pub(super) fn check_labelled(&mut self, label: &'a Name, block: &'a ast::Block, want: Want, span: Span) -> Value {
        let expected = want.expected().filter(|ty| *ty != TypeId::VOID);
        let result = self.new_local("", expected.unwrap_or(TypeId::ERRONEOUS));
        let id = self.new_loop(Some(label));
        let frame = self.body().loops.last_mut().expect("it was opened");
        frame.block = Some(LabelledBlock { result, ty: expected, has_value: false });
        let body = self.check_block(block, Want::Discard);
        let frame = self.body().loops.pop().expect("it was opened");
        let LabelledBlock { ty, has_value, .. } = frame.block.expect("it is one of a block");
        let ends = !body.is_never();
        let statement = |kind| Statement { kind, span };
        let turn = once(id, vec![statement(StatementKind::Expression(body.expr))], span);
        if !has_value {
            let ty = if ends || frame.is_left { TypeId::VOID } else { TypeId::NO_RETURN };
            let block = Block { statements: vec![turn], value: None, end: span.end_point() };
            return make(ExpressionKind::Block(block), ty, span).into();
        }
        let ty = ty.unwrap_or(TypeId::ERRONEOUS);
        if ends {
            let message = format!("the block gives a value: it must end in 'break :{} …'", label.text);
            self.type_error(block.span, message);
        }
        let zero = make(ExpressionKind::Zero, ty, span);
        let statements = vec![statement(StatementKind::Local { local: result, value: zero }), turn];
        let value = Some(Box::new(self.load_local(result, span)));
        make(ExpressionKind::Block(Block { statements, value, end: span.end_point() }), ty, span).into()
    }

    /// `break :label value`
    pub(super) fn check_break_value(&mut self, label: &'a Name, value: &'a Expr, span: Span) -> Value {
        let frames = &self.body().loops;
        let found = frames.iter().rposition(|frame| frame.label.as_ref() == Some(&label.text));
        let Some((number, block)) = found.and_then(|at| Some((at, frames[at].block.clone()?))) else {
            let message = match found {
                Some(_) => format!("'{}' is the label of a loop, which has no value", label.text),
                None => format!("no block around this 'break' is labelled '{}'", label.text),
            };
            self.report(Code::BreakOutsideLoop, span, message);
            self.check(value, None);
            return self.erroneous(span);
        };
        let value = match block.ty {
            Some(ty) => self.check_as(value, ty),
            None => self.check_settled(value),
        };
        let ty = block.ty.unwrap_or(value.ty);
        let body = self.body();
        body.locals[block.result.0 as usize].ty = ty;
        let frame = &mut body.loops[number];
        frame.is_left = true;
        let id = frame.id;
        frame.block = Some(LabelledBlock { ty: Some(ty), has_value: true, ..block });
        let place = Place { kind: PlaceKind::Local(block.result), ty, span };
        self.mark_modified(&place);
        let assign = Statement { kind: StatementKind::Assign { place, value }, span };
        let leave = make(ExpressionKind::Break(id), TypeId::NO_RETURN, span);
        let leave = Statement { kind: StatementKind::Expression(leave), span };
        let block = Block { statements: vec![assign, leave], value: None, end: span.end_point() };
        make(ExpressionKind::Block(block), TypeId::NO_RETURN, span).into()
    }
}
