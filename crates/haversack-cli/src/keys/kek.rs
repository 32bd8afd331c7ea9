//! `haversack keys kek`, `wrap` and `unwrap`: the key that a ring is sealed with at rest.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use haversack::KeyRing;
use haversack_fleet::RingStore;
use haversack_fleet::wrap::{KeyWrap as _, LocalKey};

use crate::output::{Failure, say};
use crate::place::{Fleet, wait};
use crate::time;

/// Makes a key-encryption key in a new file.
pub(super) fn make(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::new(format!("`{shown}` exists, and is not overwritten"))
                .hint("choose another name: rings may be sealed with what is in it")
        }
        _ => Failure::new(format!("cannot write `{shown}`: {error}")),
    };
    let key = LocalKey::generate()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(format!("{}\n", key.as_str()).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    say(&format!("{shown}: key-encryption key {}", LocalKey::from_file(path)?.id()));
    Ok(())
}

/// Stores the ring again, sealed with the first key.
pub(super) fn wrap(fleet: Fleet) -> Result<(), Failure> {
    let Some(id) = fleet.seals_with() else {
        return Err(Failure::new("there is no key-encryption key to seal with").hint(
            "make one with `haversack keys kek FILE`, give it to every server, and name it here: \
             `--key-encryption-key FILE`",
        ));
    };
    let store = fleet.open()?;
    let ring = wait(again(&store))?;
    say(&format!(
        "{}: revision {} is sealed with {id}; who has no such key cannot read it",
        store.engine().name(),
        ring.revision()
    ));
    Ok(())
}

/// Stores the ring again, in the clear.
pub(super) fn unwrap(fleet: Fleet) -> Result<(), Failure> {
    let store = fleet.open_clear()?;
    let ring = wait(async {
        if store.is_clear().await? == Some(true) {
            return Err(Failure::new(format!(
                "nothing was changed: the key ring in {} is in the clear already",
                store.engine().name()
            )));
        }
        again(&store).await
    })?;
    say(&format!(
        "{}: revision {} is in the clear; who can read it can forge any session",
        store.engine().name(),
        ring.revision()
    ));
    Ok(())
}

async fn again(store: &RingStore) -> Result<KeyRing, Failure> {
    Ok(store.update(|ring| Ok(ring.successor(time::now()))).await?)
}
