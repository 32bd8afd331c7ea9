//! Columns of text.

use std::fmt::Write as _;

/// Characters that a text takes on a line.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// Aligned columns, indented; numbers to the right.
pub(super) fn table(out: &mut String, titles: &[&str], rows: &[Vec<String>]) {
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let widths: Vec<usize> = (0..titles.len())
        .map(|at| column(at).map(|cell| width(cell)).chain([titles[at].len()]).max().unwrap_or(0))
        .collect();
    let mut write = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from(" ");
        for ((cell, width), title) in cells.zip(&widths).zip(titles) {
            let _ = match *title {
                "chars" | "bytes" => write!(line, " {cell:>width$} "),
                _ => write!(line, " {cell:<width$} "),
            };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    };
    write(&mut titles.iter().copied());
    for row in rows {
        write(&mut row.iter().map(String::as_str));
    }
}
