//! What went wrong with a file, so that all who waited for one write can be told.

use std::io;
use std::path::Path;

use super::{FileError, FileErrorKind};
use crate::{EngineError, EngineErrorKind};

/// As [`EngineErrorKind`], but for what is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Unreachable(String),
    /// Refused because this program may only read here.
    ReadOnly(String),
    Refused(String),
    Unusable(String),
    Full(String),
    Invalid(String),
}

impl Fault {
    pub(super) fn reading(path: &Path, error: &io::Error) -> Self {
        let why = format!("cannot read `{}`: {error}", path.display());
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Refused(why),
            _ => Self::Unreachable(why),
        }
    }

    pub(super) fn writing(path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind::{
            FileTooLarge, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
            StorageFull,
        };

        let path = path.display();
        let why = format!("cannot write `{path}`: {error}");
        match error.kind() {
            FileTooLarge | QuotaExceeded | StorageFull => Self::Full(why),
            PermissionDenied | ReadOnlyFilesystem => Self::ReadOnly(format!(
                "{why}; this program may only read here: to have it publish, make the directory \
                 writable for the user it runs as"
            )),
            NotFound => Self::Unusable(format!("{why}: there is no such directory: make it first")),
            _ => Self::Unreachable(why),
        }
    }

    pub(super) fn of(self, engine: &str) -> EngineError {
        let kind = match self {
            Self::Unreachable(why) => EngineErrorKind::Unreachable(why),
            Self::ReadOnly(why) | Self::Refused(why) => EngineErrorKind::Refused(why),
            Self::Unusable(why) => EngineErrorKind::Unusable(why),
            Self::Full(why) => EngineErrorKind::Full(why),
            Self::Invalid(why) => EngineErrorKind::Invalid(why),
        };
        EngineError::new(engine, kind)
    }
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        match error.kind() {
            FileErrorKind::Unreadable(why) => Self::reading(error.path(), why),
            FileErrorKind::Unwritable(why) => Self::writing(error.path(), why),
            FileErrorKind::GroupMayWrite { .. } | FileErrorKind::OthersMayAccess { .. } => {
                Self::Refused(error.to_string())
            }
            _ => Self::Unusable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_in_writing_is_told_by_who_can_put_it_right() {
        let path = Path::new("/keys/haversack.keys.log");
        // As Linux numbers them: ENOSPC, EDQUOT, EFBIG, EACCES, EROFS, EIO.
        let fault = |number| Fault::writing(path, &io::Error::from_raw_os_error(number));
        if cfg!(target_os = "linux") {
            for number in [28, 122, 27] {
                assert!(matches!(fault(number), Fault::Full(_)), "{:?}", fault(number));
            }
            for number in [13, 30] {
                assert!(matches!(fault(number), Fault::ReadOnly(_)), "{:?}", fault(number));
            }
            assert!(matches!(fault(5), Fault::Unreachable(_)), "{:?}", fault(5));
        }
    }
}
