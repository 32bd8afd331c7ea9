//! A key-encryption key that this machine was given: in a file, in an environment variable, as bytes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use aes_gcm_siv::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use haversack::Weakness;
use zeroize::{Zeroize as _, Zeroizing};

use super::{KeyWrap, WrapError};
use crate::file::FileErrorKind;

/// 32 random bytes, written as 43 characters of base64url.
///
/// Each sealing draws a nonce of its own (AES-256-GCM-SIV, RFC 8452). Its id is `local:` and a number
/// that follows from the key and tells nothing about it.
pub struct LocalKey {
    cipher: Aes256GcmSiv,
    id: String,
}

impl LocalKey {
    /// From a file that holds the text and nothing else but a line break.
    ///
    /// # Errors
    ///
    /// When it cannot be read, when everyone may read it or its group may write it, and when it holds
    /// no key, or one that can be guessed.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, LocalKeyError> {
        let path = path.as_ref();
        let place = || format!("`{}`", path.display());
        let unreadable = |error| LocalKeyError::Unreadable { path: path.to_owned(), error };
        // Before it is opened: opening a pipe would wait for somebody to write into it.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
            return Err(unreadable(error));
        }
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        match crate::file::check_mode(&metadata) {
            Ok(()) => {}
            Err(
                FileErrorKind::GroupMayWrite { mode } | FileErrorKind::OthersMayAccess { mode },
            ) => {
                return Err(LocalKeyError::Open { path: path.to_owned(), mode });
            }
            Err(_) => return Err(LocalKeyError::Text { place: place() }),
        }
        // With room for all that is read, so that no copy is left behind by growth.
        let mut text = Zeroizing::new(String::with_capacity(256));
        file.take(128).read_to_string(&mut text).map_err(unreadable)?;
        Self::from_text(text.trim_ascii_end(), place())
    }

    /// From the environment variable `name`.
    ///
    /// Other processes of the same user may be able to read it: a file is better.
    ///
    /// # Errors
    ///
    /// When it is not set, and when it holds no key, or one that can be guessed.
    pub fn from_env(name: &str) -> Result<Self, LocalKeyError> {
        let place = format!("environment variable `{name}`");
        match env::var(name) {
            Ok(text) => Self::from_text(Zeroizing::new(text).trim_ascii_end(), place),
            Err(_) => Err(LocalKeyError::Missing { place }),
        }
    }

    /// From the bytes themselves.
    ///
    /// # Errors
    ///
    /// When the key can be guessed.
    pub fn from_bytes(mut key: [u8; 32]) -> Result<Self, LocalKeyError> {
        let made = Self::checked(&key, "key-encryption key".to_owned());
        key.zeroize();
        made
    }

    /// A new key, as its text.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn generate() -> Result<Zeroizing<String>, LocalKeyError> {
        let mut key = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(key.as_mut_slice()).map_err(|_| LocalKeyError::NoEntropy)?;
            if Weakness::of(&key).is_none() {
                let mut text = Zeroizing::new(String::with_capacity(64));
                URL_SAFE_NO_PAD.encode_string(key.as_slice(), &mut text);
                return Ok(text);
            }
        }
    }

    fn from_text(text: &str, place: String) -> Result<Self, LocalKeyError> {
        let mut key = Zeroizing::new([0; 32]);
        match URL_SAFE_NO_PAD.decode_slice(text, key.as_mut_slice()) {
            Ok(32) => Self::checked(&key, place),
            _ => Err(LocalKeyError::Text { place }),
        }
    }

    fn checked(key: &[u8; 32], place: String) -> Result<Self, LocalKeyError> {
        if let Some(weakness) = Weakness::of(key) {
            return Err(LocalKeyError::Weak { place, weakness });
        }
        let cipher = Aes256GcmSiv::new(key.into());
        // What it makes of nothing: 48 bits of its tag.
        let check = Payload { msg: &[], aad: b"haversack/v1/kek" };
        let tag = cipher.encrypt(&Nonce::default(), check).map_err(|_| LocalKeyError::NoEntropy)?;
        let id = format!("local:{}", URL_SAFE_NO_PAD.encode(tag.get(..6).unwrap_or_default()));
        Ok(Self { cipher, id })
    }
}

#[async_trait]
impl KeyWrap for LocalKey {
    fn id(&self) -> String {
        self.id.clone()
    }

    async fn wrap(&self, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, WrapError> {
        let mut sealed = vec![0; NONCE];
        let unreachable = |what: &str| WrapError::Unreachable(what.to_owned());
        getrandom::fill(&mut sealed)
            .map_err(|_| unreachable("the operating system has no random bytes"))?;
        let mut nonce = Nonce::default();
        nonce.copy_from_slice(&sealed);
        let payload = Payload { msg: plaintext, aad: context };
        let text = self.cipher.encrypt(&nonce, payload);
        sealed.extend(text.map_err(|_| unreachable("the ring is too long to seal"))?);
        Ok(sealed)
    }

    async fn unwrap(
        &self,
        _id: &str,
        sealed: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let (prefix, text) = sealed.split_at_checked(NONCE).ok_or(WrapError::NotAuthentic)?;
        let mut nonce = Nonce::default();
        nonce.copy_from_slice(prefix);
        let payload = Payload { msg: text, aad: context };
        let opened = self.cipher.decrypt(&nonce, payload).map_err(|_| WrapError::NotAuthentic)?;
        Ok(Zeroizing::new(opened))
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key-encryption key is not taken. Nothing of it is in here.
#[derive(Debug)]
#[non_exhaustive]
pub enum LocalKeyError {
    /// Not set.
    Missing {
        /// Which.
        place: String,
    },
    /// The operating system has no random bytes.
    NoEntropy,
    /// Others than its owner may read or change the file.
    Open {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not 43 characters of base64url.
    Text {
        /// Which.
        place: String,
    },
    /// The file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It can be guessed.
    Weak {
        /// Which.
        place: String,
        /// Why.
        weakness: Weakness,
    },
}

impl fmt::Display for LocalKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { place } => {
                write!(f, "{place} is not set: it holds the key-encryption key, {TEXT}")
            }
            Self::NoEntropy => f.write_str("the operating system has no random bytes"),
            Self::Open { path, mode } => {
                let path = path.display();
                write!(
                    f,
                    "`{path}` is open to others (mode {mode:04o}), and who reads it can open the key \
                     ring: run `chmod 600 {path}`"
                )
            }
            Self::Text { place } => write!(f, "{place} is no key-encryption key: that is {TEXT}"),
            Self::Unreadable { path, error } => {
                write!(f, "cannot read the key-encryption key in `{}`: {error}", path.display())
            }
            Self::Weak { place, weakness } => {
                write!(f, "{place} {weakness}: draw 32 random bytes, there are no passphrases")
            }
        }
    }
}

impl std::error::Error for LocalKeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { error, .. } => Some(error),
            _ => None,
        }
    }
}

const TEXT: &str = "32 random bytes as 43 characters of base64url";

const NONCE: usize = 12;
