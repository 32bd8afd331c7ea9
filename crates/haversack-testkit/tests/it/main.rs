//! The public interface, one module per concept.

#[cfg(feature = "engine")]
mod engine;
mod fleet;
mod flight;
mod redirect;
mod request;
mod shop;
mod time;
