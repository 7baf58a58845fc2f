//! Owns how a customer is reached: contact windows, attempts, appointments, and the questionnaire.
//!
//! # Why
//! Times that a callback chooses lie in a window of the customer's zone on a working day; a time
//! that the customer has chosen goes before that. What was measured against no window is a
//! missed call: it may be returned whenever the organisation is open.

use std::collections::BTreeSet;

use serde_json::json;

use super::event::{AttemptResult, ContactFixed, Schedule};
use super::measure::{Attempt, Kind, Reached};
use super::{APPOINTMENT, APPOINTMENT_MISSED, Callback, Cx, EXPIRE, RETRY_AT};
use crate::kernel::actor::Role;
use crate::kernel::calendar::{Windows, parse_zone};
use crate::kernel::case::{Channel, Handle, Owner};
use crate::kernel::span::Span;
use crate::workflows::row::{Pass, ahead, by_staff, guard, input};
use crate::workflows::spans::seconds;

/// Channels that a questionnaire goes by, best first where the customer likes none of them better.
const WRITTEN: [Channel; 4] = [Channel::Sms, Channel::Email, Channel::Wecom, Channel::Wechat];

/// Attempts that are kept, the newest; the history holds them all. A customer can appoint a call again and again.
const ATTEMPTS_KEPT: usize = 50;

/// When the customer may be called.
impl Callback {
    fn windows<'c>(&self, cx: &Cx<'c>) -> Windows<'c> {
        let zone = parse_zone(&self.zone).unwrap_or_else(|_| cx.calendar.zone());
        Windows::new(cx.calendar, &cx.policy.windows, zone)
    }

    /// Whether now is the time that the customer wants.
    fn is_appointed(&self, cx: &Cx<'_>) -> bool {
        let tolerance = millis(cx.policy.appointment_tolerance);
        self.appointment_at.is_some_and(|at| cx.now.since(at).abs() <= tolerance)
    }

    /// Row 4.
    pub(super) fn claim(&mut self, cx: &mut Cx<'_>) -> Pass {
        let windows = self.windows(cx);
        let returned = self.kind == Kind::MissedCall && cx.calendar.is_open(cx.now);
        if !(windows.is_open(cx.now) || self.is_appointed(cx) || returned) {
            let next = windows.next(cx.now);
            let reason = format!(
                "the customer in {} is not to be disturbed now; accepted is from {next} on",
                self.zone
            );
            return Err(guard("outside_contact_window", reason));
        }
        let sender = Handle::from(cx.actor);
        self.case.first_owner.get_or_insert_with(|| sender.clone());
        self.case.owner = Owner::Person(sender.clone());
        self.locked_by = Some(sender);
        Ok(())
    }

    /// Whether the sender has taken it up.
    ///
    /// # Errors
    /// `not_claimed`; `locked`.
    pub(super) fn held(&self, cx: &Cx<'_>) -> Pass {
        match &self.locked_by {
            Some(holder) if holder.id == cx.actor.id => Ok(()),
            Some(holder) => {
                let reason = format!("`{}` has taken it up; accepted is the same person", holder.id);
                Err(guard("locked", reason))
            }
            None => Err(guard("not_claimed", "nobody has taken it up; accepted is `claim` first")),
        }
    }

    /// Row 11.
    pub(super) fn put_down(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.held(cx)?;
        self.lock_over(cx)
    }

    /// Row 11a: nobody called, so an appointment can still be missed.
    pub(super) fn lock_over(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.arm_appointment_missed(cx);
        Ok(())
    }
}

/// Attempts.
impl Callback {
    /// Row 9, and what every attempt leaves behind.
    pub(super) fn attempted(&mut self, result: &AttemptResult, cx: &mut Cx<'_>) -> Pass {
        if by_staff(cx) {
            self.held(cx)?;
        }
        self.attempts += 1;
        self.attempt_log.push(Attempt { at: cx.now, channel: result.channel, outcome: result.outcome });
        if self.attempt_log.len() > ATTEMPTS_KEPT {
            self.attempt_log.remove(0);
        }
        if self.survey_contact.is_some() {
            self.survey_contact = Some(cx.now);
        }
        Ok(())
    }

    /// Row 5: what was appointed is kept.
    pub(super) fn connect(&mut self, result: &AttemptResult, cx: &mut Cx<'_>) -> Pass {
        self.appointment_at = None;
        self.attempted(result, cx)
    }

    /// Row 6.
    pub(super) fn busy(&mut self, result: &AttemptResult, cx: &mut Cx<'_>) -> Pass {
        self.attempted(result, cx)?;
        self.call_dropped(cx)
    }

    /// Row 7: first a little later, then on the other half-day, and the last on another day where all were on
    /// too few.
    pub(super) fn not_there(&mut self, result: &AttemptResult, cx: &mut Cx<'_>) -> Pass {
        self.attempted(result, cx)?;
        let windows = self.windows(cx);
        let days: BTreeSet<_> = self.attempt_log.iter().map(|attempt| windows.date_at(attempt.at)).collect();
        let one_left = self.attempts + 1 == cx.policy.max_attempts;
        let at = if one_left && days.len() < cx.policy.min_days as usize {
            windows.next_day(cx.now)
        } else if self.attempts == 1 {
            windows.next(cx.calendar.due(cx.now, cx.policy.retry.no_answer))
        } else {
            windows.other_half(cx.now)
        };
        cx.arm(RETRY_AT, at);
        Ok(())
    }

    /// Rows 13a and 13c, and the end of row 6.
    pub(super) fn call_dropped(&mut self, cx: &mut Cx<'_>) -> Pass {
        let at = self.windows(cx).next(cx.calendar.due(cx.now, cx.policy.retry.busy));
        cx.arm(RETRY_AT, at);
        Ok(())
    }

    /// Row 13a.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.held(cx)?;
        self.call_dropped(cx)
    }

    /// Row 13b.
    pub(super) fn hang_up_last(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.held(cx)?;
        self.ask_in_writing(cx)
    }

    /// Row 10.
    pub(super) fn tried_enough(&mut self, result: &AttemptResult, cx: &mut Cx<'_>) -> Pass {
        self.attempted(result, cx)?;
        if matches!(result.outcome, Reached::WrongNumber | Reached::ChannelClosed) {
            self.mark_unusable(result);
        }
        self.ask_in_writing(cx)
    }

    /// Row 25.
    pub(super) fn expired(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.notify("role:supervisor", "callback_expired", json!({ "due_by": self.due_by }));
        Ok(())
    }
}

/// Contacts that cannot be used.
impl Callback {
    /// Whether there is a contact that `result` says nothing about.
    pub(super) fn reachable_otherwise(&self, result: &AttemptResult) -> bool {
        let lost = useless(result);
        self.channel_pref.iter().any(|channel| !self.unusable.contains(channel) && !lost.contains(channel))
    }

    fn mark_unusable(&mut self, result: &AttemptResult) {
        for channel in useless(result) {
            if !self.unusable.contains(channel) {
                self.unusable.push(*channel);
            }
        }
    }

    /// Row 8: a wrong number is to be put right in the customer's profile.
    pub(super) fn contact_useless(&mut self, result: &AttemptResult, cx: &mut Cx<'_>) -> Pass {
        self.attempted(result, cx)?;
        self.mark_unusable(result);
        if result.outcome == Reached::WrongNumber {
            ask_for_profile(cx);
        }
        Ok(())
    }

    /// Row 8a.
    pub(super) fn no_contact_left(&mut self, result: &AttemptResult, cx: &mut Cx<'_>) -> Pass {
        self.attempted(result, cx)?;
        self.mark_unusable(result);
        ask_for_profile(cx);
        self.ask_in_writing(cx)
    }

    /// Rows 22a and 22b.
    pub(super) fn contact_fixed(&mut self, fixed: &ContactFixed) -> Pass {
        if fixed.phone.is_none() && fixed.email.is_none() {
            return Err(input("contact_required", "`phone` or `email` is required"));
        }
        if let Some(phone) = &fixed.phone {
            self.phone = Some(phone.clone());
            self.usable_again(&[Channel::Phone, Channel::Sms]);
        }
        if let Some(email) = &fixed.email {
            self.email = Some(email.clone());
            self.usable_again(&[Channel::Email]);
        }
        Ok(())
    }

    /// The first of `channels` is a way to reach the customer from now on.
    fn usable_again(&mut self, channels: &[Channel]) {
        self.unusable.retain(|channel| !channels.contains(channel));
        let known = |channel: &&Channel| !self.channel_pref.contains(channel);
        if let Some(first) = channels.first().filter(known) {
            self.channel_pref.push(*first);
        }
    }
}

/// The channels that an attempt shows to be of no use: a number is that of calls and short messages.
fn useless(result: &AttemptResult) -> &[Channel] {
    match (result.outcome, result.channel) {
        (Reached::WrongNumber, Channel::Phone | Channel::Sms) => &[Channel::Phone, Channel::Sms],
        (_, _) => std::slice::from_ref(&result.channel),
    }
}

fn ask_for_profile(cx: &mut Cx<'_>) {
    let case_no = cx.id.to_string();
    cx.task("profile_contact", &case_no, None, Role::Agent);
}

/// The questionnaire.
impl Callback {
    /// Rows 13b and 13d, and the end of rows 8a and 10: sent in the next window.
    pub(super) fn ask_in_writing(&mut self, cx: &mut Cx<'_>) -> Pass {
        let usable = |channel: &&Channel| WRITTEN.contains(channel) && !self.unusable.contains(channel);
        let channel = self.channel_pref.iter().find(usable).or_else(|| WRITTEN.iter().find(usable)).copied();
        let at = self.windows(cx).next(cx.now);
        self.questionnaire_at = Some(at);
        let until = cx.calendar.due(at, cx.policy.satisfaction.link_ttl);
        let values = json!({
            "script_id": self.script_id, "language": self.language, "channel": channel,
            "not_before": at, "valid_until": until,
        });
        cx.notify("customer", "questionnaire", values);
        Ok(())
    }

    /// Row 22c.
    pub(super) fn ask_again_in_writing(&mut self, fixed: &ContactFixed, cx: &mut Cx<'_>) -> Pass {
        self.contact_fixed(fixed)?;
        self.ask_in_writing(cx)
    }
}

/// Appointments.
impl Callback {
    /// Row 13.
    pub(super) fn schedule(&mut self, wish: &Schedule, cx: &mut Cx<'_>) -> Pass {
        self.held(cx)?;
        ahead("at", wish.at, cx)?;
        self.appointment_at = Some(wish.at);
        self.due_by = self.due_by.max(cx.calendar.due(wish.at, cx.policy.appointment_due));
        Ok(())
    }

    pub(super) fn arm_appointment(&self, cx: &mut Cx<'_>) {
        if let Some(at) = self.appointment_at {
            cx.arm(APPOINTMENT, at.plus_millis(-millis(cx.policy.appointment_tolerance)));
        }
    }

    fn arm_appointment_missed(&self, cx: &mut Cx<'_>) {
        if let Some(at) = self.appointment_at {
            cx.arm(APPOINTMENT_MISSED, at.plus_millis(millis(cx.policy.appointment_tolerance)));
        }
    }

    /// Row 14: head of the line.
    pub(super) fn appointment_near(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.arm_appointment_missed(cx);
        cx.notify("owner", "appointment_near", json!({ "at": self.appointment_at }));
        Ok(())
    }

    /// Row 14a: from now on the contact windows count again.
    pub(super) fn appointment_missed(&mut self, cx: &mut Cx<'_>) -> Pass {
        let at = self.appointment_at.take();
        cx.notify("role:supervisor", "appointment_missed", json!({ "at": at }));
        Ok(())
    }
}

/// Timers that follow the calendar.
impl Callback {
    pub(super) fn arm_expire(&self, cx: &mut Cx<'_>) {
        let due = cx.calendar.due(self.due_by, cx.policy.grace);
        cx.arm(EXPIRE, due);
    }

    /// What is waited for is worked out anew, on the amended calendar (R4).
    pub(super) fn rearm(&self, cx: &mut Cx<'_>) {
        let due = cx.calendar.due(self.due_by, cx.policy.grace);
        let retry = cx.due_of(RETRY_AT).map(|at| self.windows(cx).next(at));
        for (timer, due) in [(EXPIRE, Some(due)), (RETRY_AT, retry)] {
            if let Some(due) = due.filter(|due| cx.due_of(timer).is_some_and(|armed| armed != *due)) {
                cx.arm(timer, due);
            }
        }
    }
}

/// `Policy::check` lets pass only spans that count time.
fn millis(span: Span) -> i64 {
    i64::from(seconds(span).unwrap_or(0)) * 1_000
}
