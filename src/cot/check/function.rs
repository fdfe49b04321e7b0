//! All declarations in turn, bodies of functions, closures, tests; `main`.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::cot::ast::{self, Declaration, Name};
use crate::cot::check::block::Want;
use crate::cot::check::body::Body;
use crate::cot::check::model::{
    Env, FunctionDeclId, ItemId, ItemKind, Mutability, Signature, SignatureParam, Value, as_block, make,
};
use crate::cot::check::{Build, Checker};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{
    Block, Callee, Capture, Expression, ExpressionKind, FunctionId, Local, LocalId, Ownership, Place, PlaceKind,
    Statement, StatementKind, Test,
};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    /// Types, variables and signatures of everything that is not generic.
    pub(super) fn check_declarations(&mut self) {
        for item in self.declared.items() {
            let kind = self.declared[item].kind;
            let span = self.declared[item].name.span;
            let is_generic = matches!(kind, ItemKind::Struct(of) if !of.type_params.is_empty());
            match kind {
                ItemKind::Struct(of) => self.report_duplicates(of.type_params.iter()),
                ItemKind::ErrorSet(of) => self.report_duplicates(of.members.iter()),
                _ => {}
            }
            match kind {
                _ if is_generic || !self.declared[item].env.params.is_empty() => {}
                ItemKind::Function(_) | ItemKind::Variable(_) => {}
                ItemKind::Trait(of) => self.check_trait(of),
                _ => {
                    self.item_type(item, Vec::new(), span);
                }
            }
        }
        for item in self.declared.items() {
            self.check_field_defaults(item);
        }
        self.check_trait_impls();
        for variable in self.declared.variables() {
            self.variable_state(variable);
        }
        for function in self.declared.functions() {
            self.check_function_declaration(function);
        }
        for (file, loaded) in self.loaded.files.iter().enumerate() {
            for declaration in &loaded.tree.declarations {
                self.check_test(file, declaration);
            }
        }
    }

    fn check_function_declaration(&mut self, id: FunctionDeclId) {
        let decl = &self.declared[id];
        let ast = decl.ast;
        let owner_params = decl.owner_params;
        let is_generic = !owner_params.is_empty() || !ast.type_params.is_empty();
        self.report_duplicates(ast.params.iter().map(|param| &param.name));
        self.report_duplicates(owner_params.iter().chain(&ast.type_params));
        if ast.is_extern {
            if let Some(body) = &ast.body {
                self.report(Code::UnexpectedToken, body.span, "an extern function has no body here");
            }
            if is_generic {
                self.type_error(ast.name.span, "an extern function can't be generic");
            } else {
                self.extern_binding(id);
            }
            return;
        }
        if ast.body.is_none() {
            let known = self.function_named(&self.declared[id].env, &ast.name.text);
            let is_defined = known.is_some_and(|known| self.declared[known].ast.body.is_some());
            if !is_defined {
                self.type_error(ast.name.span, format!("function '{}' has no body", ast.name.text));
            }
        } else if !is_generic {
            let function = self.instance(id, Vec::new(), ast.span);
            let signature = self.instances.signature(function).clone();
            for param in &signature.params {
                self.check_default(param.default, param.ty, &signature.env);
            }
        } else if ast.is_export {
            self.type_error(ast.name.span, "an exported function can't be generic");
        }
    }

    /// Defaults of a struct without type parameters, which may never be needed.
    fn check_field_defaults(&mut self, item: ItemId) {
        let ItemKind::Struct(of) = self.declared[item].kind else { return };
        let Some(ty) = self.named.get(&(item, Vec::new())) else { return };
        let env = self.env_of_instance(item, &[], &[], Some(ty));
        for field in of.fields.iter().filter(|field| field.default.is_some()) {
            let Some(index) = self.types.find_member(ty, &field.name.text) else { continue };
            let Some(wanted) = self.types.struct_type(ty).map(|of| of.fields[index].ty) else { continue };
            self.check_default(field.default.as_ref(), wanted, &env);
        }
    }

    fn check_default(&mut self, default: Option<&'a ast::Expr>, ty: TypeId, env: &Env) {
        if let Some(default) = default {
            self.probe(env, |it| it.check_as(default, ty));
        }
    }

    /// Reports each name that is in a list twice.
    pub(super) fn report_duplicates<'n>(&mut self, names: impl Iterator<Item = &'n Name>) {
        let mut first_places: HashMap<&str, Span> = HashMap::new();
        for name in names.filter(|name| &*name.text != "_") {
            if let Some(first) = first_places.insert(&name.text, name.span) {
                self.report_redefined(name, first);
            }
        }
    }

    fn check_test(&mut self, file: usize, declaration: &'a Declaration) {
        let (test, is_test) = match declaration {
            Declaration::Test(test) => (test, true),
            Declaration::Bench(test) => (test, false),
            _ => return,
        };
        let is_wanted = match self.options.build {
            Build::Program => false,
            Build::Tests => is_test,
            Build::Benches => !is_test,
            Build::Check => true,
        };
        if !is_wanted || self.is_faulty(test.body.span) {
            return;
        }
        let name = String::from_utf8_lossy(&test.name.value).into_owned();
        let kind = if is_test { "test" } else { "bench" };
        let signature = Rc::new(Signature {
            name: format!("{kind} \"{name}\""),
            params: Vec::new(),
            result: TypeId::VOID,
            env: Env::of_file(file),
        });
        let function = self.new_function(&signature, test.span);
        self.open_body(function, &signature, &[]);
        self.body().is_test = is_test;
        let block = self.check_block(&test.body, Want::Discard);
        self.close_body(as_block(block.expr));
        let test = Test { name, function };
        if is_test { self.output.add_test(test) } else { self.output.add_bench(test) }
    }

    /// Bodies of all instances, until no new ones come up.
    pub(super) fn check_queue(&mut self) {
        loop {
            self.find_destructors();
            let Some((function, id)) = self.instances.next() else { break };
            self.instance_depth = self.instances.depth(function);
            let ast = self.declared[id].ast;
            if let Some(body) = ast.body.as_ref().filter(|body| !self.is_faulty(body.span)) {
                self.check_function(function, id, body);
            }
        }
    }

    /// Checks a function whose turn has not come, since a block is to be run that calls it. Whether
    /// it is checked now: not if it is among those that are at work.
    pub(super) fn check_now(&mut self, function: FunctionId) -> bool {
        let Some(id) = self.instances.take(function) else {
            return self.bodies.iter().all(|body| body.function != function);
        };
        let depth = std::mem::replace(&mut self.instance_depth, self.instances.depth(function));
        let ast = self.declared[id].ast;
        let body = ast.body.as_ref().filter(|body| !self.is_faulty(body.span));
        if let Some(body) = body {
            self.check_function(function, id, body);
        }
        self.instance_depth = depth;
        body.is_some()
    }

    fn check_function(&mut self, function: FunctionId, id: FunctionDeclId, body: &'a ast::Block) {
        let decl = &self.declared[id];
        let (ast, implicit_self) = (decl.ast, decl.implicit_self);
        let signature = self.instances.signature(function).clone();
        let own = Name { text: Rc::from("self"), span: ast.name.span.start_point() };
        let mut names: Vec<&Name> = ast.params.iter().map(|param| &param.name).collect();
        if implicit_self {
            names.insert(0, &own);
        }
        self.open_body(function, &signature, &names);
        let block = self.check_block(body, Want::Discard);
        self.finish_function(block, signature.result, body.span);
    }

    /// The end of a function that has been checked.
    fn finish_function(&mut self, block: Value, result: TypeId, span: Span) {
        if !block.is_never() && self.needs_return(result) {
            let end = Span { start: span.end.saturating_sub(1).max(span.start), ..span };
            let message = if result == TypeId::NO_RETURN {
                "a function of type noreturn can't reach its end".to_owned()
            } else {
                format!("missing return: the function must return '{}'", self.types.name(result))
            };
            self.report(Code::MissingReturn, end, message);
        }
        self.close_body(as_block(block.expr));
    }

    fn needs_return(&self, result: TypeId) -> bool {
        match self.types.get(result) {
            Type::Void | Type::Erroneous => false,
            Type::ErrorUnion { payload, .. } => !matches!(self.types.get(*payload), Type::Void | Type::Erroneous),
            _ => true,
        }
    }

    fn open_body(&mut self, function: FunctionId, signature: &Signature<'a>, names: &[&Name]) {
        let body = Body::new(function, signature.name.clone(), signature.env.clone(), signature.result);
        self.bodies.push(body);
        self.open_scope();
        for (name, param) in names.iter().zip(&signature.params) {
            self.declare_local(name, param.ty, Mutability::Parameter);
        }
    }

    /// Puts what has been checked into the function.
    pub(super) fn close_body(&mut self, block: Block) {
        let body = self.bodies.pop().expect("a body that is closed was opened");
        let function = &mut self.output[body.function];
        function.locals = body.locals;
        function.captures = body.captures.into_iter().map(|(outer, inner)| Capture { outer, inner }).collect();
        function.body = block;
    }

    /// `fn(x: T) R { … }` as a value (section 13).
    pub(super) fn check_closure(&mut self, it: &'a ast::Closure, expected: Option<TypeId>, span: Span) -> Value {
        let env = self.env();
        let wanted = match expected.map(|ty| self.types.get(ty)) {
            Some(Type::Function { params, .. }) => params.clone(),
            _ => Vec::new(),
        };
        let mut params = Vec::new();
        for (index, param) in it.params.iter().enumerate() {
            let mut ty = self.resolve_type(&param.ty, &env);
            // Functions of other files may want the struct itself.
            if self.is_safe(env.file) && wanted.get(index) != Some(&ty) {
                ty = self.by_reference(ty, &param.ty, &env);
            }
            if let Some(default) = &param.default {
                self.type_error(default.span, "parameters of closures have no defaults");
            }
            params.push(SignatureParam { name: param.name.text.clone(), ty, default: None });
        }
        self.report_duplicates(it.params.iter().map(|param| &param.name));
        let result = it.result.as_ref().map_or(TypeId::VOID, |ty| self.resolve_type(ty, &env));
        let body = self.body();
        body.n_closures += 1;
        let name = format!("{}.closure{}", body.name, body.n_closures);
        let types = params.iter().map(|param| param.ty).collect();
        let signature = Rc::new(Signature { name, params, result, env });
        let function = self.new_function(&signature, span);
        let names: Vec<&Name> = it.params.iter().map(|param| &param.name).collect();
        self.open_body(function, &signature, &names);
        self.body().is_closure = true;
        let block = self.check_block(&it.body, Want::Discard);
        self.finish_function(block, result, it.body.span);
        let ty = self.types.intern(Type::Function { params: types, result });
        let has_captures = !self.output[function].captures.is_empty();
        let kind = if has_captures { ExpressionKind::Closure(function) } else { ExpressionKind::Function(function) };
        make(kind, ty, span).into()
    }

    /// A function that takes pointers to structs, as one that takes the structs: functions of
    /// `@safe` files where others want values.
    pub(super) fn by_value(&mut self, function: FunctionId, ty: TypeId, span: Span) -> Option<Expression> {
        let Type::Function { params: wanted, result } = self.types.get(ty).clone() else { return None };
        let signature = self.instances.signature(function).clone();
        if signature.params.len() != wanted.len() || signature.result != result {
            return None;
        }
        let mut locals = Vec::new();
        let mut arguments = Vec::new();
        for (index, (param, wanted)) in signature.params.iter().zip(&wanted).enumerate() {
            let is_behind = *self.types.get(param.ty) == Type::Pointer(*wanted) && self.may_pass_by_reference(*wanted);
            if !is_behind && param.ty != *wanted {
                return None;
            }
            let place = Place { kind: PlaceKind::Local(LocalId(index as u32)), ty: *wanted, span };
            arguments.push(match is_behind {
                true => make(ExpressionKind::AddressOf(Box::new(place)), param.ty, span),
                false => make(ExpressionKind::Load(Box::new(place)), *wanted, span),
            });
            locals.push(Local {
                name: param.name.to_string(),
                ty: *wanted,
                ownership: Ownership::ByType,
                destructor: None,
                address_taken: is_behind,
                modified: is_behind,
            });
        }
        let params = signature.params.iter().zip(&wanted);
        let params = params.map(|(param, ty)| SignatureParam { name: param.name.clone(), ty: *ty, default: None });
        let own = Signature {
            name: format!("{} by value", signature.name),
            params: params.collect(),
            result,
            env: signature.env.clone(),
        };
        let id = self.new_function(&Rc::new(own), span);
        let call = make(ExpressionKind::Call { callee: Callee::Function(function), arguments }, result, span);
        let value = (!matches!(result, TypeId::VOID | TypeId::NO_RETURN)).then(|| Box::new(call.clone()));
        let body = if value.is_some() { ExpressionKind::Return(value) } else { call.kind };
        let body = make(body, if result == TypeId::VOID { result } else { TypeId::NO_RETURN }, span);
        let statement = Statement { kind: StatementKind::Expression(body), span };
        let of = &mut self.output[id];
        (of.locals, of.body) = (locals, Block { statements: vec![statement], value: None, end: span.end_point() });
        Some(make(ExpressionKind::Function(id), ty, span))
    }

    /// The function `main` of the file that was named, if its type is right.
    pub(super) fn find_main(&mut self) -> Option<FunctionId> {
        if matches!(self.options.build, Build::Tests | Build::Benches) {
            return None;
        }
        let file = self.loaded.files.len().checked_sub(1)?;
        let id = self.function_named(&Env::of_file(file), &Rc::from("main"))?;
        let ast = self.declared[id].ast;
        self.notes.implicit(ast.name.span);
        if !ast.type_params.is_empty() || ast.is_extern || ast.body.is_none() {
            self.type_error(ast.name.span, "'main' must be an ordinary function");
            return None;
        }
        let function = self.instance(id, Vec::new(), ast.span);
        let signature = self.instances.signature(function).clone();
        let payload = match self.types.get(signature.result) {
            Type::ErrorUnion { payload, .. } => *payload,
            _ => signature.result,
        };
        if !signature.params.is_empty() {
            let message = "'main' takes no parameters";
            let diagnostic = Diagnostic::new(Code::Type, ast.name.span, message);
            self.push_diagnostic(diagnostic.note("arguments of the program are in \"std/os\": argsCount(), arg(n)"));
        }
        if !matches!(self.types.get(payload), Type::Int { .. } | Type::Void | Type::Erroneous | Type::NoReturn) {
            let span = ast.result.as_ref().map_or(ast.name.span, |ty| ty.span);
            self.type_error(span, "'main' returns an integer, nothing, or an error union of those");
        }
        Some(function)
    }

    /// Functions of the prelude by name.
    pub(super) fn prelude_functions(&self) -> BTreeMap<String, FunctionId> {
        let Some(file) = self.loaded.prelude else { return BTreeMap::new() };
        let of_prelude = self.instances.plain().filter(|(id, _)| {
            let decl = &self.declared[*id];
            decl.env.file == file && decl.owner.is_none()
        });
        of_prelude.map(|(id, function)| (self.declared[id].ast.name.text.to_string(), function)).collect()
    }
}
