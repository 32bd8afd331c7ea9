//! How parcels travel: header bytes in, header lines out. Sees names and sealed text, never
//! plaintext or keys.

pub(crate) mod cookie;

pub use self::cookie::{CookieSpec, SameSite};
