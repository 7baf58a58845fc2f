//! Owns who calls: tokens made through the running server, one administrator's by the command line.

use serde_json::{Value, json};

use crate::Outcome;
use crate::client::{Client, Head};
use crate::server::{self, Paths};

/// Agents that share the work; each client is one of them.
pub const AGENTS: usize = 50;

/// Tokens.
#[derive(Clone, Debug)]
pub struct People {
    /// Of the gateway that takes the customers' messages.
    pub gateway: String,
    /// Of the agents.
    pub agents: Vec<String>,
    /// Of an auditor, who reads everything.
    pub auditor: String,
}

impl People {
    /// Makes tokens at the server that runs on `paths` and listens on `address`.
    pub async fn of(paths: Paths<'_>, address: &str) -> Outcome<Self> {
        let made =
            server::command(&["token", "create", "--role", "administrator", "--actor", "load"], paths)?;
        let root = made.out.trim();
        let mut client = Client::to(address).await?;
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            agents.push(token(&mut client, root, &agent(number), "person", "agent").await?);
        }
        Ok(Self {
            gateway: token(&mut client, root, "gateway", "service", "gateway").await?,
            auditor: token(&mut client, root, "auditor", "person", "auditor").await?,
            agents,
        })
    }
}

/// The id of an agent.
pub fn agent(number: usize) -> String {
    format!("agent-{}", number % AGENTS)
}

async fn token(client: &mut Client, root: &str, actor: &str, kind: &str, role: &str) -> Outcome<String> {
    let body = json!({ "actor": actor, "kind": kind, "roles": [role] }).to_string();
    let path = "/v1/tokens";
    let reply = client.post(Head { path, token: root, key: "" }, body.into()).await?;
    reply.expect(201, path)?;
    let made: Value = serde_json::from_slice(&reply.body)?;
    Ok(made["secret"].as_str().ok_or("a new token has no secret")?.to_owned())
}
