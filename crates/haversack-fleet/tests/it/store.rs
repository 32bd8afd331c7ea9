//! Writers: of rotation by hand, by a timer, and by several servers at once.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::thread;

use haversack::KeyRingError;
use haversack_fleet::file::{self, FileErrorKind};

use crate::{Keys, T0, mode, next, ring, set_mode};

#[test]
fn a_new_file_is_private_and_never_overwrites() {
    let keys = Keys::new();
    assert_eq!(mode(keys.path()), 0o600);
    let before = fs::read(keys.path()).unwrap();
    let error = file::create(keys.path(), &ring("shop")).unwrap_err();
    assert!(matches!(error.kind(), FileErrorKind::Exists), "{error}");
    assert!(error.to_string().contains("haversack keys rotate"), "{error}");
    assert_eq!(fs::read(keys.path()).unwrap(), before);

    let dangling = keys.dir.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    let error = file::create(&dangling, &ring("shop")).unwrap_err();
    assert!(matches!(error.kind(), FileErrorKind::Exists), "{error}");
    let error = file::create(keys.dir.path().join("no/such/file"), &ring("shop")).unwrap_err();
    assert!(matches!(error.kind(), FileErrorKind::Unwritable(_)), "{error}");
}

#[test]
fn concurrent_updates_lose_nothing() {
    const WRITERS: usize = 8;
    const EACH: usize = 5;
    let keys = Keys::new();
    let watched = keys.watch();
    let newest = |ring: &haversack::KeyRing| ring.keys(T0).last().unwrap().id;
    let made: BTreeSet<_> = thread::scope(|scope| {
        let writer = || {
            let update = || newest(&file::update(keys.path(), next).unwrap());
            (0..EACH).map(|_| update()).collect::<Vec<_>>()
        };
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(writer)).collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(made.len(), WRITERS * EACH);
    let ring = file::read(keys.path()).unwrap();
    assert_eq!(ring.revision(), 1 + (WRITERS * EACH) as u64);
    let text = fs::read_to_string(keys.path()).unwrap();
    for id in made {
        assert!(text.contains(&id.to_string()), "{id} is a key, or remembered as retired");
    }
    assert_eq!(crate::ask(&watched).ring.revision(), ring.revision());
}

#[test]
fn owner_and_mode_stay_so_that_servers_can_read_the_successor() {
    let keys = Keys::new();
    for bits in [0o400, 0o440, 0o640] {
        set_mode(keys.path(), bits);
        keys.rotate();
        assert_eq!(mode(keys.path()), bits);
    }
    // Only root can give a file away.
    if std::os::unix::fs::chown(keys.path(), Some(12_345), Some(23_456)).is_ok() {
        keys.rotate();
        let metadata = fs::metadata(keys.path()).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (12_345, 23_456));
        // And its lock, so that its owner can write it too.
        let lock = fs::metadata(keys.dir.path().join("haversack.keys.lock")).unwrap();
        assert_eq!((lock.uid(), lock.gid()), (12_345, 23_456));
    }
}

#[test]
fn what_is_not_a_later_revision_is_not_written() {
    let keys = Keys::new();
    let before = fs::read(keys.path()).unwrap();
    let refused = |next: &dyn Fn(&haversack::KeyRing) -> Result<_, KeyRingError>| {
        let error = file::update(keys.path(), next).unwrap_err();
        assert_eq!(fs::read(keys.path()).unwrap(), before);
        error.kind().variant()
    };
    assert_eq!(refused(&|_| Err(KeyRingError::NoKeys)), "Ring");
    assert_eq!(refused(&|ring| Ok(ring.clone())), "Older");
    assert_eq!(refused(&|_| Ok(ring("bakery"))), "OtherRing");
}

#[test]
fn a_link_stays_a_link_and_nothing_is_left_behind() {
    let keys = Keys::new();
    let link = keys.dir.path().join("link");
    symlink("haversack.keys", &link).unwrap();
    // Left by a writer that was killed.
    fs::write(keys.dir.path().join(".haversack.keys.new"), "half a r").unwrap();
    file::update(&link, next).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(file::read(keys.path()).unwrap().revision(), 2);
    let mut names: Vec<_> =
        fs::read_dir(keys.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["haversack.keys", "haversack.keys.lock", "link"]);
}

#[test]
fn there_is_nothing_to_update_in_a_file_that_is_not_there_or_not_safe() {
    let keys = Keys::new();
    set_mode(keys.path(), 0o666);
    let error = file::update(keys.path(), next).unwrap_err();
    assert_eq!(error.kind().variant(), "OthersMayAccess");
    fs::remove_file(keys.path()).unwrap();
    let error = file::update(keys.path(), next).unwrap_err();
    assert_eq!(error.kind().variant(), "Missing");
}

trait Variant {
    fn variant(&self) -> String;
}

/// Its name, without what it holds.
impl Variant for FileErrorKind {
    fn variant(&self) -> String {
        format!("{self:?}").split([' ', '(']).next().unwrap().to_owned()
    }
}
