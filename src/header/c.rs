//! The C header. It is C11 and C++17, without warnings; several such headers can be included in one
//! file.
//!
//! Results: a function with more than one is declared with a pointer to a structure before its
//! parameters. C passes a structure by value in another way than the library does (System V ABI,
//! AMD64 supplement, 3.2.3), so this is not a matter of taste.

use super::{Library, Parameter, codes, comment_text, prototype, words};
use crate::abi::wasi::WasiFunction;
use crate::foreign::prototypes;
use crate::object::imports::{OpenImport, typed_wasi_function, wasi_function};
use crate::object::interface::{Item, ItemKind};
use crate::resolve;
use crate::wasm::structure::{self, is_exception, is_extern};
use crate::wasm::{EntityIndex, FuncIndex, GlobalIndex, Module};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use wasmparser::{FuncType, GlobalType, ValType};

/// The header's text.
pub fn header(library: &Library) -> String {
    let mut interface = String::new();
    if !library.imports.is_empty() {
        interface.push_str(IMPORTED);
        if library.imports.iter().any(|import| import.has_data) {
            interface.push_str(WITH_DATA);
        }
        library.imports.iter().for_each(|import| interface.push_str(&imported(library, import)));
    }
    interface.push_str(&replaceable(library));
    for item in library.interface {
        interface.push('\n');
        interface.push_str(&declaration(library, item));
    }
    let codes = codes();
    let last = codes.len() - 1;
    let comma = |index| if index < last { "," } else { "" };
    let code = |(index, (name, code, meaning)): (_, &(String, i32, &str))| {
        format!("  {name} = {code}{} /* {meaning} */\n", comma(index))
    };
    include_str!("header.h.in")
        .replace("@FIRST_LINE@", &library.first_line())
        .replace("@GUARD@", &format!("W2N_LIBRARY_{}_H", library.prefix))
        .replace("@CONFIG@", include_str!("config.h.in"))
        .replace("@CODES@", &codes.iter().enumerate().map(code).collect::<String>())
        .replace("@INTERFACE@", &interface)
}

const IMPORTED: &str = "
/* The host, or a library that is linked with it, must define these symbols. C and C++ sources that include this header can't
   define them with other types. Nothing knows the types in objects, archives and sources that do not include it. */
";

const WITH_DATA: &str = "/* `data` is w2n_config.user_data, or null. */
";

/// What the module imports: the description, and a declaration. What the C library has is declared
/// by its own headers, in types that Wasm does not have.
fn imported(library: &Library, import: &OpenImport) -> String {
    let declared = match import.entity {
        EntityIndex::Function(func) => library.foreign.function(func),
        _ => None,
    };
    let wasi = match import.entity {
        EntityIndex::Function(func) => typed_wasi_function(import.import, library.module.function_type(func)),
        _ => None,
    };
    let symbol = &import.symbol;
    let declaration = match (import.entity, declared) {
        _ if prototypes::find(symbol).is_some() => String::new(),
        (EntityIndex::Function(_), Some(function)) => {
            prototype::declared(library.foreign, function, |parameters| named(symbol, parameters)) + "\n"
        }
        (EntityIndex::Function(_), None) if wasi.is_some() => {
            wasi.map_or(String::new(), |it| declare_wasi(it, symbol, import.has_data))
        }
        (EntityIndex::Function(func), None) => {
            let ty = library.module.function_type(func);
            let function = CFunction {
                module: library.module,
                ty,
                name: &c_name(symbol),
                names: None,
                first: import.has_data.then_some(DATA),
            };
            function.declare(|parameters| named(symbol, parameters))
        }
        (EntityIndex::Global(global), _) => {
            declare_global(library.module, &library.module.globals[global].ty, &named(symbol, ""))
        }
        (EntityIndex::Table(_) | EntityIndex::Memory(_) | EntityIndex::Tag(_), _) => String::new(),
    };
    let place = if declaration.is_empty() { format!("{symbol}: ") } else { String::new() };
    format!("/* {place}{} */\n{declaration}", comment_text(&import.description))
}

const REPLACEABLE: &str = "
/* Functions of WASI that the module imports. The library has them; an object of the host that defines one of them replaces it in
   static libraries. For shared libraries and archives of the host, --import-symbol MODULE.NAME=SYMBOL gives the function another
   name, which the host must define. Addresses are offsets from the memory's first byte. The result is 0 or an error number of WASI. */
";

/// The functions of WASI that the module imports and the runtime defines, each once.
fn replaceable(library: &Library) -> String {
    let mut declarations = BTreeSet::new();
    for (import, entity) in resolve::imports(library.module) {
        let is_open = library.imports.iter().any(|open| open.entity == entity);
        if let Some(function) = wasi_function(import).filter(|_| !is_open) {
            declarations.insert(declare_wasi(function, &format!("{}_{}", import.module, import.name), false));
        }
    }
    match declarations.is_empty() {
        true => String::new(),
        false => REPLACEABLE.to_owned() + &declarations.into_iter().collect::<String>(),
    }
}

/// The declaration of a function of WASI by its symbol, a line.
fn declare_wasi(function: &WasiFunction, symbol: &str, has_data: bool) -> String {
    let parameter = |(index, (letter, name)): (usize, (char, &&str))| {
        let ty = if letter == 'l' { "uint64_t" } else { "uint32_t" };
        if words::is_taken_in_c(name) { format!("{ty} p{index}") } else { format!("{ty} {name}") }
    };
    let parameters = function.parameters.chars().zip(function.names).enumerate();
    let data = has_data.then(|| DATA.to_owned());
    let parameters = data.into_iter().chain(parameters.map(parameter)).collect::<Vec<_>>().join(", ");
    let parameters = if parameters.is_empty() { "void" } else { &parameters };
    let result = if function.result.is_empty() { "void" } else { "int32_t" };
    format!("{result} {};\n", named(symbol, &format!("({parameters})")))
}

fn declaration(library: &Library, item: &Item) -> String {
    let comment = format!("/* {} */\n", library.describe(item));
    let symbol = &item.symbol;
    let declaration = match item.kind {
        ItemKind::New => {
            let prefix = library.prefix;
            return format!(
                "/* An instance of the library: all other functions take one. Each has its own memory, tables, globals and WASI;\n   \
                 different instances may run on different threads at the same time. */\n\
                 typedef struct {prefix}_instance {prefix}_instance;\n\n\
                 /* Makes an instance, configured (null: as without) and initialized. Returns null after a message if that can't be; a\n   \
                 trap is reported to the w2n_try around, or written to standard error. */\n{prefix}_instance *{};\n",
                named(symbol, "(const w2n_config *config)")
            );
        }
        ItemKind::Free => {
            return format!(
                "/* Gives an instance back, none of whose calls may be active: its memory, descriptors and directories.\n   \
                 Null is nothing. */\n\
                 void {};\n",
                own(library, symbol, "")
            );
        }
        ItemKind::Init => {
            return format!(
                "/* Initializes the library, once, and prepares the calling thread. Returns 0, or the code of a trap. Exports do it\n   \
                 on their own; a thread that calls them outside of w2n_try should call it first. One thread at a time may be\n   \
                 in the library. */\nint {};\n",
                own(library, symbol, "")
            );
        }
        ItemKind::Reset => {
            return format!(
                "/* Puts the library back to its start, also after traps: memory, tables, globals, segments, exceptions, handles\n   \
                 of host pointers, WASI. What it handed out before is void; files that it opened are closed. Returns 0, or the\n   \
                 code of a trap. No call of the library may be active. */\nint {};\n",
                own(library, symbol, "")
            );
        }
        ItemKind::Configure => {
            return format!(
                "/* Sets what the library has from its start on, also after resets; null: what it has without. To be called before\n   \
                 all other functions. Returns 0; or W2N_TRAP_FAILURE, with a message on standard error and, in w2n_try, in its\n   \
                 trap: then nothing has changed. */\nint {};\n",
                own(library, symbol, "const w2n_config *config")
            );
        }
        ItemKind::Interrupt => {
            return format!(
                "/* Ends the call that runs in the library by the trap W2N_TRAP_INTERRUPTED, or else the next one, once. Any thread\n   \
                 and any signal handler may call it, at any time. Returns 0, or -1 if the system refuses. */\nint {};\n",
                own(library, symbol, "")
            );
        }
        ItemKind::CancelInterrupt => {
            return format!(
                "/* Takes an interrupt back that has not ended a call yet. Returns 0, or -1 if the system refuses. */\nint {};\n",
                own(library, symbol, "")
            );
        }
        ItemKind::MemoryBase(_) => format!("void *{};\n", own(library, symbol, "")),
        ItemKind::MemoryGrowth(_) => format!("int64_t {};\n", own(library, symbol, "uint64_t")),
        ItemKind::MemorySize(_) => format!("size_t {};\n", own(library, symbol, "")),
        ItemKind::RefNew => {
            return format!(
                "/* Holds a reference beyond calls: what it refers to stays until the handle is given back, or a reset. The trap\n   \
                 W2N_TRAP_HEAP_EXHAUSTED if there are 1,048,576. 0 for null. */\nw2n_handle {};\n",
                own(library, symbol, "w2n_anyref reference")
            );
        }
        ItemKind::RefGet => {
            return format!(
                "/* The reference that a handle holds, null for 0. The trap W2N_TRAP_HANDLE if the handle was given back, is void\n   \
                 since a reset, or is another library's. */\nw2n_anyref {};\n",
                own(library, symbol, "w2n_handle handle")
            );
        }
        ItemKind::RefDrop => {
            return format!(
                "/* Gives a handle back; 0 is nothing. Traps as the function before. */\nvoid {};\n",
                own(library, symbol, "w2n_handle handle")
            );
        }
        ItemKind::Function(func) => function(library, symbol, func),
        ItemKind::Global(global) => match global_declaration(library, symbol, global) {
            Some(declaration) => declaration,
            None => return format!("/* {}, which is imported */\n", library.describe(item)),
        },
        ItemKind::Table(_) | ItemKind::Tag(_) => return format!("/* {}, not for C */\n", library.describe(item)),
    };
    comment + &declaration
}

fn function(library: &Library, symbol: &str, func: FuncIndex) -> String {
    let name = |(index, Parameter { name, .. }): (usize, _)| name.map_or(format!("p{index}"), str::to_owned);
    let names: Vec<_> = library.parameters(func, is_taken).into_iter().enumerate().map(name).collect();
    let ty = library.module.function_type(func);
    let instance = library.instances.then(|| instance(library));
    let function = CFunction {
        module: library.module,
        ty,
        name: &c_name(symbol),
        names: Some(&names),
        first: instance.as_deref(),
    };
    function.declare(|parameters| named(symbol, parameters))
}

/// The parameter that is the instance.
fn instance(library: &Library) -> String {
    format!("{}_instance *instance", library.prefix)
}

/// A declarator of a function of the library's own, with the instance before its parameters.
fn own(library: &Library, symbol: &str, parameters: &str) -> String {
    let instance = library.instances.then(|| instance(library));
    let parameters = instance.iter().map(String::as_str).chain((!parameters.is_empty()).then_some(parameters));
    match parameters.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => named(symbol, "(void)"),
        some => named(symbol, &format!("({some})")),
    }
}

/// The parameter that is the host's pointer.
pub const DATA: &str = "void *data";

/// A function of which the Wasm type is known.
pub struct CFunction<'a> {
    /// Whose types those of the function are.
    pub module: &'a Module<'a>,
    pub ty: &'a FuncType,
    /// By which the structure of its results is called.
    pub name: &'a str,
    /// Of the parameters, if they have some.
    pub names: Option<&'a [String]>,
    /// A parameter before all others.
    pub first: Option<&'a str>,
}

impl CFunction<'_> {
    /// The structure of the results of a function of this name.
    pub fn structure(name: &str) -> String {
        format!("struct {name}_result")
    }

    /// The declaration, after that of the structure of its results, if it has several; a line each.
    /// `declarator`: the name with its parameters.
    pub fn declare(&self, declarator: impl Fn(&str) -> String) -> String {
        let CFunction { module, ty, name, names, first } = *self;
        let named = |ty: &str, index: Option<usize>| {
            let name = names.map_or("", |names| index.map_or("result", |index| &names[index]));
            format!("{ty}{name}").trim_end().to_owned()
        };
        let mut parameters: Vec<String> = first.map(str::to_owned).into_iter().collect();
        let mut text = String::new();
        let result = match ty.results() {
            [] => "void ",
            [result] => type_name(module, *result),
            results => {
                let structure = CFunction::structure(name);
                text.push_str(&format!("{structure} {{\n"));
                for (index, result) in results.iter().enumerate() {
                    writeln!(text, "  {}r{index};", type_name(module, *result)).expect("a string takes everything");
                }
                text.push_str("};\n");
                parameters.push(named(&format!("{structure} *"), None));
                "void "
            }
        };
        parameters.extend(ty.params().iter().enumerate().map(|(index, ty)| named(type_name(module, *ty), Some(index))));
        let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
        writeln!(text, "{result}{};", declarator(&format!("({parameters})"))).expect("a string takes everything");
        text
    }
}

fn is_taken(name: &str) -> bool {
    words::is_taken_in_c(name) || name == "result"
}

/// None for a variable of somebody else's.
fn global_declaration(library: &Library, symbol: &str, global: GlobalIndex) -> Option<String> {
    let global = &library.module.globals[global];
    global.definition.local()?;
    let ty = &global.ty;
    let only_read = ty.mutable && !is_settable(library, ty);
    let qualifiers = if only_read { "const volatile " } else { qualifiers(ty) };
    if library.instances {
        return Some(format!(
            "{qualifiers}{}*{};\n",
            type_name(library.module, ty.content_type),
            own(library, symbol, "")
        ));
    }
    Some(format!("extern {qualifiers}{}{};\n", type_name(library.module, ty.content_type), named(symbol, "")))
}

/// Whether a host may set a global: nobody checks what it puts there, so it can't put references
/// there of which the library expects more than the hierarchy.
pub fn is_settable(library: &Library, ty: &GlobalType) -> bool {
    ty.mutable && !structure::is_narrow(library.module, ty.content_type)
}

fn qualifiers(ty: &GlobalType) -> &'static str {
    if ty.mutable { "" } else { "const " }
}

/// The declaration of a variable, a line.
pub fn declare_global(module: &Module, ty: &GlobalType, declarator: &str) -> String {
    format!("extern {}{}{declarator};\n", qualifiers(ty), type_name(module, ty.content_type))
}

/// The type, with what stands between it and a name.
pub fn type_name(module: &Module, ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "int32_t ",
        ValType::I64 => "int64_t ",
        ValType::F32 => "float ",
        ValType::F64 => "double ",
        ValType::V128 => "w2n_v128 ",
        ValType::Ref(ty) if structure::is_function(module, ty) => "w2n_funcref ",
        ValType::Ref(ty) if is_exception(ty) => "w2n_exnref ",
        ValType::Ref(ty) if is_extern(ty) => "w2n_externref ",
        ValType::Ref(_) => "w2n_anyref ",
    }
}

/// A declarator. A symbol that means something else in C gets another name there.
fn named(symbol: &str, parameters: &str) -> String {
    let name = c_name(symbol);
    match name == symbol {
        true => format!("{name}{parameters}"),
        false => format!("{name}{parameters} __asm__(W2N_SYMBOL(\"{symbol}\"))"),
    }
}

/// Underscores after such a word count as well, so that different symbols have different names.
pub fn c_name(symbol: &str) -> String {
    if words::is_reserved_symbol(symbol.trim_end_matches('_')) { format!("{symbol}_") } else { symbol.to_owned() }
}
