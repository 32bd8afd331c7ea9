//! The ring document as a file holds it, with its revision.
//!
//! The revision is the one that the document itself says, as a ring and a sealed ring do: so an
//! operator can edit the file. In front of any other text stands a line that says it.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use haversack::KeyRing;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::disk::{self, Access};
use super::fault::Fault;
use super::{FileError, FileErrorKind, PATIENCE, read};
use crate::engine::{Put, RingDocument};

/// The ring document in a file; `None` if there is no file.
pub(super) fn get(path: &Path) -> Result<Option<RingDocument>, Fault> {
    let mut bytes = match read::document(path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), FileErrorKind::Missing) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text = String::from_utf8(std::mem::take(&mut *bytes)).map_err(|error| {
        // It may hold keys all the same.
        let bytes = Zeroizing::new(error.into_bytes());
        read::parse(path, &bytes).err().map_or_else(|| unusable(path), Fault::from)
    })?;
    let mut text = Zeroizing::new(text);
    if let Some((revision, line)) = said_before(&text) {
        text.drain(..line);
        return Ok(Some(RingDocument { revision, text }));
    }
    match said_within(&text) {
        Some(revision) => Ok(Some(RingDocument { revision, text })),
        // What is wrong with it is best said by who knows rings.
        None => Err(match KeyRing::parse(&text) {
            Ok(_) => unusable(path),
            Err(error) => FileError::new(path, FileErrorKind::Ring(error)).into(),
        }),
    }
}

/// Stores a ring document if the stored one has revision `expect`.
pub(super) fn put(path: &Path, expect: u64, document: &RingDocument) -> Result<Put, Fault> {
    let RingDocument { revision, text } = document;
    if *revision == 0 {
        return Err(Fault::Invalid("a ring document of revision 0".to_owned()));
    }
    if text.len() > LONGEST {
        return Err(Fault::Invalid(format!("a ring document of more than {LONGEST} bytes")));
    }
    let held = || Ok::<_, Fault>(get(path)?.map_or(0, |held| held.revision));
    // Who may only read learns that it is too late, not that it may not write.
    let early = held()?;
    if early != expect {
        return Ok(Put::Lost(early));
    }
    let writing = |error: io::Error| Fault::writing(path, &error);
    // The file that a symbolic link leads to is replaced, not the link.
    let target = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                let why = format!("`{}` is a symbolic link that leads nowhere", path.display());
                return Err(Fault::Unusable(why));
            }
            path.to_owned()
        }
        target => target.map_err(writing)?,
    };
    let like = fs::metadata(&target).ok();
    let access = like.as_ref().map_or(Access::Private, Access::Beside);
    let _lock = disk::lock_within(&target, access, PATIENCE).map_err(writing)?;
    let held = held()?;
    if held != expect {
        return Ok(Put::Lost(held));
    }
    let like = match fs::metadata(&target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        like => Some(like.map_err(writing)?),
    };
    let access = like.as_ref().map_or(Access::Private, Access::As);
    let plain = said_before(text).is_none() && said_within(text) == Some(*revision);
    disk::replace(&target, access, |file| {
        if !plain {
            writeln!(file, "{BEFORE}{revision}")?;
        }
        file.write_all(text.as_bytes())
    })
    .map_err(writing)?;
    Ok(Put::Stored)
}

/// The revision that a line before the text says, and how long that line is.
fn said_before(text: &str) -> Option<(u64, usize)> {
    let (line, _) = text.split_once('\n')?;
    let revision = line.strip_prefix(BEFORE)?.parse().ok().filter(|revision| *revision > 0)?;
    Some((revision, line.len() + 1))
}

/// The revision that the text says itself.
fn said_within(text: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Revision {
        revision: u64,
    }

    let said: Result<Revision, _> = serde_json::from_str(text);
    said.ok().map(|said| said.revision).filter(|revision| *revision > 0)
}

fn unusable(path: &Path) -> Fault {
    let path = path.display();
    Fault::Unusable(format!("`{path}` holds no ring document: it says no revision of its own"))
}

const BEFORE: &str = "haversack-ring-revision ";

/// Bytes that a document may have: less than what is read of a file, to leave room for a line before.
const LONGEST: usize = 255 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn document(revision: u64, text: &str) -> RingDocument {
        RingDocument { revision, text: text.to_owned().into() }
    }

    #[test]
    fn any_text_comes_back_with_its_revision() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("haversack.keys");
        let texts = [
            "{\"revision\": 1, \"app\": \"shop\"}",
            "{\"revision\": 1}",
            "haversack-ring-revision 9\n{\"revision\": 3}",
            "",
            "\n",
            "{\"revision\": 5}\n",
            "{\"revision\": 0}",
        ];
        let mut held = 0;
        for (number, text) in (1..).zip(texts) {
            let put_document = document(number, text);
            assert_eq!(put(&path, held, &put_document), Ok(Put::Stored), "{text:?}");
            assert!(get(&path) == Ok(Some(put_document)), "{text:?}");
            held = number;
        }
        assert_eq!(put(&path, 3, &document(4, "late")), Ok(Put::Lost(held)));
    }

    #[test]
    fn a_text_that_says_its_revision_is_stored_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("haversack.keys");
        let text = "{\"revision\": 7, \"app\": \"shop\"}\n";
        put(&path, 0, &document(7, text)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn what_is_not_stored_here_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("haversack.keys");
        disk::replace(&path, Access::Private, |file| file.write_all(b"{\"app\": ")).unwrap();
        let error = put(&path, 0, &document(1, "{}")).unwrap_err();
        assert!(matches!(&error, Fault::Unusable(why) if why.contains("line 1")), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), b"{\"app\": ");
        let long = "x".repeat(LONGEST + 1);
        let new = dir.path().join("new");
        assert!(matches!(put(&new, 0, &document(1, &long)), Err(Fault::Invalid(_))));
        assert!(matches!(put(&new, 0, &document(0, "{}")), Err(Fault::Invalid(_))));
    }
}
