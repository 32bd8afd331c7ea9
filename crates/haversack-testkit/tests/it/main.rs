//! The public interface, one module per concept.

mod flight;
mod redirect;
mod request;
mod shop;
mod time;
