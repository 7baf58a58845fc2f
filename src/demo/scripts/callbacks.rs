//! Owns how callbacks of the demo go: who is reached at which attempt, what customers say, and what is decided.
//!
//! Callbacks are planned by the cases of the demo themselves. People take them up as they come due.

use std::collections::VecDeque;

use serde_json::json;

use crate::chance::Chance;
use crate::demo::people::{self, AGENTS, OTHER_SUPERVISOR, SUPERVISOR};
use crate::demo::story::{HOUR_MS, MINUTE_MS, Story, Teller, of_days};
use crate::kernel::calendar::{Hours, Windows};
use crate::kernel::instant::Instant;

/// The flow.
pub(in crate::demo) const CALLBACK: &str = "callback";
/// A call that nobody answered in time is returned.
const MISSED_CALL: &str = "missed_call";
/// When customers are called: policy's shipped value.
const WINDOWS: [&str; 2] = ["09:00-12:00", "14:00-20:00"];

/// Callbacks that agents plan to ask how things are: the day from now on which they may begin, and what comes
/// of the attempts.
pub(in crate::demo) const PERIODIC: &[(i64, &[Try])] = &[
    (-22, &[Try::Speaks]),
    (-15, &[]),
    (-9, &[Try::Busy, Try::Speaks]),
    (-8, &[Try::OptsOut]),
    (-6, &[]),
    (-3, &[Try::NoAnswer, Try::Speaks]),
    (-2, &[Try::Appoints, Try::Speaks]),
    (-1, &[Try::Grumbles]),
    (-1, &[]),
    (2, &[]),
    (4, &[]),
    (12, &[]),
];

/// What comes of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::demo) enum Try {
    /// The line is busy.
    Busy,
    /// Nobody is there.
    NoAnswer,
    /// Somebody else is.
    WrongNumber,
    /// The customer hangs up.
    Rejected,
    /// Connected, and the customer is not satisfied; nobody has decided what to do.
    Grumbles,
    /// Connected, and the customer speaks.
    Speaks,
    /// Connected, and the line drops.
    Drops,
    /// Connected, and the customer wants another time.
    Appoints,
    /// Connected, and the customer wants no more calls.
    OptsOut,
}

impl Try {
    const fn outcome(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::WrongNumber => "wrong_number",
            Self::Rejected => "rejected",
            Self::Grumbles | Self::Speaks | Self::Drops | Self::Appoints | Self::OptsOut => "connected",
        }
    }
}

/// A callback as it will go.
pub(in crate::demo) struct Call {
    /// Why the customer is called.
    kind: String,
    /// What comes of the attempts that are left, in order; nobody calls once there is none.
    tries: VecDeque<Try>,
    /// Whether the customer answers the questionnaire.
    answers_form: bool,
    /// Whether a low score waits for a supervisor.
    waits: bool,
    /// The case that it is about.
    pub source: Option<usize>,
}

impl Call {
    /// How a callback of `kind` will go.
    pub(in crate::demo) fn of(kind: &str, source: Option<usize>, chance: &mut Chance) -> Self {
        use Try::{Appoints, Busy, Drops, NoAnswer, OptsOut, Rejected, Speaks, WrongNumber};
        let never = [NoAnswer, Busy, NoAnswer];
        let unreached = kind == "confirm_resolution" && chance.percent(35);
        let (tries, answers_form): (&[Try], bool) = match chance.below(100) {
            _ if unreached => (&never, false),
            0..5 => (&[], false),
            5..45 => (&[Speaks], false),
            45..57 => (&[Busy, Speaks], false),
            57..70 => (&[NoAnswer, Speaks], false),
            70..76 => (&[NoAnswer, NoAnswer, Speaks], false),
            76..81 => (&never, false),
            81..85 => (&never, true),
            85..88 => (&[Rejected], false),
            88..91 => (&[OptsOut], false),
            91..95 => (&[Appoints, Speaks], false),
            95..98 => (&[Drops, Speaks], false),
            _ => (&[WrongNumber, Speaks], true),
        };
        let tries = tries.iter().copied().collect();
        Self { kind: kind.to_owned(), tries, answers_form, waits: false, source }
    }

    /// A callback of `kind` about no case, with these attempts.
    pub(in crate::demo) fn that_goes(kind: &str, tries: &[Try]) -> Self {
        let tries: VecDeque<Try> = tries.iter().copied().collect();
        let waits = tries.contains(&Try::Grumbles);
        Self { kind: kind.to_owned(), tries, answers_form: false, waits, source: None }
    }

    /// It waits to be taken up; `appointed` where the customer expects it now.
    pub(in crate::demo) fn queued(&mut self, story: &mut Story, teller: &mut Teller<'_>, appointed: bool) {
        let Some(next) = self.tries.pop_front() else { return };
        let minutes = |from, to, teller: &mut Teller<'_>| {
            i64::try_from(teller.chance.between(from, to)).unwrap_or(1) * MINUTE_MS
        };
        if appointed {
            story.at = story.at.plus_millis(minutes(5, 25, teller));
        } else if self.kind == MISSED_CALL {
            story.at = teller.calendar.after(story.at, minutes(2, 50, teller));
        } else {
            // Some wait for a day: there are better things to do than to ask.
            let longest = if teller.chance.percent(25) { 1_800 } else { 200 };
            story.at = story.at.plus_millis(minutes(3, longest, teller));
            story.at = within_windows(story.at, teller);
        }
        let case = story.case;
        story.step("claim", story.agent(), json!({}));
        story.only_if(case, "open.queued");
        let seconds = story.seconds(teller, 20, 150);
        let result = json!({ "outcome": next.outcome(), "channel": "phone", "seconds": seconds });
        story.step("attempt_result", story.agent(), result);
        story.only_if(case, "open.attempting.contacting");
        if next.outcome() == "connected" {
            story.seconds(teller, 60, 700);
            self.spoken(next, story, teller);
            story.only_if(case, "open.connected");
        }
    }

    fn spoken(&self, what: Try, story: &mut Story, teller: &mut Teller<'_>) {
        match what {
            Try::Drops => story.step("release", story.agent(), json!({})),
            Try::OptsOut => story.step("opt_out", story.agent(), json!({ "scope": "survey" })),
            Try::Grumbles => {
                let word = json!({ "score": 2, "resolved": true, "comment": "价格偏高 / too expensive" });
                story.step("record", story.agent(), word);
            }
            Try::Appoints => {
                let next = teller.calendar.next_open(story.at.plus_millis(of_days(3)));
                let at = next.plus_millis(i64::try_from(teller.chance.between(1, 11)).unwrap_or(1) * HOUR_MS);
                story.step("schedule", story.agent(), json!({ "at": at, "by": "customer" }));
            }
            _ => self.record(story, teller),
        }
    }

    fn record(&self, story: &mut Story, teller: &mut Teller<'_>) {
        let score = *teller.chance.pick(&[5, 5, 5, 5, 4, 4, 4, 3, 2, 1]);
        let resolved = match score {
            1 => teller.chance.percent(30),
            2 => teller.chance.percent(60),
            _ => true,
        };
        let payload = if self.kind == MISSED_CALL {
            json!({ "resolved": teller.chance.percent(70) })
        } else if score < 3 {
            json!({ "score": score, "resolved": resolved, "comment": "等了太久，没有人跟进 / nobody came back to me" })
        } else if score < 5 {
            json!({ "score": score, "resolved": resolved, "suggestions": ["希望能在线查进度 / let us see the progress"] })
        } else {
            json!({ "score": score, "resolved": resolved })
        };
        story.step("record", story.agent(), payload);
    }

    /// The customer has the questionnaire.
    pub(in crate::demo) fn asked_in_writing(&self, story: &mut Story, teller: &mut Teller<'_>) {
        if !self.answers_form {
            return;
        }
        story.at = story.at.plus_millis(i64::try_from(teller.chance.between(2, 30)).unwrap_or(2) * HOUR_MS);
        let score = *teller.chance.pick(&[5, 4, 4, 3]);
        story.step("record", story.customer(), json!({ "score": score, "resolved": true }));
        story.only_if(story.case, "open.fallback");
    }

    /// The customer is not satisfied; `reopens` where the case that it is about can be reopened.
    pub(in crate::demo) fn unsatisfied(&self, story: &mut Story, teller: &mut Teller<'_>, reopens: bool) {
        if self.waits {
            return;
        }
        let decision = match teller.chance.below(10) {
            0..4 if reopens => "reopen_source",
            0..6 => "new_complaint",
            6 | 7 => "improvement",
            8 => "explain",
            // Nobody decides: after a day it becomes a complaint by itself, or is taken up as an improvement.
            _ => return,
        };
        story.work(teller, 30, 300);
        let payload = json!({ "decision": decision, "note": "已与客户沟通 / spoken to the customer" });
        let who = *teller.chance.pick(&[SUPERVISOR, OTHER_SUPERVISOR]);
        story.step("dispose", people::staff(who), payload);
        story.only_if(story.case, "open.reviewing");
        if let Some(source) = self.source.filter(|_| decision == "reopen_source") {
            story.only_if(source, "settled.");
        }
    }
}

/// An agent plans to ask how things are, from `from` on.
pub(in crate::demo) fn periodic(story: &mut Story, teller: &mut Teller<'_>, from: Instant) {
    story.agent = *teller.chance.pick(&AGENTS);
    let payload = json!({
        "type": "periodic", "customer_id": story.customer, "channel_pref": ["phone", "email"],
        "window_from": from, "script_id": "periodic", "language": "zh-CN",
    });
    story.start(CALLBACK, "plan", story.agent(), payload);
}

/// `at`, or some minutes into the next contact window.
fn within_windows(at: Instant, teller: &mut Teller<'_>) -> Instant {
    let hours: Vec<Hours> = WINDOWS.iter().filter_map(|text| Hours::parse(text).ok()).collect();
    let next = Windows::new(teller.calendar, &hours, teller.calendar.zone()).next(at);
    let into = i64::try_from(teller.chance.between(1, 55)).unwrap_or(1) * MINUTE_MS;
    if next > at { next.plus_millis(into) } else { at }
}
