//! How parcels travel: header bytes in, header lines out. Sees names and sealed text, never
//! plaintext or keys.

mod carrier;
pub(crate) mod cookie;
pub(crate) mod header;

pub(crate) use self::carrier::{Carrier, Found};
pub use self::carrier::{Layout, Transport};
pub use self::cookie::{CookieSpec, SameSite};
pub use self::header::HeaderSpec;
