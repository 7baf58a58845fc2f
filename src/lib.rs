//! careflow runs customer-service procedures as durable, typed state machines.

pub mod app;
pub mod cli;
pub mod config;
pub mod definition;
pub mod engine;
pub mod index;
pub mod journal;
pub mod kernel;
pub mod random;
pub mod time;

#[path = "../workflows/mod.rs"]
pub mod workflows;
