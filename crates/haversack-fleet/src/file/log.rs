//! Writing the log: lines are added under a lock, and never taken back.
//!
//! 1. A write that was cut off, by a kill or a full disk, leaves at most one line without an end. No
//!    reader takes it for a record, and the next writer cuts it off. Lines with an end stay, even if
//!    their writer does not know that they are there: readers may have passed them.
//! 2. Writing needs the lock, waiting for the disk does not: several writers that wait at once are
//!    served by the file system together.
//! 3. A log of which more than half has expired is replaced by one with another name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use haversack::Timestamp;

use super::disk::{self, Access};
use super::fault::Fault;
use super::line::{self, Header};
use super::tail::{self, Lines};
use super::{FileError, mode};
use crate::engine::Cursor;

/// A log, as its writers have it.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// The ring that it belongs to, whose readers may read it.
    ring: PathBuf,
    /// When to look again whether it is worth replacing.
    look: Mutex<Look>,
}

#[derive(Debug, Default)]
struct Look {
    generation: String,
    at: u64,
}

impl Log {
    pub(super) fn new(ring: &Path) -> Self {
        let path = disk::sibling(ring, "", ".log");
        Self { path, ring: ring.to_owned(), look: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Finds out whether lines can be added, without adding any. A log that is not there is made.
    pub(super) fn probe(&self, now: Timestamp) -> Result<(), Fault> {
        let like = fs::metadata(&self.ring).ok();
        let access = like.as_ref().map_or(Access::Private, Access::Beside);
        disk::open_lock(&self.path, access).map_err(|error| Fault::writing(&self.path, &error))?;
        match self.open()? {
            Some(_) => Ok(()),
            None => self.append(&[], now),
        }
    }

    /// Adds lines. Once this returns they are on the disk.
    pub(super) fn append(&self, lines: &[u8], now: Timestamp) -> Result<(), Fault> {
        let writing = |error: io::Error| Fault::writing(&self.path, &error);
        let like = fs::metadata(&self.ring).ok();
        let access = like.as_ref().map_or(Access::Private, Access::Beside);
        let lock = disk::lock_within(&self.path, access, super::PATIENCE).map_err(writing)?;
        let mut file = self.ready(access, now)?;
        if let Err(error) = file.write_all(lines) {
            // Should this fail as well, the next writer does it.
            let _ = cut(&mut file);
            return Err(writing(error));
        }
        drop(lock);
        file.sync_data().map_err(writing)
    }

    /// The log, ready for more lines.
    fn ready(&self, access: Access<'_>, now: Timestamp) -> Result<File, Fault> {
        let writing = |error: io::Error| Fault::writing(&self.path, &error);
        let mut before = None;
        let mut old = self.open()?;
        if let Some(mut file) = old.take() {
            if let Some(Header { generation, .. }) = tail::header(&mut file).map_err(writing)? {
                if !self.is_worth_replacing(&mut file, &generation, now)? {
                    cut(&mut file).map_err(writing)?;
                    return Ok(file);
                }
                before = tail::end(&mut file, &generation).map_err(writing)?;
            } else {
                tracing::warn!(
                    path = %self.path.display(),
                    "the log of revocations has no first line of ours: it is replaced by one with \
                     the records that are left"
                );
            }
            old = Some(file);
        }
        self.replace(old.as_mut(), before, access, now).map_err(writing)?;
        let made = self.open()?;
        made.ok_or_else(|| writing(io::Error::from(io::ErrorKind::NotFound)))
    }

    fn open(&self) -> Result<Option<File>, Fault> {
        // Says what is wrong with it, in the same words as readers do.
        if tail::open(&self.path)?.is_none() {
            return Ok(None);
        }
        let writing = |error: io::Error| Fault::writing(&self.path, &error);
        let file = OpenOptions::new().read(true).append(true).open(&self.path).map_err(writing)?;
        let opened = file.metadata().map_err(writing)?;
        mode::check(&opened).map_err(|kind| FileError::new(&self.path, kind))?;
        Ok(Some(file))
    }

    /// Whether more than half of a log that is not small has expired. If not, it is remembered when
    /// half of what is there will have.
    fn is_worth_replacing(
        &self,
        file: &mut File,
        generation: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let reading = |error: io::Error| Fault::reading(&self.path, &error);
        let now = now.as_millis();
        let len = file.metadata().map_err(reading)?.len();
        let known = |look: &MutexGuard<'_, Look>| look.generation == generation && now < look.at;
        if len <= SMALL || known(&self.look()) {
            return Ok(false);
        }
        let mut ends = Vec::new();
        let mut lines = Lines::from(file, 0).map_err(reading)?;
        let mut begun = 0;
        while let Some(line) = lines.next().map_err(reading)? {
            let until = line::decode(line).map_or(0, |line| line.until);
            ends.push((until, lines.offset - begun));
            begun = lines.offset;
        }
        ends.sort_unstable();
        let mut before = 0;
        let half = ends.iter().find(|(_, bytes)| {
            before += bytes;
            before > len / 2
        });
        let half = half.map_or(0, |(until, _)| *until);
        if half < now {
            return Ok(true);
        }
        let at = half.max(now + LOOK_MS);
        *self.look() = Look { generation: generation.to_owned(), at };
        Ok(false)
    }

    /// Puts a log with another name in this one's place: what has not expired, as it is.
    fn replace(
        &self,
        old: Option<&mut File>,
        before: Option<Cursor>,
        access: Access<'_>,
        now: Timestamp,
    ) -> io::Result<()> {
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|error| io::Error::other(error.to_string()))?;
        let generation = format!("{:016x}", u64::from_be_bytes(name));
        let mut header = Header { generation, before: before.map(|Cursor(end)| (end, 0)) };
        disk::replace(&self.path, access, |file| {
            let mut new = BufWriter::new(file);
            new.write_all(&header.encode())?;
            let mut carried = 0;
            if let Some(old) = old {
                let mut lines = Lines::from(old, 0)?;
                while let Some(line) = lines.next()? {
                    if line::decode(line).is_some_and(|line| line.until >= now.as_millis()) {
                        new.write_all(line)?;
                        new.write_all(b"\n")?;
                        carried += u64::try_from(line.len() + 1).unwrap_or_default();
                    }
                }
            }
            if let Some((_, bytes)) = &mut header.before {
                *bytes = carried;
                new.seek(SeekFrom::Start(0))?;
                new.write_all(&header.encode())?;
            }
            new.flush()
        })
    }

    fn look(&self) -> MutexGuard<'_, Look> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts off a line without an end, if there is one.
fn cut(file: &mut File) -> io::Result<()> {
    let len = file.metadata()?.len();
    let mut end = len;
    let mut part = Vec::new();
    while end > 0 {
        let from = end.saturating_sub(4096);
        file.seek(SeekFrom::Start(from))?;
        part.clear();
        (&mut *file).take(end - from).read_to_end(&mut part)?;
        match part.iter().rposition(|&byte| byte == b'\n') {
            Some(place) => {
                end = from + u64::try_from(place + 1).unwrap_or_default();
                break;
            }
            None => end = from,
        }
    }
    if end < len { file.set_len(end) } else { Ok(()) }
}

/// Bytes up to which a log is left as it is.
const SMALL: u64 = 64 * 1024;

/// Between two looks at a log that is not small, at least.
const LOOK_MS: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::super::tail::Tail;
    use super::*;
    use crate::engine::Record;

    fn lines(of: &str, number: usize, until: Timestamp) -> Vec<u8> {
        let mut lines = Vec::new();
        for n in 0..number {
            let text = format!("session {of} {n} {:-<100}", "");
            line::encode(&Record { text, until }, &mut lines).unwrap();
        }
        lines
    }

    fn read(log: &Log, from: Option<&Cursor>) -> (bool, Vec<String>, Cursor) {
        let mut tail = Tail::new(log.path(), from);
        let (mut reset, mut texts, mut cursor) = (false, Vec::new(), from.cloned());
        loop {
            let pass = tail.pass().unwrap();
            reset |= pass.reset;
            texts.extend(pass.records);
            cursor = pass.cursor.or(cursor);
            if !pass.more {
                return (reset, texts, cursor.unwrap());
            }
        }
    }

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn a_log_is_replaced_once_more_than_half_of_it_has_expired() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(&dir.path().join("haversack.keys"));
        let (soon, late) = (T0.plus_millis(HOUR_MS), T0.plus_millis(9 * HOUR_MS));
        log.append(&lines("soon", 3000, soon), T0).unwrap();
        log.append(&lines("late", 1000, late), T0).unwrap();
        let (_, _, cursor) = read(&log, None);
        let long = fs::metadata(log.path()).unwrap().len();

        // Nothing has expired yet.
        log.append(&lines("more", 1, late), T0.plus_millis(1)).unwrap();
        let (reset, texts, _) = read(&log, Some(&cursor));
        assert_eq!((reset, texts.len()), (false, 1));

        log.append(&lines("last", 1, late), soon.plus_millis(1)).unwrap();
        let (reset, texts, _) = read(&log, Some(&cursor));
        assert!(reset, "who was in the old one is told");
        assert_eq!(texts.len(), 1002);
        assert!(texts.iter().all(|text| !text.starts_with("session soon")));
        assert!(fs::metadata(log.path()).unwrap().len() < long / 3);
    }

    #[test]
    fn who_follows_goes_on_in_the_log_that_replaces_another() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(&dir.path().join("haversack.keys"));
        let (soon, late) = (T0.plus_millis(HOUR_MS), T0.plus_millis(9 * HOUR_MS));
        log.append(&lines("late", 300, late), T0).unwrap();
        log.append(&lines("soon", 1000, soon), T0).unwrap();
        // One that will be two lines behind, one that is at the end and comes back later.
        let mut behind = Tail::new(log.path(), None);
        assert_eq!(behind.pass().unwrap().records.len(), 1300);
        log.append(&lines("then", 2, late), T0).unwrap();
        let (_, _, end) = read(&log, None);
        log.append(&lines("new", 3, late), soon.plus_millis(1)).unwrap();
        let (reset, texts, _) = read(&log, Some(&end));
        assert_eq!((reset, texts.len()), (false, 3));
        let (mut reset, mut texts) = (false, Vec::new());
        loop {
            let pass = behind.pass().unwrap();
            reset |= pass.reset;
            texts.extend(pass.records);
            if !pass.more {
                break;
            }
        }
        assert_eq!((reset, texts.len()), (false, 5), "{texts:?}");
        assert!(texts[0].starts_with("session then 0") && texts[4].starts_with("session new 2"));
        assert_eq!(read(&log, None).1.len(), 305);
        // And so on, from there.
        log.append(&lines("more", 1, late), soon.plus_millis(2)).unwrap();
        assert_eq!(behind.pass().unwrap().records.len(), 1);
    }

    #[test]
    fn a_log_is_left_as_it_is_while_it_is_small_or_counts() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(&dir.path().join("haversack.keys"));
        let (soon, late) = (T0.plus_millis(HOUR_MS), T0.plus_millis(9 * HOUR_MS));
        log.append(&lines("soon", 300, soon), T0).unwrap();
        let (_, _, cursor) = read(&log, None);
        log.append(&lines("small", 1, late), soon.plus_millis(1)).unwrap();
        assert!(!read(&log, Some(&cursor)).0);
        log.append(&lines("late", 1000, late), soon.plus_millis(2)).unwrap();
        log.append(&lines("most counts", 1, late), soon.plus_millis(3)).unwrap();
        assert!(!read(&log, Some(&cursor)).0);
    }

    #[test]
    fn a_damaged_first_line_costs_no_record() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(&dir.path().join("haversack.keys"));
        let late = T0.plus_millis(HOUR_MS);
        log.append(&lines("first", 5, late), T0).unwrap();
        let (_, _, cursor) = read(&log, None);
        let mut bytes = fs::read(log.path()).unwrap();
        bytes[3] ^= 1;
        fs::write(log.path(), &bytes).unwrap();
        let (reset, texts, damaged) = read(&log, Some(&cursor));
        assert_eq!((reset, texts.len()), (true, 5));
        assert_eq!(read(&log, Some(&damaged)).1.len(), 0, "and is told once");
        log.append(&lines("then", 1, late), T0).unwrap();
        let (reset, texts, _) = read(&log, Some(&damaged));
        assert_eq!((reset, texts.len()), (true, 6));
    }

    #[test]
    fn a_log_that_is_removed_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(&dir.path().join("haversack.keys"));
        log.append(&lines("first", 5, T0), T0).unwrap();
        let (_, _, cursor) = read(&log, None);
        fs::remove_file(log.path()).unwrap();
        let mut tail = Tail::new(log.path(), Some(&cursor));
        assert!(tail.pass().unwrap().reset);
        assert!(!tail.pass().unwrap().reset, "once");
        log.append(&lines("second", 2, T0), T0).unwrap();
        let pass = tail.pass().unwrap();
        assert_eq!((pass.reset, pass.records.len()), (false, 2));
    }

    #[test]
    fn a_log_that_was_changed_behind_a_cursor_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(&dir.path().join("haversack.keys"));
        log.append(&lines("first", 5, T0), T0).unwrap();
        let copy = fs::read(log.path()).unwrap();
        log.append(&lines("gone", 2, T0), T0).unwrap();
        let (_, _, cursor) = read(&log, None);
        // Restored from a backup, and written on: as long as it was, with other lines.
        fs::write(log.path(), copy).unwrap();
        log.append(&lines("then", 9, T0), T0).unwrap();
        let (reset, texts, _) = read(&log, Some(&cursor));
        assert_eq!((reset, texts.len()), (true, 14));
    }
}
