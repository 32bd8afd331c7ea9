//! What may be a label: some words that tell a user which session it is.

use alloc::string::String;

use crate::seal::MAX_LABEL;

/// Makes a label of a text: one line without control characters, cut after 64 bytes. `None` if nothing
/// is left.
pub(crate) fn label(text: &str) -> Option<String> {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut label = String::with_capacity(MAX_LABEL);
    for c in text.chars().map(printable).skip_while(|c| c.is_whitespace()) {
        if label.len() + c.len_utf8() > MAX_LABEL {
            break;
        }
        label.push(c);
    }
    label.truncate(label.trim_end().len());
    (!label.is_empty()).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_label_is_one_short_line() {
        assert_eq!(label("  Firefox\non\tLinux\u{0} ").unwrap(), "Firefox on Linux");
        assert_eq!(label("\u{0}\u{a0}Firefox \u{85}").unwrap(), "Firefox");
        assert_eq!(label(&"x".repeat(100)).unwrap(), "x".repeat(64));
        assert_eq!(label(&"ü".repeat(100)).unwrap(), "ü".repeat(32));
        assert_eq!(label(&std::format!("{}ü", "x".repeat(63))).unwrap(), "x".repeat(63));
        assert_eq!((label(""), label(" \n\0")), (None, None));
    }
}
