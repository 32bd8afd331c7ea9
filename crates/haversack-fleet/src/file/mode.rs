//! Who may read and write the file: whoever can, can forge sessions or have them forged.

use std::fs::Metadata;

use super::FileErrorKind;

/// Refuses a file that everyone may read or write, or that its group may write.
///
/// Its group may read it: that is how a service account gets a file that it cannot change, and how
/// Kubernetes mounts a secret under an `fsGroup`.
#[cfg(unix)]
pub(crate) fn check(metadata: &Metadata) -> Result<(), FileErrorKind> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o007 != 0 {
        Err(FileErrorKind::OthersMayAccess { mode })
    } else if mode & 0o020 != 0 {
        Err(FileErrorKind::GroupMayWrite { mode })
    } else {
        Ok(())
    }
}

/// Other systems have access lists, which a directory hands down; std cannot read them.
#[cfg(not(unix))]
pub(crate) fn check(_: &Metadata) -> Result<(), FileErrorKind> {
    Ok(())
}
