//! Lines of a text with a marked place, drawn by `annotate-snippets`.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;

/// A few lines of a file, or of what a file stands for, and the place in them that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The file's name and the number of the first line, where the lines are a file's.
    pub file: Option<(String, usize)>,
    pub lines: String,
    /// Byte offsets in `lines`.
    pub marked: Range<usize>,
}

impl Excerpt {
    /// The line of `text` that a place begins in. `file` is the text's name.
    pub fn of_text(file: &str, text: &str, marked: Range<usize>) -> Excerpt {
        let start = floor(text, marked.start);
        let line_start = text[..start].rfind('\n').map_or(0, |end| end.saturating_add(1));
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start.saturating_add(length));
        let line = text[line_start..line_end].trim_end();
        let number = text[..line_start].matches('\n').count().saturating_add(1);
        let before = &text[line_start..start];
        let start = before.len().min(line.len());
        let end = floor(text, marked.end).saturating_sub(line_start).clamp(start, line.len());
        Excerpt { file: Some((file.to_owned(), number)), lines: line.to_owned(), marked: start..end }
    }

    /// The excerpt as lines that follow a message, each ended by a newline.
    pub fn render(&self, is_styled: bool) -> String {
        let mark = AnnotationKind::Primary.span(self.marked.clone());
        let snippet = Snippet::source(&self.lines[..]).fold(false).annotation(mark);
        let snippet = match &self.file {
            Some((file, line)) => snippet.path(&file[..]).line_start(*line),
            None => snippet.line_numbering(false),
        };
        let renderer = if is_styled { Renderer::styled() } else { Renderer::plain() };
        let group = Group::with_level(Level::ERROR).element(snippet);
        format!("{}\n", renderer.render(&[group]).trim_end())
    }
}

/// The offset, or the character's that it is in.
fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

#[cfg(test)]
mod tests {
    use super::Excerpt;

    #[test]
    fn the_line_of_a_place_is_shown() {
        let text = "(module\n  (func é (i32.bad))\n)";
        let start = text.find("i32.bad").expect("it is there");
        let excerpt = Excerpt::of_text("m.wat", text, start..start + 7);
        let rendered = excerpt.render(false);
        assert!(rendered.contains("m.wat:2:12\n"), "{rendered}");
        assert!(rendered.contains("2 |   (func é (i32.bad))\n"), "{rendered}");
        assert!(rendered.contains("  |            ^^^^^^^\n"), "{rendered}");
        let beyond = Excerpt::of_text("m.wat", "", 7..9);
        assert_eq!((beyond.file, beyond.marked), (Some(("m.wat".to_owned(), 1)), 0..0));
    }
}
