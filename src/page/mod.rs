//! Pages of HTML that show what a compilation made: each is one file, which loads nothing from
//! anywhere. A policy in the page forbids it to (Content Security Policy).
//!
//! Comes in: data as values. Goes out: the page. The scripts and styles stand beside this file and
//! are part of this program.

pub mod explore;
pub mod timeline;
pub mod treemap;

use serde::Serialize;

/// What a page is made of.
struct Parts<'a> {
    title: &'a str,
    style: &'static str,
    /// Elements of the body, which the script fills.
    body: &'static str,
    script: &'static str,
}

/// The style that all pages have.
const COMMON_STYLE: &str = include_str!("common.css");

/// A page whose script finds `data` in the element `data`, as JSON.
fn page(parts: &Parts, data: &impl Serialize) -> String {
    let json = serde_json::to_string(data).expect("the data has no maps with other keys than strings");
    // In an element of text, only `</script` and `<!--` have a meaning.
    let json = json.replace('<', "\\u003c");
    assemble(parts, &format!("<script type=\"application/json\" id=\"data\">{json}</script>\n"))
}

/// An element with text that has no characters which HTML would obey.
fn page_text(id: &str, text: &str) -> String {
    format!("<script type=\"text/plain\" id=\"{id}\">{text}</script>\n")
}

/// A page with elements of data before its script.
fn assemble(Parts { title, style, body, script }: &Parts, data: &str) -> String {
    let title = escape(title);
    let policy = include_str!("policy.txt");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n\
         <style>\n{COMMON_STYLE}{style}</style>\n</head>\n<body>\n{body}{data}<script>\n{script}</script>\n</body>\n</html>\n"
    )
}

/// Text as it stands in an element or attribute of HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
