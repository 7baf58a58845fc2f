//! careflow runs an organisation's customer-service procedures as durable, typed state machines.
//!
//! # From above
//! A command comes in over HTTP or the control socket ([`api`]), is checked against its
//! event's schema, and waits for the only writer ([`engine`]). The writer asks the
//! workflow's machine ([`workflows`], run by [`kernel::step`]) what the event does, writes the
//! answer as an entry to the journal ([`journal`]), syncs, publishes it to the index
//! ([`index`]), and only then answers. A timer that comes due, an event from another
//! instance, the start of a child and an administrator's hand take the same way.
//!
//! # Code map
//! | module | owns |
//! |---|---|
//! | [`kernel`] | what things mean: pure functions, no clock, no I/O, no randomness |
//! | [`workflows`] | the flows: each a machine in code beside its definition in YAML |
//! | [`definition`] | reading and checking definition files, all errors at once |
//! | [`journal`] | the truth: an append-only sequence of commits |
//! | [`index`] | what is derived from it: current instances, timers, lists |
//! | [`engine`] | the only writer, and what reads the published state |
//! | [`api`] | the REST API, a file per resource |
//! | [`console`] | the pages that people work in, made on the server |
//! | [`metrics`] | counters and histograms, and the list of everything that is measured |
//! | [`import`] | other systems' ticket logs, replayed through the same step |
//! | [`cli`] | the commands, a file each |
//! | [`chance`] | draws that follow from a seed: for the demo, for `torture`, for tests |
//! | [`app`] | the composition: the only place that chooses a journal and an index |
//!
//! Dependencies point one way: `kernel` ← `definition` ← `engine` ← `api`, `import`, `cli`; `api` ← `console`;
//! `kernel` ← `journal`, `index` ← `engine`; `workflows` sees only `kernel`.
//!
//! # Invariants
//! 1. The kernel reads no clock, does no I/O and uses no randomness: same input, same output,
//!    byte for byte.
//! 2. The engine is the only writer; people, timers, schedules, children and administrators go
//!    through the same step.
//! 3. State, history, timers and effects of one commit stand together or not at all.
//! 4. Loading an instance is not a transition: it runs no action and has no effect.
//! 5. An answer leaves only after everything it saw or did is on stable storage and published.
//! 6. A read that follows an acknowledged write sees it, lists too.
//! 7. Recovery applies recorded outcomes and never runs workflow code; a binary that cannot
//!    continue a stored instance refuses to start and says which.
//! 8. Everything durable is an entry: instances, and also definitions, calendars, tokens, people
//!    and schedules. What is no entry (the ring of refused events) is disposable.
//! 9. Every queue, page, payload, retry, commit and batch has a named limit with a reason.

pub mod api;
pub mod app;
pub mod chance;
pub mod cli;
pub mod config;
pub mod console;
pub mod definition;
pub mod demo;
pub mod engine;
pub mod import;
pub mod index;
pub mod journal;
pub mod kernel;
pub mod metrics;
pub mod random;
pub mod rejected;
#[cfg(test)]
mod seeded;
pub mod time;

#[path = "../workflows/mod.rs"]
pub mod workflows;
