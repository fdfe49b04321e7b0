//! The C side of a batch that depends on its signatures: prototypes and calls as the C compiler
//! makes them, and tables for `support.c`.

use crate::kind::{Kind, Value};
use crate::module::{global, globals, has_pointer, sizes};
use crate::processor::{Processor, Slot};
use crate::signature::Signature;

/// The functions of `support.c` that make a case each.
pub const WAYS: [&str; 16] = [
    "export_typed",
    "export_raw",
    "export_indirect",
    "export_cross",
    "pointer",
    "import_typed",
    "import_raw",
    "import_indirect",
    "import_reference",
    "import_pair",
    "tail",
    "tail_indirect",
    "tail_reference",
    "reexport",
    "pass",
    "recursion",
];

/// Whether a case makes sense: a function pointer needs a declaration, and what an export gives C
/// is never narrow.
pub fn can_be(signature: &Signature, way: &str) -> bool {
    match way {
        "pointer" => has_pointer(signature),
        "export_typed" | "export_raw" | "export_indirect" | "export_cross" | "first_call" => !signature.is_narrow(),
        _ => true,
    }
}

/// Fields of `struct signature` that are exports: of `m`, and of `n`.
const EXPORTS: [&str; 13] = [
    "take",
    "give_typed",
    "give_raw",
    "give_indirect",
    "give_reference",
    "give_own",
    "give_pair",
    "tail",
    "tail_indirect",
    "tail_reference",
    "pass",
    "down",
    "again",
];

/// The C file. `with_data`: imports that are not declared get the host's pointer.
pub fn source(processor: &Processor, signatures: &[Signature], with_data: bool) -> String {
    let mut text = "#include \"support.h\"\n".to_owned();
    write_globals(&mut text, signatures);
    for (number, signature) in signatures.iter().enumerate() {
        text += &function(processor, signature, with_data).replace('K', &number.to_string());
    }
    text += "const struct signature signatures[] = {\n";
    for (number, signature) in signatures.iter().enumerate() {
        text += &row(signature, with_data).replace('K', &number.to_string());
    }
    let ways = WAYS.map(|way| format!("void {way}(const struct signature *);\n")).concat();
    text + &format!(
        "}};\nconst unsigned n_signatures = {};\n{ways}\
         void (*const ways[])(const struct signature *) = {{{}}};\nconst unsigned n_ways = {};\n",
        signatures.len(),
        WAYS.join(", "),
        WAYS.len()
    )
}

/// Declares the module's globals, and lists them by role, type and place.
fn write_globals(text: &mut String, signatures: &[Signature]) {
    for (role, kind, place) in globals(signatures) {
        *text += &format!("extern {} m_{};\n", kind.c(), global(role, kind, place));
    }
    let (n_parameters, n_results) = sizes(signatures);
    for (role, name, n) in [("p", "parameters_kept", n_parameters), ("r", "results_kept", n_results)] {
        let list = |role: &str, kind| {
            let names: Vec<_> = (0..n).map(|place| format!("&m_{}", global(role, kind, place))).collect();
            names.join(", ")
        };
        for kind in Kind::ALL {
            *text += &format!("static void *const {role}_{}[] = {{{}}};\n", kind.letter(), list(role, kind));
        }
        for extension in ["zero", "sign"] {
            let list = list(&format!("{role}_{extension}"), Kind::I64);
            *text += &format!("static int64_t *const {role}_{extension}[] = {{{list}}};\n");
        }
        let by_type = Kind::ALL.map(|kind| format!("{role}_{}", kind.letter())).join(", ");
        *text += &format!("const struct globals {name} = {{{{{by_type}}}, {role}_zero, {role}_sign}};\n");
    }
}

/// Everything about one signature, but its row in the table. `K` stands for its number.
fn function(processor: &Processor, signature: &Signature, with_data: bool) -> String {
    let mut text = String::new();
    let structure = signature.returns_structure();
    let fields: String = signature.results().enumerate().map(|(at, kind)| format!("{} r{at};", kind.c())).collect();
    let result = signature.results().next().filter(|_| !structure).map_or("void", Kind::c);
    let out = structure.then(|| "struct kK_results *out".to_owned());
    let params = signature.params().enumerate().map(|(at, kind)| format!("{} p{at}", kind.c()));
    let params: Vec<_> = out.into_iter().chain(params).collect();
    let has_pointer = has_pointer(signature);
    let has_data = has_data(signature, with_data);
    let list = |params: &[String]| if params.is_empty() { "void".to_owned() } else { params.join(", ") };
    let data = has_data.then(|| "void *data".to_owned()).into_iter();
    let given = list(&data.chain(params.iter().cloned()).collect::<Vec<_>>());
    let params = list(&params);
    if structure {
        text += &format!("struct kK_results {{{fields}}};\n");
        let offsets = (0..signature.replies.len()).map(|at| format!("offsetof(struct kK_results, r{at}),"));
        text += &format!("static const unsigned kK_offsets[] = {{{}}};\n", offsets.collect::<String>());
    }
    text += &format!("static const struct value kK_arguments[] = {{{}}};\n", initializers(&signature.arguments));
    text += &format!("static const struct value kK_replies[] = {{{}}};\n", initializers(&signature.replies));
    let (data, back_data) = (usize::from(has_data), usize::from(with_data));
    for (name, before) in [("slots", 0), ("behind", 1), ("given", data), ("given_behind", 1 + back_data)] {
        text += &format!("static const struct slot kK_{name}[] = {{{}}};\n", slots(processor, signature, before));
    }
    for name in EXPORTS {
        if name != "take" {
            text += &format!("void m_kK_{name}(void);\n");
        }
    }
    text += "void n_kK_cross(void);\n";
    if has_pointer {
        text += "void m_kK_give_pointer(void);\nvoid kK_keep(void (*)(void));\n";
        text +=
            "static void (*kK_pointer)(void);\nvoid kK_keep(void (*pointer)(void))\n{\n    kK_pointer = pointer;\n}\n";
    }
    text += &format!("{result} m_kK_take({params});\n{result} kK_typed({given});\n");
    text += &receiver(signature, has_data, &format!("{result} kK_typed({given})"));
    text += &caller(signature);
    for (name, number) in [("raw", "2 * K"), ("back", "2 * K + 1")] {
        let code = processor.receiver.replace("NUMBER", &format!("({number})"));
        text +=
            &format!("__asm__(\".text\\n.globl kK_{name}\\n.type kK_{name}, %function\\nkK_{name}: {code}\\n\");\n");
    }
    text
}

fn initializers(values: &[Value]) -> String {
    // C has no empty arrays.
    if values.is_empty() { "{{0}}".to_owned() } else { values.iter().map(|value| value.c() + ",").collect() }
}

/// Whether the import gets the host's pointer: one that is declared does not.
fn has_data(signature: &Signature, with_data: bool) -> bool {
    with_data && !signature.is_narrow()
}

/// Where the arguments are, after as many others: counters, and pointers of the host.
fn slots(processor: &Processor, signature: &Signature, n_others: usize) -> String {
    let n_before = n_others + usize::from(signature.returns_structure());
    let before = [Kind::I64; 3].into_iter().take(n_before);
    let slots = processor.slots(before.chain(signature.params())).into_iter().skip(n_before);
    let row = |slot| match slot {
        Slot::Integer(number) => format!("{{IN_INTEGER, {number}}},"),
        Slot::Vector(number) => format!("{{IN_VECTOR, {number}}},"),
        Slot::Stack(offset) => format!("{{IN_MEMORY, {offset}}},"),
    };
    // C has no empty arrays.
    if signature.arguments.is_empty() { "{0}".to_owned() } else { slots.map(row).collect() }
}

/// The import as a C function: checks its parameters, and returns the replies.
fn receiver(signature: &Signature, has_data: bool, declaration: &str) -> String {
    let mut text = format!("{declaration}\n{{\n    check_alignment(__builtin_frame_address(0));\n    count_call();\n");
    if has_data {
        text += "    check_data(data);\n";
    }
    for at in 0..signature.arguments.len() {
        text += &format!("    check_argument({at}, &p{at}, sizeof p{at}, &kK_arguments[{at}]);\n");
    }
    if signature.returns_structure() {
        for at in 0..signature.replies.len() {
            text += &format!("    memcpy(&out->r{at}, kK_replies[{at}].bytes, sizeof out->r{at});\n");
        }
    } else if let Some(kind) = signature.results().next() {
        text += &format!("    {} result;\n    memcpy(&result, kK_replies[0].bytes, sizeof result);\n", kind.c());
        text += "    return result;\n";
    }
    text + "}\n"
}

/// A call of the export as C makes it.
fn caller(signature: &Signature) -> String {
    let mut text = "static void kK_call(const struct signature *signature)\n{\n    (void)signature;\n".to_owned();
    for (at, kind) in signature.params().enumerate() {
        text +=
            &format!("    {} p{at};\n    memcpy(&p{at}, signature->arguments[{at}].bytes, sizeof p{at});\n", kind.c());
    }
    let arguments = (0..signature.arguments.len()).map(|at| format!("p{at}"));
    let structure = signature.returns_structure();
    let arguments: Vec<_> = structure.then(|| "&out".to_owned()).into_iter().chain(arguments).collect();
    let call = format!("m_kK_take({})", arguments.join(", "));
    if structure {
        text += &format!("    struct kK_results out;\n    {call};\n");
        for at in 0..signature.replies.len() {
            text += &format!("    check_reply({at}, &out.r{at}, sizeof out.r{at}, &kK_replies[{at}]);\n");
        }
    } else if let Some(kind) = signature.results().next() {
        text += &format!("    {} result = {call};\n", kind.c());
        text += "    check_reply(0, &result, sizeof result, &kK_replies[0]);\n";
    } else {
        text += &format!("    {call};\n");
    }
    text + "}\n"
}

/// Its row in the table.
fn row(signature: &Signature, with_data: bool) -> String {
    let letters = |kinds: &mut dyn Iterator<Item = Kind>| kinds.map(Kind::letter).collect::<String>();
    let (params, results) = (letters(&mut signature.params()), letters(&mut signature.results()));
    let mut fields = vec![
        format!(".params = \"{params}\", .results = \"{results}\""),
        ".arguments = kK_arguments, .replies = kK_replies, .slots = kK_slots, .slots_behind_counter = kK_behind"
            .to_owned(),
        ".given = kK_given, .given_behind_counter = kK_given_behind".to_owned(),
        format!(".has_data = {}, .back_has_data = {}", u8::from(has_data(signature, with_data)), u8::from(with_data)),
        ".typed = kK_call, .cross = n_kK_cross".to_owned(),
    ];
    if signature.returns_structure() {
        fields.push(".offsets = kK_offsets, .size = sizeof(struct kK_results)".to_owned());
    }
    if has_pointer(signature) {
        fields.push(".give_pointer = m_kK_give_pointer, .pointer = &kK_pointer".to_owned());
    }
    fields.push(format!(".is_narrow = {}", u8::from(signature.is_narrow())));
    fields.extend(EXPORTS.map(|name| format!(".{name} = (void (*)(void))m_kK_{name}")));
    format!("    {{{}}},\n", fields.join(", "))
}
