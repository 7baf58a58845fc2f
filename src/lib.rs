//! careflow runs customer-service procedures as durable, typed state machines.

pub mod index;
pub mod kernel;
pub mod random;
pub mod time;
