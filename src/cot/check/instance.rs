//! Functions with their type arguments: signatures, and the list of those whose bodies must be
//! checked (section 14).

use std::rc::Rc;

use crate::cot::ast;
use crate::cot::check::instances::Origin;
use crate::cot::check::model::{
    Env, ExternBinding, ExternTarget, FunctionDeclId, ItemKind, Owner, Signature, SignatureParam, Visible,
};
use crate::cot::check::{Checker, MAX_INSTANCE_DEPTH};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::runtime_function::RuntimeFunction;
use crate::cot::source::Span;
use crate::cot::typed::{Block, Extern, ExternId, Function, FunctionId};
use crate::cot::types::{Type, TypeId};

/// What names of C functions have before them in the prelude.
const C_PREFIX: &str = "__c_";

impl<'a> Checker<'a> {
    /// A function with type arguments: those of its owner first.
    pub(super) fn instance(&mut self, id: FunctionDeclId, arguments: Vec<TypeId>, span: Span) -> FunctionId {
        let key = (id, arguments);
        if let Some(function) = self.instances.get(&key) {
            return function;
        }
        let arguments = &key.1;
        let depth = if arguments.is_empty() { 0 } else { self.instance_depth + 1 };
        if depth > MAX_INSTANCE_DEPTH {
            self.give_up_instances(span);
        }
        let env = self.function_env(id, arguments);
        let signature = self.signature(id, &env, arguments);
        let ast = self.declared[id].ast;
        let function = self.new_function(&signature, ast.span);
        if ast.is_export {
            self.output[function].export = self.export_name(&ast.name);
        }
        self.instances.add(key, function, depth);
        if depth > 0 {
            self.instances.set_origin(function, Origin { function: self.open_function(), span });
        }
        if depth <= MAX_INSTANCE_DEPTH {
            self.instances.enqueue(function, id);
        }
        function
    }

    /// The name under which a function is exported; `main` is so in any case.
    fn export_name(&mut self, name: &ast::Name) -> Option<String> {
        if let Some(first) = self.output.exported(&name.text) {
            let diagnostic = Diagnostic::new(Code::Redefined, name.span, format!("'{}' is exported twice", name.text));
            self.push_diagnostic(diagnostic.note_at(first, "first exported here"));
            return None;
        }
        if matches!(&*name.text, "memory" | "_start" | "_initialize") {
            self.report(Code::Redefined, name.span, format!("every module exports '{}' by itself", name.text));
            return None;
        }
        (&*name.text != "main").then(|| name.text.to_string())
    }

    pub(super) fn new_function(&mut self, signature: &Rc<Signature<'a>>, span: Span) -> FunctionId {
        let id = self.output.add_function(Function {
            name: signature.name.clone(),
            export: None,
            n_params: signature.params.len(),
            captures: Vec::new(),
            locals: Vec::new(),
            result: signature.result,
            body: Block { statements: Vec::new(), value: None, end: span.end_point() },
            span,
        });
        self.instances.add_signature(signature.clone());
        id
    }

    /// Names in a function with type arguments.
    pub(super) fn function_env(&mut self, id: FunctionDeclId, arguments: &[TypeId]) -> Env {
        let decl = &self.declared[id];
        let (env, ast, owner, owner_params) = (decl.env.clone(), decl.ast, decl.owner, decl.owner_params);
        let (of_owner, own) = arguments.split_at(owner_params.len().min(arguments.len()));
        let self_type = match owner {
            Some(Owner::Item(item)) => Some(self.item_type(item, of_owner.to_vec(), ast.span)),
            Some(Owner::Type(ty)) => Some(ty),
            None => None,
        };
        let bind = |names: &[ast::Name], types: &[TypeId]| {
            names.iter().zip(types).map(|(name, ty)| (name.text.clone(), *ty)).collect::<Vec<_>>()
        };
        let params = env.params.iter().cloned().chain(self_type.map(|ty| (Rc::from("Self"), ty)));
        let params = params.chain(bind(owner_params, of_owner)).chain(bind(&ast.type_params, own)).collect();
        Env { params, ..env }
    }

    pub(super) fn signature(&mut self, id: FunctionDeclId, env: &Env, arguments: &[TypeId]) -> Rc<Signature<'a>> {
        let decl = &self.declared[id];
        let (ast, owner, implicit_self) = (decl.ast, decl.owner, decl.implicit_self);
        let n_owner = decl.owner_params.len().min(arguments.len());
        let is_safe = self.is_safe(env.file);
        let mut params = Vec::new();
        let self_type = env.params.iter().rev().find(|(name, _)| &**name == "Self").map(|(_, ty)| *ty);
        if let (true, Some(ty)) = (implicit_self, self_type) {
            let is_struct = matches!(self.types.get(ty), Type::Struct(_));
            let ty = if is_struct { self.types.pointer(ty) } else { ty };
            params.push(SignatureParam { name: Rc::from("self"), ty, default: None });
        }
        for param in &ast.params {
            let mut ty = self.resolve_type(&param.ty, env);
            if is_safe && !ast.is_extern {
                ty = self.by_reference(ty, &param.ty, env);
            }
            if matches!(self.types.get(ty), Type::Void | Type::NoReturn) {
                self.type_error(param.ty.span, format!("a parameter can't be of type {}", self.types.name(ty)));
                ty = TypeId::ERRONEOUS;
            }
            params.push(SignatureParam { name: param.name.text.clone(), ty, default: param.default.as_ref() });
        }
        let result = ast.result.as_ref().map_or(TypeId::VOID, |ty| self.resolve_type(ty, env));
        let own = self.instance_name(&ast.name.text, &arguments[n_owner..]);
        let name = match owner {
            Some(Owner::Type(ty)) => format!("{}.{own}", self.types.name(ty)),
            Some(Owner::Item(_)) => format!("{}.{own}", self_type.map_or_else(String::new, |ty| self.types.name(ty))),
            None => own,
        };
        Rc::new(Signature { name, params, result, env: env.clone() })
    }

    /// Rule 1 of section 22: a parameter declared as a struct is a pointer to it.
    pub(super) fn by_reference(&mut self, ty: TypeId, written: &ast::TypeExpr, env: &Env) -> TypeId {
        let is_param = match &written.kind {
            ast::TypeExprKind::Named { path, arguments } if arguments.is_empty() => {
                env.params.iter().any(|(name, _)| *name == path[0].text && &**name != "Self")
            }
            _ => false,
        };
        match self.types.get(ty).clone() {
            Type::Struct(_) if !is_param => self.types.pointer(ty),
            Type::ErrorUnion { set, payload } if matches!(self.types.get(payload), Type::Struct(_)) => {
                let payload = self.types.pointer(payload);
                self.types.intern(Type::ErrorUnion { set, payload })
            }
            _ => ty,
        }
    }

    /// What a declaration without a body is bound to.
    pub(super) fn extern_binding(&mut self, id: FunctionDeclId) -> ExternBinding<'a> {
        if let Some(binding) = self.instances.extern_binding(id) {
            return binding.clone();
        }
        let env = self.function_env(id, &[]);
        let mut signature = self.signature(id, &env, &[]);
        let ast = self.declared[id].ast;
        // C defines this one, where there is C.
        let is_of_c = |it: &RuntimeFunction| *it == RuntimeFunction::Malloc && self.options.target_arch != "wasm32";
        let runtime = RuntimeFunction::by_name(&ast.name.text).filter(|it| !is_of_c(it));
        let target = match runtime {
            Some(function) => {
                self.check_runtime_signature(function, &signature, ast);
                // Whatever its declaration says.
                if function == RuntimeFunction::Exit {
                    Rc::make_mut(&mut signature).result = TypeId::NO_RETURN;
                }
                ExternTarget::Runtime(function)
            }
            None => ExternTarget::Extern(self.extern_id(&signature, ast)),
        };
        let binding = ExternBinding { signature, target };
        self.instances.bind_extern(id, binding.clone());
        binding
    }

    fn check_runtime_signature(&mut self, function: RuntimeFunction, signature: &Signature, ast: &ast::Function) {
        let wanted = function.n_params();
        let is_short = function == RuntimeFunction::MallocStruct && signature.params.len() == 1;
        if signature.params.len() != wanted && !is_short {
            let message = format!(
                "'{}' is a function of the runtime with {wanted} parameters, not {}",
                function.name(),
                signature.params.len()
            );
            self.report(Code::ArgumentCount, ast.name.span, message);
        }
        let is_word = |ty: TypeId| {
            matches!(self.types.get(ty), Type::Int { .. } | Type::Pointer(_) | Type::Erroneous | Type::Bool)
        };
        let result =
            matches!(self.types.get(signature.result), Type::Void | Type::NoReturn) || is_word(signature.result);
        if !result || !signature.params.iter().all(|param| is_word(param.ty)) {
            let message = format!(
                "'{}' is a function of the runtime: it takes and returns integers or pointers",
                function.name()
            );
            self.type_error(ast.name.span, message);
        }
    }

    fn extern_id(&mut self, signature: &Signature, ast: &ast::Function) -> ExternId {
        let of_prelude = self.loaded.prelude == Some(signature.env.file);
        let params: Vec<TypeId> = signature.params.iter().map(|param| param.ty).collect();
        for (param, ty) in ast.params.iter().zip(&params) {
            if !self.can_cross(*ty, true) {
                let name = self.types.name(*ty);
                self.type_error(param.ty.span, format!("'{name}' can't be passed to an extern function"));
            }
        }
        if !matches!(self.types.get(signature.result), Type::Void | Type::NoReturn)
            && !self.can_cross(signature.result, false)
        {
            let name = self.types.name(signature.result);
            let span = ast.result.as_ref().map_or(ast.span, |ty| ty.span);
            self.type_error(span, format!("'{name}' can't be the result of an extern function"));
        }
        // The prelude has a prefix before names of C functions that are those of the runtime too.
        let own_name = ast.name.text.strip_prefix(C_PREFIX).filter(|_| of_prelude);
        let name = own_name.unwrap_or(&ast.name.text);
        if let Some((id, known)) = self.output.extern_named(name, of_prelude) {
            if known.params != params || known.result != signature.result {
                let message = format!("extern function '{}' is declared with another type elsewhere", ast.name.text);
                let diagnostic = Diagnostic::new(Code::Redefined, ast.name.span, message);
                let first = known.span;
                self.push_diagnostic(diagnostic.note_at(first, "first declared here"));
            }
            return id;
        }
        self.output.add_extern(Extern {
            name: name.to_owned(),
            of_prelude,
            params,
            result: signature.result,
            span: ast.name.span,
        })
    }

    fn can_cross(&self, ty: TypeId, is_param: bool) -> bool {
        match self.types.get(ty) {
            Type::Int { .. } | Type::Float { .. } | Type::Bool | Type::Enum(_) => true,
            Type::Pointer(_) | Type::Erroneous => true,
            Type::Optional(of) => self.types.is_pointer(*of),
            Type::Slice(_) => is_param,
            // What C calls takes and gives what it can pass.
            Type::Function { params, result } => {
                let result = *result;
                let nothing = matches!(self.types.get(result), Type::Void);
                is_param
                    && params.iter().all(|param| self.can_cross(*param, false))
                    && (nothing || self.can_cross(result, false))
            }
            _ => false,
        }
    }

    /// The function that runs before an object of the type is freed: a method `deinit`, or a
    /// function `T_deinit`.
    pub(super) fn declare_destructor(&mut self, ty: TypeId) {
        self.wanted_destructors.push(ty);
    }

    /// Destructors of the types that have come up since the last time.
    pub(super) fn find_destructors(&mut self) {
        for ty in std::mem::take(&mut self.wanted_destructors) {
            if let Some(function) = self.destructor_of(ty) {
                self.output.set_destructor(ty, function);
            }
        }
    }

    pub(super) fn destructor_of(&mut self, ty: TypeId) -> Option<FunctionId> {
        if let Some(known) = self.output.destructor(ty) {
            return Some(known);
        }
        let (item, arguments) = self.named.item(ty)?.clone();
        let method = self.declared.method(Owner::Item(item), &Rc::from("deinit"));
        let pointer = self.types.pointer(ty);
        let takes_pointer = |it: &Self, function: FunctionId| {
            let signature = &it.instances.signature(function);
            signature.params.len() == 1 && signature.params[0].ty == pointer
        };
        if let Some(id) = method {
            self.notes.implicit(self.declared[id].ast.name.span);
            let span = self.declared[id].ast.span;
            if !self.declared[id].ast.type_params.is_empty() {
                return None;
            }
            let function = self.instance(id, arguments, span);
            return takes_pointer(self, function).then_some(function);
        }
        let name: Rc<str> = format!("{}_deinit", self.declared[item].name.text).into();
        let env = Env::of_file(self.declared[item].env.file);
        let id = self.function_named(&env, &name)?;
        self.notes.implicit(self.declared[id].ast.name.span);
        let n_params = self.declared[id].ast.type_params.len();
        if n_params != arguments.len() || self.declared[id].ast.body.is_none() {
            return None;
        }
        let function = self.instance(id, arguments, Span::default());
        takes_pointer(self, function).then_some(function)
    }

    pub(super) fn function_named(&self, env: &Env, name: &Rc<str>) -> Option<FunctionDeclId> {
        match self.declared.seen(env.file, name)? {
            Visible::One(item) => match self.declared[item].kind {
                ItemKind::Function(id) => Some(id),
                _ => None,
            },
            Visible::Ambiguous(..) => None,
        }
    }
}
