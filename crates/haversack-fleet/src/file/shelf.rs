//! Small files in a directory beside the ring: marks that somebody took, and what servers report.
//!
//! Each has a name that is made of what it is for, and says until when it counts. All writing is done
//! under one lock. What has expired is removed now and then.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use haversack::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::disk::{self, Access};
use super::fault::Fault;
use super::{PATIENCE, mode};

/// The directory of an engine's small files.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    ring: PathBuf,
    swept: Mutex<Instant>,
}

/// What is in one file.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// In milliseconds.
    until: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    server: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    report: String,
}

impl Shelf {
    pub(super) fn new(ring: &Path) -> Self {
        let folder = disk::sibling(ring, "", ".fleet");
        Self { folder, ring: ring.to_owned(), swept: Mutex::new(Instant::now()) }
    }

    /// Takes a mark; whether nobody had it.
    pub(super) fn once(&self, mark: &str, ttl: Duration, now: Timestamp) -> Result<bool, Fault> {
        let path = self.folder.join(name(MARK, mark));
        // A mark itself may be a secret.
        let note =
            Note { until: now.plus(ttl).as_millis(), server: String::new(), report: String::new() };
        self.locked(|access| {
            match read(&path)? {
                Found::Note(held) if held.until > now.as_millis() => return Ok(false),
                Found::Garbage => {
                    let path = path.display();
                    let why = format!("`{path}` is not what this engine wrote: remove it");
                    return Err(Fault::Unusable(why));
                }
                _ => {}
            }
            let json = json(&note)?;
            disk::replace(&path, access, |file| file.write_all(&json))
                .map_err(|error| Fault::writing(&path, &error))?;
            Ok(true)
        })
    }

    /// Puts a server's report in place of the one before.
    pub(super) fn report(
        &self,
        server: &str,
        report: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let path = self.folder.join(name(REPORT, server));
        let (server, report) = (server.to_owned(), report.to_owned());
        let json = json(&Note { until: now.plus(ttl).as_millis(), server, report })?;
        if json.len() > LONGEST {
            return Err(Fault::Invalid(format!("a report of more than {LONGEST} bytes")));
        }
        self.locked(|access| {
            disk::replace_lightly(&path, access, |file| file.write_all(&json))
                .map_err(|error| Fault::writing(&path, &error))
        })
    }

    /// All reports that count.
    pub(super) fn reports(&self, now: Timestamp) -> Result<Vec<(String, String)>, Fault> {
        let mut reports = Vec::new();
        for path in self.files()? {
            if path
                .file_name()
                .is_some_and(|it| it.as_encoded_bytes().starts_with(REPORT.as_bytes()))
                && let Found::Note(note) = read(&path)?
                && note.until > now.as_millis()
            {
                reports.push((note.server, note.report));
            }
        }
        reports.sort_unstable();
        Ok(reports)
    }

    /// Whether it is time to sweep; it is for one who asks.
    pub(super) fn is_dusty(&self) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let dusty = swept.elapsed() > SWEEP;
        if dusty {
            *swept = Instant::now();
        }
        dusty
    }

    /// Removes what has expired, and what writers left behind that were killed.
    pub(super) fn sweep(&self, now: Timestamp) -> Result<(), Fault> {
        let over = |path: &PathBuf| {
            left_behind(path)
                || matches!(read(path), Ok(Found::Note(note)) if note.until <= now.as_millis())
        };
        let expired: Vec<_> = self.files()?.into_iter().filter(over).collect();
        // A few at a time: others want the lock too.
        for some in expired.chunks(100) {
            self.locked(|_| {
                for path in some.iter().filter(|path| over(path)) {
                    match fs::remove_file(path) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            return Err(Fault::writing(path, &error));
                        }
                        _ => {}
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn locked<T>(&self, write: impl FnOnce(Access<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let writing = |error: io::Error| Fault::writing(&self.folder, &error);
        let like = fs::metadata(&self.ring).ok();
        let access = like.as_ref().map_or(Access::Private, Access::Beside);
        disk::folder(&self.folder, access).map_err(writing)?;
        self.check()?;
        let lock = self.folder.join("all");
        let _lock = disk::lock_within(&lock, access, PATIENCE).map_err(writing)?;
        write(access)
    }

    /// As for the ring: who may write here could take marks, or give them back.
    fn check(&self) -> Result<(), Fault> {
        let reading = |error: io::Error| Fault::reading(&self.folder, &error);
        let metadata = fs::metadata(&self.folder).map_err(reading)?;
        mode::check(&metadata).map_err(|kind| super::FileError::new(&self.folder, kind).into())
    }

    fn files(&self) -> Result<Vec<PathBuf>, Fault> {
        let reading = |error: io::Error| Fault::reading(&self.folder, &error);
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(reading)?,
        };
        self.check()?;
        let ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            [MARK, REPORT].iter().any(|kind| name.starts_with(kind.as_bytes())) || left_behind(path)
        };
        let paths: io::Result<Vec<_>> = entries.map(|entry| entry.map(|it| it.path())).collect();
        Ok(paths.map_err(reading)?.into_iter().filter(ours).collect())
    }
}

/// What is under a name.
enum Found {
    Nothing,
    Garbage,
    Note(Note),
}

fn read(path: &Path) -> Result<Found, Fault> {
    let reading = |error: io::Error| Fault::reading(path, &error);
    match fs::metadata(path) {
        Ok(named) if !named.is_file() => return Ok(Found::Garbage),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(reading(error)),
    }
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        file => file.map_err(reading)?,
    };
    let mut json = Vec::new();
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut json).map_err(reading)?;
    Ok(serde_json::from_slice(&json).map_or(Found::Garbage, Found::Note))
}

fn json(note: &Note) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(note).map_err(|error| Fault::Invalid(error.to_string()))
}

/// A file's name for any text, however long and odd.
fn name(kind: &str, text: &str) -> String {
    let mut name = kind.to_owned();
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(name, "{byte:02x}"); // writing to a String cannot fail
    }
    name
}

/// Half written, by a writer that is no more, if one has the lock.
fn left_behind(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(b".new")
}

const MARK: &str = "once.";
const REPORT: &str = "report.";

/// Bytes of one file.
const LONGEST: usize = 64 * 1024;

/// Between two looks for what has expired.
const SWEEP: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(&dir.path().join("haversack.keys"));
        (dir, shelf)
    }

    fn at(s: u64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    #[test]
    fn what_expired_is_removed_and_what_counts_stays() {
        let (_dir, shelf) = shelf();
        let minute = Duration::from_secs(60);
        assert_eq!(shelf.once("short", minute, at(1000)), Ok(true));
        assert_eq!(shelf.once("long", minute * 60, at(1000)), Ok(true));
        shelf.report("web-1", "fine", minute, at(1000)).unwrap();
        shelf.report("web-2", "fine", minute * 60, at(1000)).unwrap();
        fs::write(shelf.folder.join(".once.ab.new"), "{\"unt").unwrap();
        fs::write(shelf.folder.join("notes.txt"), "somebody else's").unwrap();
        assert_eq!(shelf.files().unwrap().len(), 5);
        shelf.sweep(at(1061)).unwrap();
        assert_eq!(shelf.files().unwrap().len(), 2);
        assert!(shelf.folder.join("notes.txt").exists());
        assert_eq!(shelf.once("long", minute, at(1061)), Ok(false));
        assert_eq!(shelf.once("short", minute, at(1061)), Ok(true));
        let reports = shelf.reports(at(1061)).unwrap();
        assert_eq!(reports, [("web-2".to_owned(), "fine".to_owned())]);
    }

    #[test]
    fn a_mark_that_nobody_can_read_is_not_given_away() {
        let (_dir, shelf) = shelf();
        let hour = Duration::from_secs(3600);
        shelf.once("mark", hour, at(1000)).unwrap();
        let path = shelf.folder.join(name(MARK, "mark"));
        fs::write(&path, "garbage").unwrap();
        let error = shelf.once("mark", hour, at(1001)).unwrap_err();
        assert!(matches!(&error, Fault::Unusable(why) if why.contains("remove it")), "{error:?}");
        fs::write(shelf.folder.join(name(REPORT, "web")), "garbage").unwrap();
        assert_eq!(shelf.reports(at(1001)), Ok(Vec::new()));
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_others_may_write_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt as _;

        let (_dir, shelf) = shelf();
        shelf.once("mark", SWEEP, at(1)).unwrap();
        fs::set_permissions(&shelf.folder, fs::Permissions::from_mode(0o777)).unwrap();
        let fault = shelf.once("other", SWEEP, at(1)).unwrap_err();
        assert!(matches!(fault, Fault::Refused(_)), "{fault:?}");
        assert!(shelf.reports(at(1)).is_err());
    }
}
