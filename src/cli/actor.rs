//! `actor`: who can own cases; beside a running server or on its directory.

use std::io::Write as _;

use axum::http::Method;
use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Client;
use super::directory::OpenArgs;
use super::failure::Failure;

/// Says who can own cases, and who takes over from one who leaves.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow actor set u-17 --on-shift --department billing\n  careflow actor deactivate u-17 --successor u-3\n  careflow actor list"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Adds a person or service, or changes it; what is not given stays.
    Set {
        #[command(flatten)]
        open: OpenArgs,
        /// The person or service.
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        /// Work may be given to it now.
        #[arg(long, conflicts_with = "off_shift")]
        on_shift: bool,
        /// No work may be given to it now.
        #[arg(long)]
        off_shift: bool,
        /// Its department.
        #[arg(long, value_name = "NAME")]
        department: Option<String>,
        /// The person that it works for.
        #[arg(long, value_name = "ID")]
        manager: Option<String>,
    },
    /// Deactivates a person: open cases go back to their queues, first ownership to the successor.
    Deactivate {
        #[command(flatten)]
        open: OpenArgs,
        /// The person.
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        /// Who becomes first owner of the open cases: a supervisor.
        #[arg(long, value_name = "ID")]
        successor: String,
    },
    /// Lists everybody known, as JSON Lines.
    List {
        #[command(flatten)]
        open: OpenArgs,
    },
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(self) -> Result<(), Failure> {
        let (open, change) = match self.command {
            Command::Set { open, id, on_shift, off_shift, department, manager } => {
                let shift = (on_shift || off_shift).then_some(on_shift);
                (open, Change::Set { id, shift, told: [("department", department), ("manager", manager)] })
            }
            Command::Deactivate { open, id, successor } => (open, Change::Deactivate { id, successor }),
            Command::List { open } => (open, Change::None),
        };
        let mut client = Client::reach(&open.existing()?).await?;
        let answer = change.make(&mut client).await;
        // The engine is stopped cleanly even where it refused.
        client.leave().await?;
        let mut out = std::io::stdout().lock();
        for actor in answer? {
            writeln!(out, "{actor}")?;
        }
        Ok(())
    }
}

enum Change {
    Set { id: String, shift: Option<bool>, told: [(&'static str, Option<String>); 2] },
    Deactivate { id: String, successor: String },
    None,
}

impl Change {
    /// Makes it, and answers the actors to show.
    async fn make(self, client: &mut Client) -> Result<Vec<Value>, Failure> {
        let all = client.ask(Method::GET, "/v1/actors", None).await?.body["actors"].take();
        let all = if let Value::Array(all) = all { all } else { Vec::new() };
        let known = |id: &str| all.iter().find(|actor| actor["id"] == id);
        let (id, body) = match self {
            Self::None => return Ok(all),
            Self::Set { id, shift, told } => {
                let before = known(&id);
                let was = before.and_then(|actor| actor["on_shift"].as_bool()).unwrap_or(false);
                let mut body = json!({ "active": true, "on_shift": shift.unwrap_or(was) });
                for (member, value) in told {
                    let value = value.map(Value::String);
                    let value = value.or_else(|| before.map(|actor| actor[member].clone()));
                    if let Some(value) = value.filter(|value| !value.is_null()) {
                        body[member] = value;
                    }
                }
                (id, body)
            }
            Self::Deactivate { id, successor } => {
                if known(&id).is_none() {
                    return Err(Failure::Refused(format!("there is no actor `{id}`")));
                }
                (id, json!({ "active": false, "on_shift": false, "successor": successor }))
            }
        };
        Ok(vec![client.ask(Method::PUT, &format!("/v1/actors/{id}"), Some(&body)).await?.body])
    }
}

/// An id that stands in a path as it is.
fn id(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err("an id is made of letters, digits and -_.~:@".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_would_change_the_path_is_refused() {
        assert_eq!(id("u-17@front"), Ok("u-17@front".into()));
        for text in ["", "a/b", "a?b", "a b", "张三"] {
            assert!(id(text).is_err(), "{text}");
        }
    }
}
