//! The public interface, one module per concept.

mod fleet;
mod flight;
mod redirect;
mod request;
mod shop;
mod time;
