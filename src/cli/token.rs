//! `token`: who may call; beside a running server or on its directory.

use std::io::Write as _;

use axum::http::Method;
use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Client;
use super::directory::OpenArgs;
use super::failure::Failure;
use crate::kernel::actor::Role;
use crate::kernel::id::InstanceId;

/// Path of the tokens in the API.
const PATH: &str = "/v1/tokens";

/// Makes, lists and revokes tokens; through the running server where there is one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow token create --role agent --actor u-17\n  careflow token create --role gateway --actor call-centre --service\n  careflow token list\n  careflow token revoke 3fa2-7f3k2m9qx4tbz8wd"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a token and prints it, alone, on standard output; it is told this once.
    Create {
        #[command(flatten)]
        open: OpenArgs,
        /// A role it may act in; may be given several times, the first is used where nothing else decides.
        #[arg(long = "role", required = true, value_name = "ROLE", value_parser = Role::parse)]
        roles: Vec<Role>,
        /// Id of the person or service it speaks for [default: the first role's name].
        #[arg(long, value_name = "ID")]
        actor: Option<String>,
        /// It is for another system, not for a person.
        #[arg(long)]
        service: bool,
        /// Answer as JSON, with the token's id.
        #[arg(long)]
        json: bool,
    },
    /// Lists the tokens; their secrets are not stored.
    List {
        #[command(flatten)]
        open: OpenArgs,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revokes a token; from then on it opens nothing.
    Revoke {
        #[command(flatten)]
        open: OpenArgs,
        /// The token's id, as `token list` shows it.
        #[arg(value_name = "ID", value_parser = InstanceId::parse)]
        id: InstanceId,
    },
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Create { open, roles, actor, service, json } => {
                let actor = actor.unwrap_or_else(|| roles[0].name().to_owned());
                let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
                let kind = if service { "service" } else { "person" };
                let body = json!({ "actor": actor, "kind": kind, "roles": roles });
                let made = ask(&open, Method::POST, PATH, Some(&body)).await?;
                let mut out = std::io::stdout().lock();
                if json {
                    writeln!(out, "{made}")?;
                } else {
                    writeln!(out, "{}", text(&made, "secret"))?;
                }
                Ok(())
            }
            Command::List { open, json } => {
                let tokens = ask(&open, Method::GET, PATH, None).await?;
                if json {
                    return Ok(writeln!(std::io::stdout().lock(), "{tokens}")?);
                }
                list(&tokens)
            }
            Command::Revoke { open, id } => {
                ask(&open, Method::DELETE, &format!("{PATH}/{id}"), None).await?;
                eprintln!("revoked `{id}`");
                Ok(())
            }
        }
    }
}

async fn ask(open: &OpenArgs, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
    let mut client = Client::reach(&open.existing()?).await?;
    let answer = client.ask(method, path, body).await;
    // The engine is stopped cleanly even where it refused.
    client.leave().await?;
    Ok(answer?.body)
}

fn list(tokens: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for token in tokens["tokens"].as_array().into_iter().flatten() {
        let roles = token["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let roles = roles.collect::<Vec<_>>().join(",");
        let state = if token["revoked"] == true { "revoked" } else { "active" };
        let (id, actor) = (text(token, "id"), text(token, "actor"));
        let (kind, created) = (text(token, "kind"), text(token, "created"));
        writeln!(out, "{id}  {state:<7}  {kind:<7}  {created}  {actor}  {roles}")?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}
