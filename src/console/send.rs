//! Sending events: a form made from the event's schema, a preview of exactly what will happen, and then the event.
//!
//! The same way starts a case. Nothing is sent before it was previewed; what was typed travels with the
//! preview, so that all of it works without JavaScript. A form carries an idempotency key and the
//! sequence it was made for: sent twice it counts once, and what happened meanwhile is told.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde_json::Value;

use super::form::{Fields, Posted};
use super::input::{self, MORE, Maker};
use super::page;
use super::shell::{Part, Shell, Visitor};
use super::sign::to;
use super::told::{Fact, Teller, Told};
use super::words::refusals;
use crate::api::error::{ApiError, Code, Problem};
use crate::api::instances::{addressable, readable};
use crate::engine::{Command, CommandError, Target};
use crate::kernel::definition::Definition;
use crate::kernel::instance::Instance;
use crate::random;

/// What the form should do: `preview` (the default), `send`, `edit`.
const DO: &str = "_do";
/// The idempotency key.
const KEY: &str = "_key";
/// The sequence that the form was made for.
const SEQ: &str = "_seq";
/// Random bytes of a key.
const KEY_BYTES: usize = 16;

/// A flow that can be started.
struct Startable {
    name: String,
    title: String,
    about: &'static str,
}

#[derive(Template)]
#[template(path = "start.html", config = "src/console/askama.toml")]
struct StartPage {
    shell: Shell,
    flows: Vec<Startable>,
}

#[derive(Template)]
#[template(path = "send.html", config = "src/console/askama.toml")]
struct SendPage {
    shell: Shell,
    heading: String,
    about: &'static str,
    /// The case that it is for.
    case: Option<(String, String)>,
    /// Where the form goes.
    action: String,
    inputs: String,
    /// What is wrong with no field's name on it.
    errors: Vec<String>,
    key: String,
    seq: Option<u64>,
    preview: Option<PreviewPart>,
}

/// What would happen.
struct PreviewPart {
    /// The sentence that says the most of it.
    summary: String,
    entries: Vec<Told>,
    said: Vec<Fact>,
    /// What was typed, for the form that confirms.
    hidden: Vec<(String, String)>,
}

/// What a form is for.
struct Asked {
    target: Target,
    event: String,
    title: String,
    about: &'static str,
    schema: Value,
    definition: std::sync::Arc<Definition>,
    instance: Option<std::sync::Arc<Instance>>,
    action: String,
}

/// Lists the flows that the reader may start.
///
/// # Errors
/// None but what every page has.
pub async fn startable(visitor: Visitor) -> Result<Response, ApiError> {
    let lang = visitor.lang;
    let flow = |flow: &std::sync::Arc<dyn crate::kernel::machine::Workflow>| {
        let definition = visitor.engine.definition(flow.name())?;
        let allowed = visitor.caller.roles().iter().any(|role| definition.allows(flow.start_event(), *role));
        let spec = flow.events().iter().find(|spec| spec.name == flow.start_event())?;
        allowed.then(|| Startable {
            name: flow.name().to_owned(),
            title: lang.of(&definition.title).to_owned(),
            about: lang.t(spec.doc.trim(), ""),
        })
    };
    let flows = visitor.engine.workflows().iter().filter_map(flow).collect();
    page::page(&StartPage { shell: visitor.shell(Part::Work, lang.t("New case", "新建个案")), flows })
}

/// The form that starts a case.
///
/// # Errors
/// `unknown_workflow`, `role_not_allowed`.
pub async fn start_form(visitor: Visitor, Path(workflow): Path<String>) -> Result<Response, ApiError> {
    let asked = start(&visitor, &workflow)?;
    fresh(&visitor, &asked).await
}

/// Previews or starts a case.
///
/// # Errors
/// As [`start_form`], and what the engine itself fails with.
pub async fn start_post(Path(workflow): Path<String>, posted: Posted) -> Result<Response, ApiError> {
    let Posted { visitor, fields } = posted;
    let asked = start(&visitor, &workflow)?;
    run(&visitor, &asked, &fields).await
}

/// The form that sends an event.
///
/// # Errors
/// `unknown_instance`, `unknown_event`, `role_not_allowed`.
pub async fn event_form(
    visitor: Visitor,
    Path((id, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let asked = event_of(&visitor, &id, &event)?;
    fresh(&visitor, &asked).await
}

/// Previews or sends an event.
///
/// # Errors
/// As [`event_form`], and what the engine itself fails with.
pub async fn event_post(
    Path((id, event)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, ApiError> {
    let Posted { visitor, fields } = posted;
    let asked = event_of(&visitor, &id, &event)?;
    run(&visitor, &asked, &fields).await
}

fn start(visitor: &Visitor, workflow: &str) -> Result<Asked, ApiError> {
    let engine = &visitor.engine;
    let flow = crate::api::workflows::flow(engine, workflow)?;
    let undefined =
        || ApiError::new(Code::UnknownWorkflow, format!("`{workflow}` has no definition in force"));
    let definition = engine.definition(workflow).ok_or_else(undefined)?;
    let event = flow.start_event();
    let spec = flow.events().iter().find(|spec| spec.name == event).ok_or_else(undefined)?;
    let asked = Asked {
        target: Target::Start(workflow.to_owned()),
        event: event.to_owned(),
        title: format!("{}: {}", visitor.lang.t("New case", "新建个案"), visitor.lang.of(&definition.title)),
        about: spec.doc.trim(),
        schema: (spec.schema)(),
        definition,
        instance: None,
        action: format!("/start/{workflow}"),
    };
    asked.check_role(visitor)?;
    Ok(asked)
}

fn event_of(visitor: &Visitor, id: &str, event: &str) -> Result<Asked, ApiError> {
    let engine = &visitor.engine;
    let (instance, _) = addressable(engine, &visitor.caller, id)?;
    let flow = crate::api::workflows::flow(engine, &instance.workflow)?;
    let events = flow.events();
    let Some(spec) = events.iter().find(|spec| spec.name == event) else {
        let detail = format!("`{}` has no event `{event}`", instance.workflow);
        return Err(ApiError::new(Code::UnknownEvent, detail).accepting(engine.accepted_events(&instance)));
    };
    let undefined = || ApiError::new(Code::Internal, "what the instance is pinned to is not published");
    let definition = engine.pinned(&instance).ok_or_else(undefined)?;
    let title = definition.events.get(event);
    let asked = Asked {
        target: Target::Instance(instance.id.clone()),
        event: event.to_owned(),
        title: title.map_or_else(|| event.to_owned(), |title| visitor.lang.of(title).to_owned()),
        about: spec.doc.trim(),
        schema: (spec.schema)(),
        definition,
        action: format!("/cases/{}/send/{event}", instance.id),
        instance: Some(instance),
    };
    asked.check_role(visitor)?;
    Ok(asked)
}

impl Asked {
    fn check_role(&self, visitor: &Visitor) -> Result<(), ApiError> {
        if visitor.caller.roles().iter().any(|role| self.definition.allows(&self.event, *role)) {
            return Ok(());
        }
        let allowed = self.definition.allowed(&self.event).iter().map(|role| role.name());
        let detail = format!("`{}` is not for the roles of `{}`", self.event, visitor.caller.id());
        Err(ApiError::new(Code::RoleNotAllowed, detail).accepting(allowed))
    }

    fn command(&self, visitor: &Visitor, fields: &Fields, key: Option<String>) -> Command {
        Command {
            target: self.target.clone(),
            event: self.event.clone(),
            payload: input::read(&self.schema, fields, visitor.zone),
            actor: visitor.caller.sender(Some(&self.definition), &self.event),
            occurred_at: None,
            key,
            if_match: fields.text(SEQ).and_then(|text| text.parse().ok()),
            request_id: Some(visitor.caller.request_id().to_owned()),
            origin: None,
        }
    }

    fn has_fields(&self) -> bool {
        self.schema["properties"].as_object().is_some_and(|members| !members.is_empty())
    }

    /// Whether the reader may see the case that the event is for: a trainee signs up for classes unseen.
    fn is_readable(&self, visitor: &Visitor) -> bool {
        self.instance
            .as_ref()
            .is_none_or(|case| readable(&visitor.engine, &visitor.caller, case.id.as_str()).is_ok())
    }

    /// The page with the form as it was filled, what is wrong with it, and what would happen.
    fn page(&self, visitor: &Visitor, fields: &Fields, told: Answered) -> Result<Response, ApiError> {
        let Answered { problem, preview } = told;
        let lang = visitor.lang;
        let faults = problem.as_ref().map(|problem| problem.faults.clone()).unwrap_or_default();
        let inputs = Maker { fields, faults: &faults, lang }.payload(&self.schema);
        let mut errors: Vec<String> = Vec::new();
        if let Some(problem) = &problem {
            if faults.is_empty() {
                errors.push(refusals::told(&problem.code, &problem.detail, lang));
            }
            let elsewhere = input::elsewhere(&inputs, &faults);
            errors.extend(elsewhere.iter().map(|fault| format!("{}: {}", fault.path, fault.message)));
            if !faults.is_empty() && errors.is_empty() {
                errors.push(lang.t("Some fields need another look.", "有些内容需要修改。").to_owned());
            }
        }
        let case = self.instance.as_ref().map(|case| {
            let state = self.definition.states.get(&case.state);
            let state = state.map_or(case.state.as_str(), |title| lang.of(title));
            (case.id.to_string(), format!("{} · {state}", lang.of(&self.definition.title)))
        });
        let shown = SendPage {
            shell: visitor.shell(Part::Work, self.title.clone()),
            heading: self.title.clone(),
            about: lang.t(self.about, ""),
            case,
            action: self.action.clone(),
            inputs: input::rendered(&inputs, lang)?,
            errors,
            key: fields.text(KEY).map_or_else(|| random::hex_of(KEY_BYTES), str::to_owned),
            seq: self.instance.as_ref().map(|case| case.seq),
            preview,
        };
        page::page(&shown)
    }

    /// What the command would do, for the page.
    fn preview(&self, visitor: &Visitor, fields: &Fields) -> Result<PreviewPart, CommandError> {
        let command = self.command(visitor, fields, None);
        let preview = visitor.engine.preview(&command)?;
        let teller = Teller { engine: &visitor.engine, lang: visitor.lang, zone: visitor.zone };
        // Who may not read the case only learns that it takes the event, as who sends it does.
        let shown = if self.is_readable(visitor) { preview.entries.as_slice() } else { &[] };
        let entries: Vec<Told> = shown.iter().map(|entry| teller.entry(entry)).collect();
        let said = teller.facts(&Value::Object(command.payload));
        let hidden = fields.0.iter().filter(|(name, _)| name.starts_with(input::ROOT)).cloned().collect();
        Ok(PreviewPart { summary: summary(visitor, &entries), entries, said, hidden })
    }
}

/// What became of a form.
#[derive(Default)]
struct Answered {
    problem: Option<Problem>,
    preview: Option<PreviewPart>,
}

impl Answered {
    fn wrong(error: CommandError) -> Self {
        Self { problem: Some(ApiError::from(error).into_problem()), preview: None }
    }
}

/// A form that nobody has filled yet; an event that says nothing more is previewed at once.
async fn fresh(visitor: &Visitor, asked: &Asked) -> Result<Response, ApiError> {
    let fields = Fields::default();
    if asked.has_fields() {
        return asked.page(visitor, &fields, Answered::default());
    }
    let told = match asked.preview(visitor, &fields) {
        Ok(preview) => Answered { preview: Some(preview), problem: None },
        Err(error) => Answered::wrong(error),
    };
    asked.page(visitor, &fields, told)
}

async fn run(visitor: &Visitor, asked: &Asked, fields: &Fields) -> Result<Response, ApiError> {
    let doing = fields.text(DO).unwrap_or("preview");
    if fields.get(MORE).is_some() || doing == "edit" {
        return asked.page(visitor, fields, Answered::default());
    }
    if doing != "send" {
        let told = match asked.preview(visitor, fields) {
            Ok(preview) => Answered { preview: Some(preview), problem: None },
            Err(error) => wrong(visitor, error),
        };
        return asked.page(visitor, fields, told);
    }
    let key = fields.text(KEY).map(str::to_owned);
    match visitor.engine.submit(asked.command(visitor, fields, key)).await {
        Ok(accepted) => {
            let title = &asked.title;
            visitor.good(visitor.lang.t(&format!("Done: {title}"), &format!("已完成：{title}")));
            let readable =
                readable(&visitor.engine, &visitor.caller, accepted.entry.instance.as_str()).is_ok();
            Ok(if readable { to(&format!("/cases/{}", accepted.entry.instance)) } else { to("/") })
        }
        Err(error) => asked.page(visitor, fields, wrong(visitor, error)),
    }
}

/// What is wrong, in words that say what to do where the case moved on meanwhile.
fn wrong(visitor: &Visitor, error: CommandError) -> Answered {
    let stale = matches!(error, CommandError::Stale { .. });
    let mut told = Answered::wrong(error);
    if let Some(problem) = told.problem.as_mut().filter(|_| stale) {
        let en = "The case has changed meanwhile. What you typed is kept: look at the preview again.";
        let zh = "个案在此期间已有变化。您填写的内容已保留，请重新预览。";
        visitor.lang.t(en, zh).clone_into(&mut problem.detail);
    }
    told
}

/// The sentence that says the most: where the case goes, and what else begins.
fn summary(visitor: &Visitor, entries: &[Told]) -> String {
    let lang = visitor.lang;
    let Some(first) = entries.first() else {
        return lang.t("It will be accepted, as things are now.", "按目前情况将被接受。").to_owned();
    };
    let last = entries.iter().rev().find(|told| told.instance == first.instance && told.moved.is_some());
    let mut parts = Vec::new();
    match last.and_then(|told| told.moved.as_ref()) {
        Some((_, after)) => parts.push(
            lang.t(&format!("The case will be in “{after}”"), &format!("个案将进入“{after}”")).to_owned(),
        ),
        None => parts.push(lang.t("The case stays in its state", "个案状态不变").to_owned()),
    }
    let others = entries.iter().filter(|told| told.instance == first.instance).flat_map(|told| &told.lines);
    parts.extend(others.filter(|line| line.starts).map(|line| line.text.clone()));
    let joined = parts.join(lang.t("; ", "；"));
    format!("{joined}{}", lang.t(".", "。"))
}
