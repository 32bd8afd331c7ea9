//! One reading of the file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use haversack::{KeyRing, KeyRingError};
use zeroize::Zeroizing;

use super::{FileError, FileErrorKind, mode};

/// Reads the key ring in the file at `path`, once.
///
/// # Errors
///
/// When the file is not there, not readable or open to others, and when its content is no key ring.
pub fn read(path: impl AsRef<Path>) -> Result<KeyRing, FileError> {
    let path = path.as_ref();
    parse(path, &document(path)?)
}

/// The bytes of the file, if it is one that may be trusted.
pub(super) fn document(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let fail = |kind| FileError::new(path, kind);
    // Before it is opened: opening a pipe would wait for somebody to write into it.
    let named = fs::metadata(path).map_err(|error| fail(unreadable(error)))?;
    if !named.is_file() {
        return Err(fail(FileErrorKind::NotAFile));
    }
    let mut file = File::open(path).map_err(|error| fail(unreadable(error)))?;
    // Of what was opened, which may not be what the name named a moment ago.
    let opened = file.metadata().map_err(|error| fail(unreadable(error)))?;
    mode::check(&opened).map_err(fail)?;
    if opened.len() > LIMIT {
        return Err(fail(FileErrorKind::TooLong { limit: LIMIT }));
    }
    // With room for all of it, so that no copy is left behind by growth.
    let room = usize::try_from(opened.len()).unwrap_or_default() + 64;
    let mut document = Zeroizing::new(Vec::with_capacity(room));
    let read = (&mut file).take(LIMIT).read_to_end(&mut document);
    read.map_err(|error| fail(unreadable(error)))?;
    Ok(document)
}

pub(super) fn parse(path: &Path, document: &[u8]) -> Result<KeyRing, FileError> {
    let ring = match std::str::from_utf8(document) {
        Ok(text) => KeyRing::parse(text),
        Err(error) => Err(not_text(&document[..error.valid_up_to()])),
    };
    ring.map_err(|error| FileError::new(path, FileErrorKind::Ring(error)))
}

/// JSON is UTF-8 (RFC 8259 section 8.1); `text` is what comes before the first byte that is not.
fn not_text(text: &[u8]) -> KeyRingError {
    let lines = || text.split(|&byte| byte == b'\n');
    let (line, column) = (lines().count(), lines().next_back().map_or(1, |last| last.len() + 1));
    KeyRingError::Json { line, column }
}

fn unreadable(error: io::Error) -> FileErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => FileErrorKind::Missing,
        _ => FileErrorKind::Unreadable(error),
    }
}

/// Several times what 64 keys take.
const LIMIT: u64 = 256 * 1024;
