//! Owns the replay: each row in time order becomes the events of its rule.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::kpis::KpiNumber;
use super::log::{Log, Row};
use super::mapping::{Alternative, Expect, Loaded, Rule, Send, is_within};
use super::report::{AlternativeCount, Exception, Expected, Refused, Report, RuleCount};
use super::template::Values;
use super::timeline::{Sent, Timeline, refusal};
use super::{ImportError, Progress};
use crate::engine::{Recorded, Target};
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::common::Stage;
use crate::kernel::entry::Cause;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::{DELIVERY_REFUSED, Instance, LINK_REFUSED, STEP_FAILED};
use crate::kernel::instant::Instant;
use crate::kernel::kpi::fold::Fold;
use crate::kernel::kpi::measure::{Frame, Retargets, measures};
use crate::kernel::outcome::TIMER_FIRED;
use crate::kernel::step::stage_of;

/// Entries read at a time for the report.
const FEED_PAGE: usize = 1_000;
/// Entries of one case looked at to say what moved it: no case of a log has nearly as many.
const HISTORY_MAX: usize = 100_000;
/// A day.
const DAY_MS: i64 = 86_400_000;

/// One import on its way.
pub struct Replay<'a> {
    loaded: &'a Loaded,
    log: &'a Log,
    line: &'a Timeline,
    wall: Instant,
    cases: HashMap<&'a str, Case<'a>>,
    /// Cases in the order of their first rows.
    order: Vec<&'a str>,
    report: Report,
}

/// What is known of a case of the log.
#[derive(Default)]
struct Case<'a> {
    /// Its instance; absent until it is started.
    id: Option<InstanceId>,
    /// Where its start was refused: the line, and why.
    refused_start: Option<(u64, String)>,
    /// Its row before.
    last: Option<&'a Row>,
    /// Why its last row was refused, where it was.
    refused: Option<String>,
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
        let mapping = &loaded.mapping;
        let report = Report {
            batch: line.batch.clone(),
            workflow: mapping.workflow.clone(),
            rules: mapping.rows.iter().map(RuleCount::of).collect(),
            moved: log.moved.clone(),
            rows: (log.rows.len() + log.unreadable.len()) as u64,
            from: log.first().unwrap_or_default(),
            ..Report::default()
        };
        Self { loaded, log, line, wall, cases: HashMap::new(), order: Vec::new(), report }
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
        let rule = self.loaded.mapping.rows.iter().position(|rule| self.fits(rule, row));
        let taken = match self.started(row).await? {
            Some(refused) => Taken::Refused(refused),
            None => match rule {
                Some(rule) => self.take(row, &self.loaded.mapping.rows[rule]).await?,
                None => {
                    let reason = "no rule of the mapping is for this row".to_owned();
                    Taken::Refused(Box::new(self.plain(row, "no_rule", reason)))
                }
            },
        };
        let counted = rule.map(|rule| &mut self.report.rules[rule]);
        let case = self.cases.entry(&row.case).or_default();
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
            Taken::Refused(refused) => {
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
        if !self.cases.contains_key(row.case.as_str()) {
            self.order.push(&row.case);
        }
        let case = self.cases.entry(&row.case).or_default();
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
        let before = self.cases.get(row.case.as_str()).and_then(|case| case.last);
        let changed =
            |column: &String| before.is_none_or(|before| value(column, before) != value(column, row));
        let number = |column: &str, row: &Row| value(column, row).trim().parse::<i64>().ok();
        let increased = |column: &String| {
            before.is_some_and(|before| match (number(column, before), number(column, row)) {
                (Some(before), Some(now)) => now > before,
                (Some(_) | None, _) => false,
            })
        };
        has(&rule.when, &self.values(row))
            && rule.at.as_ref().is_none_or(|at| *at == row.column)
            && rule.first.is_none_or(|first| first == before.is_none())
            && (rule.changed.is_empty() || rule.changed.iter().any(changed))
            && (rule.increased.is_empty() || rule.increased.iter().any(increased))
    }

    fn values<'v>(&'v self, row: &'v Row) -> Values<'v> {
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
        let Some(case) = self.cases.get(row.case.as_str()) else {
            self.order.push(&row.case);
            self.cases.insert(&row.case, Case::default());
            let sends = &self.loaded.mapping.start;
            let refused = self.send_all(row, "start", sends, 0).await?;
            let case = self.cases.entry(&row.case).or_default();
            match refused {
                None => self.report.cases += 1,
                Some(refused) if case.id.is_some() => {
                    self.report.cases += 1;
                    return Ok(Some(refused));
                }
                Some(refused) => {
                    case.refused_start = Some((row.line, refused.reason.clone()));
                    return Ok(Some(refused));
                }
            }
            return Ok(None);
        };
        Ok(case.refused_start.as_ref().map(|(line, reason)| {
            let reason = format!("its case was not started on line {line}: {reason}");
            Box::new(self.plain(row, "case_not_started", reason))
        }))
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
        Ok(self.instance(&row.case)?.map(|instance| instance.state.clone()))
    }

    fn instance(&self, case: &str) -> Result<Option<std::sync::Arc<Instance>>, ImportError> {
        let Some(id) = self.cases.get(case).and_then(|case| case.id.as_ref()) else { return Ok(None) };
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
            let id = self.cases.get(row.case.as_str()).and_then(|case| case.id.clone());
            let target =
                id.map_or_else(|| Target::Start(self.loaded.mapping.workflow.clone()), Target::Instance);
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
                    let case = self.cases.entry(&row.case).or_default();
                    case.id.get_or_insert_with(|| accepted.entry.instance.clone());
                    after.push(send.event.clone());
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

    /// The KPIs of the import's whole span, looked at from its end.
    fn kpis(&self) -> Result<Vec<KpiNumber>, ImportError> {
        let (from, now) = (self.report.from, self.report.until);
        let workflow = self.report.workflow.as_str();
        let zone = self.line.engine.zone(workflow).unwrap_or(chrono_tz::Tz::UTC);
        let frame = Frame { from, until: now.plus_millis(1), now, retargets: Retargets::Counted, zone };
        let mut fold = Fold::new(&measures(workflow), frame, None);
        self.line.engine.kpis(&[workflow], (frame.from, frame.until), &mut |record| fold.take(record))?;
        Ok(fold.finish().iter().map(KpiNumber::of).collect())
    }

    /// Counts what the engine itself wrote.
    async fn tally(&mut self, began: u64) -> Result<(), ImportError> {
        let end = self.line.engine.position();
        let mut after = began;
        while after < end {
            let (found, last) = self.line.engine.changes(after, FEED_PAGE, Duration::ZERO).await?;
            found.iter().for_each(|recorded| self.count(recorded));
            if last <= after {
                break;
            }
            after = last;
        }
        Ok(())
    }

    fn count(&mut self, recorded: &Recorded) {
        let entry = &recorded.entry;
        let report = &mut self.report;
        match &entry.cause {
            Some(Cause::Timer { timer, .. }) if entry.event == TIMER_FIRED => {
                *report.timers.entry(timer.clone()).or_default() += 1;
            }
            Some(Cause::Timer { timer, .. }) if entry.event == "timer_lapsed" => {
                *report.lapsed.entry(timer.clone()).or_default() += 1;
            }
            Some(Cause::Parent { .. }) if entry.seq == 1 => report.children += 1,
            Some(_) | None
                if [DELIVERY_REFUSED, LINK_REFUSED, STEP_FAILED].contains(&entry.event.as_str()) =>
            {
                *report.undelivered.entry(entry.event.clone()).or_default() += 1;
            }
            Some(_) | None => {}
        }
    }

    /// Where every case stands, against what its last row says.
    async fn stand(&mut self) -> Result<(), ImportError> {
        for ((_, state), count) in self.line.engine.census() {
            if stage_of(&state) != Stage::Final {
                self.report.unfinished += count;
            }
            *self.report.states.entry(state).or_default() += count;
        }
        let mut expected = Expected::default();
        let mut classes: BTreeMap<(String, String, String, Option<String>), Vec<String>> = BTreeMap::new();
        for name in std::mem::take(&mut self.order) {
            let Some(case) = self.cases.get(name) else { continue };
            let Some(expect) = case.last.and_then(|last| self.expectation(last)) else {
                expected.unsaid += 1;
                continue;
            };
            expected.cases += 1;
            let instance = self.instance(name)?;
            let state = instance.as_ref().map_or("not started", |instance| &instance.state);
            if is_within(state, &expect.states) {
                expected.matched += 1;
                continue;
            }
            let cause = match &instance {
                Some(instance) => self.cause(instance).await?,
                None => "its refused start".to_owned(),
            };
            let class = (expect.name.clone(), state.to_owned(), cause, case.refused.clone());
            classes.entry(class).or_default().push(name.to_owned());
        }
        expected.exceptions = classes
            .into_iter()
            .map(|((expected, state, cause, refused), cases)| Exception {
                expected,
                state,
                cause,
                refused,
                cases,
            })
            .collect();
        expected.exceptions.sort_by_key(|exception| std::cmp::Reverse(exception.cases.len()));
        self.report.expected = expected;
        Ok(())
    }

    fn expectation(&self, last: &Row) -> Option<&'a Expect> {
        let expect = &self.loaded.mapping.expect;
        expect.iter().find(|expect| has(&expect.when, &self.values(last)))
    }

    /// What moved a case since a row last did: its own timers, in order; that row's event where none did.
    async fn cause(&self, instance: &Instance) -> Result<String, ImportError> {
        let history = self.line.engine.history(instance, 0, HISTORY_MAX).await?;
        let moves =
            history.iter().filter(|recorded| recorded.entry.from.as_deref() != Some(&recorded.entry.to));
        let moves: Vec<&Recorded> = moves.collect();
        let by_rows = moves.iter().rposition(|recorded| recorded.entry.cause.is_none());
        let later = by_rows.map_or(&moves[..], |last| &moves[last + 1..]);
        let shown = if later.is_empty() { &moves[moves.len().saturating_sub(1)..] } else { later };
        Ok(shown.iter().map(|recorded| named(recorded)).collect::<Vec<_>>().join(", then "))
    }
}

/// Whether the row has, in every column named, one of the values.
fn has(when: &BTreeMap<String, Vec<String>>, values: &Values<'_>) -> bool {
    when.iter().all(|(column, accepted)| accepted.iter().any(|value| value == values.column(column)))
}

/// The number of the transition and what made it: `rule 14 (timer INFO_EXPIRE)`.
fn named(recorded: &Recorded) -> String {
    let entry = &recorded.entry;
    let rule = entry.rule.as_deref().unwrap_or("without number");
    match &entry.cause {
        Some(Cause::Timer { timer, .. }) => format!("rule {rule} (timer {timer})"),
        Some(Cause::Send { .. } | Cause::Parent { .. } | Cause::Follow { .. } | Cause::Operator { .. })
        | None => {
            format!("rule {rule} (`{}`)", entry.event)
        }
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
