//! Patterns with `*`: the one kind of pattern of the built-in lists.
//!
//! In: a pattern's text. Out: whether a text matches. Invariant: linear in the text for each piece of the pattern;
//! anchored at both ends unless the pattern begins or ends with `*`. Knows no `?`, no classes, no escapes, so that
//! names with brackets and backslashes need none.

/// A pattern: literal pieces with `*` between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    pieces: Vec<String>,
    any_case: bool,
}

impl Glob {
    /// A pattern that compares as written.
    pub(super) fn new(pattern: &str) -> Glob {
        Glob { pieces: pattern.split('*').map(str::to_owned).collect(), any_case: false }
    }

    /// A pattern that takes ASCII letters in any case.
    pub(super) fn any_case(pattern: &str) -> Glob {
        Glob { pieces: pattern.split('*').map(str::to_ascii_lowercase).collect(), any_case: true }
    }

    /// The pattern's text.
    pub(super) fn text(&self) -> String {
        self.pieces.join("*")
    }

    /// The longest literal that every matching text contains.
    pub(super) fn longest_piece(&self) -> &str {
        self.pieces.iter().max_by_key(|piece| piece.len()).map_or("", String::as_str)
    }

    /// Whether all of `text` matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let (Some(first), Some(last)) = (self.pieces.first(), self.pieces.last()) else { return false };
        if self.pieces.len() == 1 {
            return self.same(text, first.as_bytes());
        }
        if text.len() < first.len() + last.len() || !self.same(&text[..first.len()], first.as_bytes()) {
            return false;
        }
        let mut rest = &text[first.len()..];
        if !self.same(&rest[rest.len() - last.len()..], last.as_bytes()) {
            return false;
        }
        rest = &rest[..rest.len() - last.len()];
        self.pieces[1..self.pieces.len() - 1].iter().all(|piece| match self.find(rest, piece.as_bytes()) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
    }

    fn same(&self, text: &[u8], piece: &[u8]) -> bool {
        if self.any_case { text.eq_ignore_ascii_case(piece) } else { text == piece }
    }

    fn find(&self, text: &[u8], piece: &[u8]) -> Option<usize> {
        if !self.any_case {
            return memchr::memmem::find(text, piece);
        }
        let Some(&head) = piece.first() else { return Some(0) };
        memchr::memchr2_iter(head, head.to_ascii_uppercase(), text)
            .find(|&at| text.get(at..at + piece.len()).is_some_and(|part| part.eq_ignore_ascii_case(piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn anchors_unless_starred() {
        assert!(Glob::new("Npgsql.*").matches("Npgsql.PostgresException"));
        assert!(!Glob::new("Npgsql.*").matches("My.Npgsql.PostgresException"));
        assert!(Glob::new("*Error").matches("TypeError"));
        assert!(!Glob::new("Error").matches("TypeError"));
        assert!(Glob::new("a*b*c").matches("a-b-b-c"));
        assert!(!Glob::new("a*a").matches("a"));
        assert!(Glob::new("*").matches(""));
        assert!(Glob::new("Illuminate\\Database\\*").matches("Illuminate\\Database\\QueryException"));
    }

    #[test]
    fn takes_any_case_where_asked() {
        assert!(Glob::any_case("*Connection Refused*").matches("x: connection refused (1)"));
        assert!(!Glob::new("*Connection Refused*").matches("x: connection refused (1)"));
        assert_eq!(Glob::any_case("*a*Refused*").longest_piece(), "refused");
    }
}
