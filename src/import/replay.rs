//! Owns the replay: each row in time order becomes the events of its rule.

use std::collections::HashMap;
use std::sync::Arc;

use super::log::{Log, Row};
use super::mapping::{Alternative, Flow, Loaded, Rule, Send, is_within};
use super::report::{AlternativeCount, Refused, Report, RuleCount};
use super::template::Values;
use super::timeline::{Sent, Timeline, refusal};
use super::{ImportError, Progress};
use crate::engine::{Accepted, Target};
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::effect::Effect;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// A day.
const DAY_MS: i64 = 86_400_000;

/// One import on its way.
pub struct Replay<'a> {
    loaded: &'a Loaded,
    /// What the mapping says of cases, and of the children that they start: by level.
    pub(super) flows: Vec<Flow<'a>>,
    log: &'a Log,
    pub(super) line: &'a Timeline,
    wall: Instant,
    pub(super) cases: HashMap<Name<'a>, Case<'a>>,
    /// Cases in the order of their first rows.
    pub(super) order: Vec<Name<'a>>,
    pub(super) report: Report,
}

/// What a case is called: its level and its name in the log.
pub(super) type Name<'a> = (usize, &'a str);

/// What is known of a case of the log.
#[derive(Default)]
pub(super) struct Case<'a> {
    /// Its instance; absent until it is started.
    id: Option<InstanceId>,
    /// Where its start was refused: the line, and why.
    refused_start: Option<(u64, String)>,
    /// Its row before.
    pub(super) last: Option<&'a Row>,
    /// Why its last row was refused, where it was.
    pub(super) refused: Option<String>,
}

/// What became of a row.
enum Taken {
    /// Everything of alternative `.0` was accepted.
    Accepted(usize),
    /// Alternative `.0` says that nothing is sent.
    Skipped(usize),
    /// Something was refused.
    Refused(Box<Refused>),
}

impl<'a> Replay<'a> {
    /// A replay of `log` on `line`; rows after `wall`, the moment now by the real clock, are refused.
    pub fn new(loaded: &'a Loaded, log: &'a Log, line: &'a Timeline, wall: Instant) -> Self {
        let flows = loaded.mapping.flows();
        let report = Report {
            batch: line.batch.clone(),
            workflow: loaded.mapping.workflow.clone(),
            rules: flows.iter().flat_map(|flow| flow.rows).map(RuleCount::of).collect(),
            moved: log.moved.clone(),
            read: log.read,
            rows: (log.rows.len() + log.unreadable.len()) as u64,
            from: log.first().unwrap_or_default(),
            ..Report::default()
        };
        Self { loaded, flows, log, line, wall, cases: HashMap::new(), order: Vec::new(), report }
    }

    /// Replays every row, then lets timers fire up to the mapping's last moment.
    ///
    /// # Errors
    /// [`ImportError`]; a row that is refused is none.
    pub async fn run(mut self, progress: Progress<'_>) -> Result<Report, ImportError> {
        let began = self.line.engine.position();
        for unreadable in &self.log.unreadable {
            self.report.refused.push(Refused {
                line: unreadable.line,
                case: unreadable.case.clone(),
                code: unreadable.code.to_owned(),
                reason: unreadable.reason.clone(),
                ..Refused::default()
            });
        }
        let of = self.log.rows.len() as u64;
        for (done, row) in (0..).zip(&self.log.rows) {
            progress(done, of);
            self.row(row).await?;
        }
        let last = self.log.rows.iter().rfind(|row| row.at <= self.wall);
        let last = last.map_or(self.report.from, |row| row.at);
        let run_on = i64::from(self.loaded.mapping.run_on_days) * DAY_MS;
        let end = last.plus_millis(run_on).min(self.wall);
        self.line.advance(end.max(self.line.engine.now())).await?;
        self.report.until = self.line.engine.now();
        progress(of, of);
        self.report.refused.sort_by_key(|refused| refused.line);
        self.tally(began).await?;
        self.report.kpis = self.kpis()?;
        self.stand().await?;
        Ok(self.report)
    }

    async fn row(&mut self, row: &'a Row) -> Result<(), ImportError> {
        if row.at > self.wall {
            let reason = format!("{} is after now, {}", row.at, self.wall);
            self.refuse(row, self.plain(row, "future", reason));
            return Ok(());
        }
        self.line.advance(row.at).await?;
        let rules = self.flows[row.level].rows;
        let rule = rules.iter().position(|rule| self.fits(rule, row));
        let taken = match self.started(row).await? {
            Some(refused) => Taken::Refused(refused),
            None => match rule {
                Some(rule) => self.take(row, &rules[rule]).await?,
                None => {
                    let reason = "no rule of the mapping is for this row".to_owned();
                    Taken::Refused(Box::new(self.plain(row, "no_rule", reason)))
                }
            },
        };
        let above: usize = self.flows[..row.level].iter().map(|flow| flow.rows.len()).sum();
        let counted = rule.map(|rule| &mut self.report.rules[above + rule]);
        let case = self.cases.entry(row.name()).or_default();
        case.last = Some(row);
        case.refused = None;
        let won = match taken {
            Taken::Accepted(won) => {
                self.report.accepted += 1;
                Some(won)
            }
            Taken::Skipped(won) => {
                self.report.skipped += 1;
                Some(won)
            }
            Taken::Refused(mut refused) => {
                if let Some(rule) = rule.filter(|_| refused.rule.is_empty()) {
                    refused.rule.clone_from(&rules[rule].name);
                }
                case.refused = Some(if refused.event.is_empty() {
                    refused.code.clone()
                } else {
                    format!("{} ({})", refused.event, refused.code)
                });
                self.report.refused.push(*refused);
                None
            }
        };
        if let Some(count) = counted {
            count.rows += 1;
            if let Some(won) = won {
                count.alternatives[won].rows += 1;
            }
        }
        Ok(())
    }

    /// Notes a row that never came so far as to be sent.
    fn refuse(&mut self, row: &'a Row, refused: Refused) {
        if !self.cases.contains_key(&row.name()) {
            self.order.push(row.name());
        }
        let case = self.cases.entry(row.name()).or_default();
        case.last = Some(row);
        case.refused = Some(refused.code.clone());
        self.report.refused.push(refused);
    }

    fn plain(&self, row: &Row, code: &str, reason: String) -> Refused {
        Refused {
            line: row.line,
            case: row.case.clone(),
            code: code.to_owned(),
            reason,
            ..Refused::default()
        }
    }

    fn fits(&self, rule: &Rule, row: &Row) -> bool {
        let value = |column: &str, row: &Row| self.values(row).column(column).to_owned();
        let before = self.cases.get(&row.name()).and_then(|case| case.last);
        let changed =
            |column: &String| before.is_none_or(|before| value(column, before) != value(column, row));
        let number = |column: &str, row: &Row| value(column, row).trim().parse::<i64>().ok();
        let increased = |column: &String| {
            before.is_some_and(|before| match (number(column, before), number(column, row)) {
                (Some(before), Some(now)) => now > before,
                (Some(_) | None, _) => false,
            })
        };
        self.values(row).has(&rule.when)
            && rule.at.as_ref().is_none_or(|at| *at == row.column)
            && rule.first.is_none_or(|first| first == before.is_none())
            && (rule.changed.is_empty() || rule.changed.iter().any(changed))
            && (rule.increased.is_empty() || rule.increased.iter().any(increased))
    }

    pub(super) fn values<'v>(&'v self, row: &'v Row) -> Values<'v> {
        Values {
            columns: &self.log.columns,
            record: &row.record,
            loaded: self.loaded,
            case: &row.case,
            line: row.line,
            at: row.at,
        }
    }

    /// Starts the case of a first row; answers why it has none.
    async fn started(&mut self, row: &'a Row) -> Result<Option<Box<Refused>>, ImportError> {
        if let Some(case) = self.cases.get(&row.name()) {
            return Ok(case.refused_start.as_ref().map(|(line, reason)| {
                let reason = format!("its case was not started on line {line}: {reason}");
                Box::new(self.plain(row, "case_not_started", reason))
            }));
        }
        self.order.push(row.name());
        self.cases.insert(row.name(), Case::default());
        let refused = match self.parentless(row) {
            None => self.send_all(row, "start", self.flows[row.level].start, 0).await?,
            refused => refused,
        };
        let case = self.cases.entry(row.name()).or_default();
        // A case that somebody else starts is counted among the children.
        self.report.cases += u64::from(case.id.is_some() && row.level == 0);
        if let Some(refused) = refused.as_ref().filter(|_| case.id.is_none()) {
            case.refused_start = Some((row.line, refused.reason.clone()));
        }
        Ok(refused)
    }

    /// Why nobody can start the case of a child's row.
    fn parentless(&self, row: &Row) -> Option<Box<Refused>> {
        let parent = row.parent.as_deref()?;
        if self.cases.get(&(0, parent)).is_some_and(|parent| parent.id.is_some()) {
            return None;
        }
        let reason = format!("`{parent}`, which starts its case, was not started");
        Some(Box::new(self.plain(row, "no_parent", reason)))
    }

    /// Tries the alternatives of the row's rule.
    async fn take(&mut self, row: &'a Row, rule: &'a Rule) -> Result<Taken, ImportError> {
        let state = self.state(row)?.unwrap_or_default();
        let mut refused = None;
        for (number, alternative) in rule.alternatives.iter().enumerate() {
            if !alternative.within.is_empty() && !is_within(&state, &alternative.within) {
                continue;
            }
            if alternative.skip.is_some() {
                return Ok(Taken::Skipped(number));
            }
            match self.send_all(row, &rule.name, &alternative.send, number + 1).await? {
                None => return Ok(Taken::Accepted(number)),
                // What was accepted stands, so nothing else may be tried on top of it.
                Some(other) if !other.after.is_empty() => return Ok(Taken::Refused(other)),
                Some(other) => refused = Some(other),
            }
        }
        Ok(Taken::Refused(refused.unwrap_or_else(|| {
            let reason = format!("no alternative of rule `{}` is for `{state}`", rule.name);
            let plain = self.plain(row, "no_alternative", reason);
            Box::new(Refused { rule: rule.name.clone(), state, ..plain })
        })))
    }

    fn state(&self, row: &Row) -> Result<Option<String>, ImportError> {
        Ok(self.instance(row.name())?.map(|instance| instance.state.clone()))
    }

    pub(super) fn instance(&self, name: Name<'_>) -> Result<Option<Arc<Instance>>, ImportError> {
        let Some(id) = self.cases.get(&name).and_then(|case| case.id.as_ref()) else { return Ok(None) };
        Ok(self.line.engine.instance(id)?.0)
    }

    /// Sends events one after the other until one is refused.
    async fn send_all(
        &mut self,
        row: &'a Row,
        rule: &str,
        sends: &[Send],
        alternative: usize,
    ) -> Result<Option<Box<Refused>>, ImportError> {
        let mut after = Vec::new();
        for (number, send) in sends.iter().enumerate() {
            let target = self.target(row);
            let values = self.values(row);
            let key = format!("import:{}:{}:{alternative}:{number}", self.line.batch, row.line);
            let main = row.column == self.loaded.mapping.time.column;
            let sent = Sent {
                target,
                event: &send.event,
                payload: values.payload(&send.payload),
                actor: actor(values.text(&send.actor), send.role),
                key: if main { key } else { format!("{key}:{}", row.column) },
            };
            match self.line.send(sent).await {
                Ok(accepted) => {
                    *self.report.events.entry(send.event.clone()).or_default() += 1;
                    after.push(send.event.clone());
                    if let Some(reason) = self.begun(row, &accepted) {
                        let plain = self.plain(row, "no_child", reason);
                        let (rule, event) = (rule.to_owned(), send.event.clone());
                        return Ok(Some(Box::new(Refused { rule, event, after, ..plain })));
                    }
                }
                Err(error) => {
                    let at = ImportError::at(format!("line {}, event `{}`", row.line, send.event));
                    let (code, reason) = refusal(error).map_err(at)?;
                    return Ok(Some(Box::new(Refused {
                        line: row.line,
                        case: row.case.clone(),
                        rule: rule.to_owned(),
                        event: send.event.clone(),
                        after,
                        state: self.state(row)?.unwrap_or_default(),
                        code,
                        reason,
                    })));
                }
            }
        }
        Ok(None)
    }

    /// Where a row's next event goes: to its case, to whatever starts that, or nowhere yet.
    fn target(&self, row: &Row) -> Target {
        let id = |name: Name<'_>| self.cases.get(&name).and_then(|case| case.id.clone());
        let parent = || id((0, row.parent.as_deref()?));
        let id = id(row.name()).or_else(parent);
        id.map_or_else(|| Target::Start(self.flows[row.level].workflow.to_owned()), Target::Instance)
    }

    /// Keeps which instance the first event of a case made; answers why there is none.
    fn begun(&mut self, row: &'a Row, accepted: &Accepted) -> Option<String> {
        let workflow = self.flows[row.level].workflow;
        let case = self.cases.entry(row.name()).or_default();
        if case.id.is_some() {
            return None;
        }
        let child = |effect: &Effect| {
            let Effect::Spawn(spawn) = effect else { return None };
            spawn.child.clone().filter(|_| spawn.workflow == workflow)
        };
        case.id = if row.level == 0 {
            Some(accepted.entry.instance.clone())
        } else {
            accepted.entry.effects.iter().find_map(child)
        };
        case.id.is_none().then(|| format!("`{}` started no `{workflow}`", accepted.entry.event))
    }
}

impl Row {
    /// What its case is called.
    pub(super) fn name(&self) -> Name<'_> {
        (self.level, &self.case)
    }
}

/// Programs send in the roles of programs; people in all others.
fn actor(id: String, role: Role) -> Actor {
    match role {
        Role::System => Actor::system(),
        Role::Gateway => Actor { id, kind: ActorKind::Service, role, on_behalf_of: None },
        Role::Customer
        | Role::Agent
        | Role::SeniorAgent
        | Role::Supervisor
        | Role::DeptHandler
        | Role::DeptManager
        | Role::QaInspector
        | Role::TrainingAdmin
        | Role::Trainer
        | Role::Trainee
        | Role::ProcessOwner
        | Role::Auditor
        | Role::PrivacyOfficer
        | Role::Administrator => Actor::person(id, role),
    }
}

impl RuleCount {
    fn of(rule: &Rule) -> Self {
        let alternatives = rule.alternatives.iter().map(AlternativeCount::of).collect();
        Self { rule: rule.name.clone(), rows: 0, alternatives }
    }
}

impl AlternativeCount {
    fn of(alternative: &Alternative) -> Self {
        let sent: Vec<&str> = alternative.send.iter().map(|send| send.event.as_str()).collect();
        let said = match &alternative.skip {
            Some(reason) => format!("skipped: {reason}"),
            None => sent.join(", then "),
        };
        let within = &alternative.within;
        let place = if within.is_empty() { String::new() } else { format!(" (in {})", within.join(", ")) };
        Self { alternative: said + &place, rows: 0 }
    }
}
