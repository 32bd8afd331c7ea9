//! What an operator is told about a file that cannot be used.

use std::fs;
use std::path::Path;

use haversack_fleet::file::{self, FileErrorKind};

use crate::{Keys, mode, set_mode};

/// What both `watch` and `read` say, with the directory left out.
fn refusal(path: &Path) -> String {
    let error = file::watch(path).map(drop).unwrap_err().to_string();
    assert_eq!(file::read(path).map(drop).unwrap_err().to_string(), error);
    error.replace(path.parent().unwrap().to_str().unwrap(), "/srv")
}

#[test]
fn a_missing_file_names_the_command_that_makes_one() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        refusal(&dir.path().join("haversack.keys")),
        "there is no `/srv/haversack.keys`: make a key ring with `haversack keys init \
         /srv/haversack.keys --app NAME`, or copy the one that the other servers use"
    );
}

#[test]
fn a_file_that_others_may_read_names_the_fix() {
    let keys = Keys::new();
    for bits in [0o644, 0o604, 0o602, 0o601, 0o666, 0o777] {
        set_mode(keys.path(), bits);
        assert_eq!(
            refusal(&keys.path()),
            format!(
                "`/srv/haversack.keys` is open to everyone on this machine (mode {bits:04o}), and \
                 who reads it can forge any session: run `chmod 600 /srv/haversack.keys`; for a \
                 Kubernetes secret set `defaultMode: 0400`, or 0440 with an `fsGroup`"
            )
        );
    }
    set_mode(keys.path(), 0o660);
    assert_eq!(
        refusal(&keys.path()),
        "`/srv/haversack.keys` may be written by its group (mode 0660), and who writes it can forge \
         any session: run `chmod g-w /srv/haversack.keys`"
    );
    for bits in [0o400, 0o440, 0o600, 0o640] {
        set_mode(keys.path(), bits);
        assert_eq!(file::read(keys.path()).unwrap().app(), "shop", "{bits:o}");
    }
}

#[test]
fn what_is_no_key_ring_says_where() {
    let keys = Keys::new();
    let good = fs::read_to_string(keys.path()).unwrap();
    let nameless = good.replacen("shop", "", 1);
    let cases: [(&[u8], &str); 5] = [
        (b"", "not JSON at line 1, column"),
        (&good.as_bytes()[..good.len() - 3], "is the file complete?"),
        (b"{\n  \"version\": 1,\n  \xff", "not JSON at line 3, column 3"),
        (&[good.as_bytes(), b"\xff"].concat(), "not JSON at line"),
        (nameless.as_bytes(), "`app` is empty"),
    ];
    for (content, expected) in cases {
        keys.put(content);
        let error = refusal(&keys.path());
        assert!(error.starts_with("`/srv/haversack.keys`: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let weak = "A".repeat(43);
    let secret = good.split('"').find(|part| part.len() == 43).unwrap();
    keys.put(good.replace(secret, &weak));
    let error = refusal(&keys.path());
    assert!(error.contains("`index_key` repeats a shorter sequence"), "{error}");
}

#[test]
fn what_is_no_file_is_not_opened() {
    let keys = Keys::new();
    let directory = keys.dir.path().join("directory");
    fs::create_dir(&directory).unwrap();
    assert!(refusal(&directory).contains("not a regular file"));
    // Reading it would wait for ever.
    let pipe = keys.dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(refusal(&pipe).contains("not a regular file"));
    keys.put("x".repeat(300_000));
    let error = file::read(keys.path()).unwrap_err();
    assert!(matches!(error.kind(), FileErrorKind::TooLong { limit: 262_144 }), "{error}");
}

/// Root reads everything, so this says something only where tests run as somebody else.
#[test]
fn a_file_that_the_server_may_not_read() {
    let keys = Keys::new();
    set_mode(keys.path(), 0o000);
    match file::read(keys.path()) {
        Err(error) => {
            assert!(matches!(error.kind(), FileErrorKind::Unreadable(_)), "{error}");
            assert!(error.to_string().contains("must belong to the user"), "{error}");
        }
        Ok(ring) => assert_eq!((ring.app(), mode(keys.path())), ("shop", 0)),
    }
}
