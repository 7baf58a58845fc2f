//! careflow runs customer-service procedures as durable, typed state machines.

pub mod kernel;
#[path = "../workflows/mod.rs"]
pub mod workflows;
