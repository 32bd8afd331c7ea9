//! The layer and the extractor as a service uses them, driven by a browser.

mod caching;
mod csrf;
mod fleet;
mod header;
mod hostile;
mod keys;
mod misuse;
mod revoke;
mod sessions;
mod shop;
mod telemetry;
mod writes;
