//! Which names C, C++ and Rust have for themselves.

/// Keywords of C (C23, 6.4.1) and C++ (C++23, [lex.key] and [lex.digraph]), and macros that
/// compilers or common headers define.
const C: &str = "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl \
    concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do double \
    dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace new noexcept not \
    not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return short signed sizeof \
    static static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename typeof \
    typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq linux unix i386 errno stdin stdout stderr assert \
    near far interface complex imaginary noreturn offsetof environ";

/// Names of `<stddef.h>` and `<stdint.h>` with an underscore, which a prefix and an export could
/// make.
const C_TYPES: &str = "size_t ptrdiff_t max_align_t nullptr_t wchar_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t \
    intptr_t uintptr_t intmax_t uintmax_t int_least8_t int_least16_t int_least32_t int_least64_t uint_least8_t uint_least16_t \
    uint_least32_t uint_least64_t int_fast8_t int_fast16_t int_fast32_t int_fast64_t uint_fast8_t uint_fast16_t uint_fast32_t \
    uint_fast64_t";

/// Keywords of Rust (The Rust Reference, "Keywords"), strict and reserved, up to edition 2024.
const RUST: &str = include_str!("rust_keywords.in");

pub fn is_identifier(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_letter) && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether C or C++ may mean something else by an identifier. Names in capitals are often macros.
pub fn is_taken_in_c(name: &str) -> bool {
    contains(C, name)
        || contains(C_TYPES, name)
        || name.bytes().all(|byte| !byte.is_ascii_lowercase())
        || name.contains("__")
}

pub fn is_taken_in_rust(name: &str) -> bool {
    contains(RUST, name)
}

/// Whether a symbol, which has an underscore, is a keyword, or a type or macro of `<stddef.h>` and
/// `<stdint.h>`.
pub fn is_reserved_symbol(symbol: &str) -> bool {
    const LIMITS: [&str; 4] = ["_MAX", "_MIN", "_C", "_WIDTH"];
    const KINDS: [&str; 6] = ["INT", "UINT", "PTRDIFF", "SIZE", "SIG_ATOMIC", "W"];
    let is_limit =
        LIMITS.iter().any(|end| symbol.ends_with(end)) && KINDS.iter().any(|start| symbol.starts_with(start));
    contains(C, symbol) || contains(C_TYPES, symbol) || is_limit
}

fn contains(words: &str, name: &str) -> bool {
    words.split_whitespace().any(|word| word == name)
}
