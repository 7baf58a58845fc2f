//! careflow runs customer-service procedures as durable, typed state machines.

pub mod api;
pub mod engine;
pub mod index;
pub mod journal;
pub mod kernel;
pub mod random;
pub mod time;
