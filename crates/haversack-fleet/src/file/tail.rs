//! Reading the log: from wherever one was, as far as there are whole lines, without a lock.
//!
//! Writers only ever add lines, or put another log in this one's place, which then has another name and
//! says where it goes on. Who follows keeps the old one open, reads it to its end and goes on there.
//! So a place is the log's name, how many bytes were read, and a sum of the last of them: what was
//! restored from a backup, or changed by hand, is told by it.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::line::{self, Header, crc32};
use super::{FileError, FileErrorKind, mode};
use crate::engine::Cursor;

/// Follows a log from pass to pass.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    place: Option<Place>,
    /// The log that the place is in, which may have been replaced.
    held: Option<File>,
    /// What was told so far is of another log, which is to be told first.
    reset: bool,
}

/// What a pass found.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// What was told before is of another log.
    pub(super) reset: bool,
    pub(super) records: Vec<String>,
    /// Where to go on, if there is something after which to go on.
    pub(super) cursor: Option<Cursor>,
    /// There is more to read.
    pub(super) more: bool,
    /// Lines that are no records.
    pub(super) skipped: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// The log's name.
    generation: String,
    /// Bytes read, up to the end of a line.
    offset: u64,
    /// A sum of the last of them.
    sum: u32,
}

impl Tail {
    pub(super) fn new(path: &Path, from: Option<&Cursor>) -> Self {
        let place = from.map(Place::parse);
        let reset = matches!(place, Some(None));
        Self { path: path.to_owned(), place: place.flatten(), held: None, reset }
    }

    /// Reads on, but not endlessly.
    pub(super) fn pass(&mut self) -> Result<Pass, Fault> {
        let Some(mut file) = open(&self.path)? else {
            self.held = None;
            self.reset |= self.place.take().is_some();
            return Ok(Pass { reset: std::mem::take(&mut self.reset), ..Pass::default() });
        };
        let pass = self.read(&mut file).map_err(|error| Fault::reading(&self.path, &error))?;
        if self.held.is_none() {
            self.held = Some(file);
        }
        Ok(pass)
    }

    fn read(&mut self, file: &mut File) -> io::Result<Pass> {
        let header = header(file)?;
        let generation = header.as_ref().map_or(DAMAGED, |header| &header.generation);
        if let Some(place) = &self.place
            && let Some(mut held) = self.held.take()
            && place.generation != generation
            && sum_before(&mut held, place.offset)? == Some(place.sum)
        {
            let generation = place.generation.clone();
            let pass = self.read_on(&mut held, generation)?;
            if pass.cursor.is_some() {
                self.held = Some(held);
                return Ok(Pass { more: true, ..pass });
            }
        }
        if let Some(Header { generation, before: Some((end, carried)) }) = &header
            && self.place.as_ref().is_some_and(|place| place.cursor().0 == *end)
        {
            let first = header.as_ref().map_or(0, |header| header.encode().len());
            let offset = u64::try_from(first).unwrap_or(u64::MAX).saturating_add(*carried);
            let generation = generation.clone();
            self.place = sum_before(file, offset)?.map(|sum| Place { generation, offset, sum });
            self.reset |= self.place.is_none();
        }
        if let Some(place) = &self.place
            && (place.generation != generation
                || sum_before(file, place.offset)? != Some(place.sum))
        {
            self.place = None;
            self.reset = true;
        }
        self.read_on(file, generation.to_owned())
    }

    /// Reads a log from the place that was reached in it.
    fn read_on(&mut self, file: &mut File, generation: String) -> io::Result<Pass> {
        let begun = self.place.as_ref().map_or(0, |place| place.offset);
        let mut pass = Pass::default();
        let mut lines = Lines::from(file, begun)?;
        let mut first = begun == 0;
        while let Some(line) = lines.next()? {
            match line::decode(line) {
                Some(line) => pass.records.push(line.text.to_owned()),
                None if first && Header::decode(line).is_some() => {}
                None => pass.skipped += 1,
            }
            first = false;
            if pass.records.len() >= AT_ONCE || pass.skipped >= AT_ONCE {
                pass.more = true;
                break;
            }
        }
        let offset = lines.offset;
        if offset > begun
            && let Some(sum) = sum_before(file, offset)?
        {
            let place = Place { generation, offset, sum };
            pass.cursor = Some(place.cursor());
            self.place = Some(place);
        }
        pass.reset = std::mem::take(&mut self.reset);
        Ok(pass)
    }
}

/// The end of a log's whole lines, as a cursor.
pub(super) fn end(file: &mut File, generation: &str) -> io::Result<Option<Cursor>> {
    let mut lines = Lines::from(file, 0)?;
    while lines.next()?.is_some() {}
    let offset = lines.offset;
    let sum = sum_before(file, offset)?;
    Ok(sum.map(|sum| Place { generation: generation.to_owned(), offset, sum }.cursor()))
}

impl Place {
    fn parse(Cursor(text): &Cursor) -> Option<Self> {
        let mut parts = text.split('.');
        let generation = parts.next().filter(|it| !it.is_empty())?.to_owned();
        let offset = parts.next()?.parse().ok()?;
        let sum = u32::from_str_radix(parts.next()?, 16).ok()?;
        parts.next().is_none().then_some(Self { generation, offset, sum })
    }

    fn cursor(&self) -> Cursor {
        let Self { generation, offset, sum } = self;
        Cursor(format!("{generation}.{offset}.{sum:08x}"))
    }
}

/// The log, if there is one and it may be trusted.
pub(super) fn open(path: &Path) -> Result<Option<File>, Fault> {
    let reading = |error: io::Error| Fault::reading(path, &error);
    // Before it is opened: opening a pipe would wait for somebody to write into it.
    match fs::metadata(path) {
        Ok(named) if !named.is_file() => {
            return Err(FileError::new(path, FileErrorKind::NotAFile).into());
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(reading(error)),
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(reading)?,
    };
    let opened = file.metadata().map_err(reading)?;
    mode::check(&opened).map_err(|kind| FileError::new(path, kind))?;
    Ok(Some(file))
}

/// The first line, if it is whole and not damaged.
pub(super) fn header(file: &mut File) -> io::Result<Option<Header>> {
    let mut lines = Lines::from(file, 0)?;
    Ok(lines.next()?.and_then(Header::decode))
}

/// A sum of the bytes before a place; `None` if the file ends before it.
fn sum_before(file: &mut File, offset: u64) -> io::Result<Option<u32>> {
    let from = offset.saturating_sub(SUMMED);
    file.seek(SeekFrom::Start(from))?;
    let mut last = Vec::new();
    (&mut *file).take(offset - from).read_to_end(&mut last)?;
    let whole = u64::try_from(last.len()).is_ok_and(|read| read == offset - from);
    Ok(whole.then(|| crc32(&last)))
}

/// The whole lines of a file, however long those are that are not ours.
pub(super) struct Lines<'a> {
    reader: BufReader<&'a mut File>,
    line: Vec<u8>,
    /// Where the next line begins.
    pub(super) offset: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn from(file: &'a mut File, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        let reader = BufReader::with_capacity(64 * 1024, file);
        Ok(Self { reader, line: Vec::with_capacity(line::LONGEST), offset })
    }

    /// The next line without its newline; of one that is too long, a beginning that is too long.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let mut bytes = 0;
        loop {
            let read = self.reader.fill_buf()?;
            if read.is_empty() {
                return Ok(None);
            }
            let end = read.iter().position(|&byte| byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            let room = (line::LONGEST + 1).saturating_sub(self.line.len());
            self.line.extend(&part[..part.len().min(room)]);
            let taken = part.len() + usize::from(end.is_some());
            self.reader.consume(taken);
            bytes += u64::try_from(taken).unwrap_or_default();
            if end.is_some() {
                self.offset += bytes;
                return Ok(Some(&self.line));
            }
        }
    }
}

/// Lines that one pass reads.
const AT_ONCE: usize = 2000;

/// Bytes before a place that are summed.
const SUMMED: u64 = 64;

/// The name of a log that does not say its own. Of ours none is named so: they have sixteen digits.
const DAMAGED: &str = "damaged";
