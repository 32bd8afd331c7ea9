//! What is written: texts of 8 to 60 bytes, shorter if there are to be many of them, since a whole
//! session holds some two thousand bytes.

/// Entries of a session of 2 KB.
pub(crate) const ENTRIES: usize = 40;
/// Shortest text.
const SHORTEST: usize = 8;
/// Longest text.
const LONGEST: usize = 60;
/// Bytes that the texts of a whole session may take.
const ROOM: usize = 1_800;
/// Bytes of an entry beside its text: its name, its lengths, its stamp.
const BESIDE: usize = 15;

/// The text of entry `id` of a session with `entries`; another one for each `version`.
pub(crate) fn text(id: usize, entries: usize, version: usize) -> String {
    let average = (ROOM / entries.max(ENTRIES)).saturating_sub(BESIDE);
    let longest = (2 * average).saturating_sub(SHORTEST).clamp(SHORTEST, LONGEST);
    let length = SHORTEST + id * 37 % (longest - SHORTEST + 1);
    let mut text = format!("{id:02}{version:05}");
    text.extend(std::iter::repeat_n('x', length - text.len()));
    text
}
