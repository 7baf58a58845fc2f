//! careflow runs customer-service procedures as durable, typed state machines.

pub mod definition;
pub mod kernel;
