//! Owns what is done to plans, classes, enrolments and what comes of them, beside what samples say.

use careflow::kernel::actor::Role;
use careflow::kernel::id::InstanceId;
use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use serde_json::{Value, json};

use super::acts::Act;
use super::begun::items;
use super::year::Organisation;

const HOUR_MS: i64 = 3_600_000;
/// How much earlier than its start people sign in to a sitting.
const EARLY_MS: i64 = 15 * 60_000;

impl Organisation {
    /// What training asks for beside the sample; whether it makes sense.
    pub fn of_school(&mut self, act: &mut Act, instance: &Instance) -> bool {
        let data = &instance.data;
        let now = self.now();
        let put = |act: &mut Act, name: &str, value: Value| act.payload.insert(name.to_owned(), value);
        match (instance.workflow.as_str(), act.event.as_str()) {
            ("training_plan", "edit_items" | "amend") => {
                let year = data["year"].as_i64().and_then(|year| i32::try_from(year).ok()).unwrap_or(2025);
                let months = u32::try_from(self.chance.between(8, 12)).unwrap();
                put(act, "items", json!(items(year, months)));
                if act.event == "amend" {
                    return self.chance.percent(25);
                }
            }
            ("training_session", "schedule") => {
                let sittings = self.sittings(now);
                put(act, "sittings", json!(sittings));
            }
            ("training_session", "publish_notice") => {
                // A class that nobody is in is not told of yet, mostly.
                let empty = data["enrolments"].as_object().is_none_or(serde_json::Map::is_empty);
                if empty && self.chance.percent(80) {
                    return false;
                }
                if self.chance.percent(70) {
                    act.payload.remove("urgent_by");
                }
            }
            ("training_session", "start_sitting" | "end_sitting") => {
                let next = data["sittings"].as_array().into_iter().flatten().find(|it| it["held"].is_null());
                let Some(next) = next else { return false };
                put(act, "sitting_no", next["no"].clone());
            }
            ("training_enrollment", "check_in" | "check_out") => {
                let Some(no) = self.sitting_now(data, now) else { return false };
                put(act, "sitting_no", no);
                put(act, "at", json!(now));
            }
            ("training_enrollment", "start_attempt") => {
                put(act, "n", data["attempts"].clone());
            }
            ("training_enrollment", "grade" | "regrade") => {
                put(act, "score", json!(self.chance.between(55, 100)));
            }
            ("training_enrollment", "schedule_retake") => {
                let days = u32::try_from(self.chance.between(3, 9)).unwrap();
                let day = self.calendar.working_day(now, days);
                put(act, "at", json!(self.calendar.open_of(day).plus_millis(HOUR_MS)));
            }
            ("training_enrollment", "withdraw") => {
                let why = self.chance.pick(&["left", "transferred"]);
                put(act, "reason", json!(why));
            }
            ("effect_review", "record_l3" | "record_l4") => {
                let tenths = |chance: u64| format!("{}.{}", chance / 10, chance % 10);
                put(act, "before", json!(tenths(self.chance.between(300, 900))));
                put(act, "after", json!(tenths(self.chance.between(300, 900))));
            }
            ("consequence", "decide") => {
                let hr = self.people.handle(Role::TrainingAdmin, &mut self.chance);
                put(act, "co_decider", hr);
            }
            _ => {}
        }
        true
    }

    /// One or two sittings, some working days ahead.
    fn sittings(&mut self, now: Instant) -> Vec<Value> {
        let ahead = u32::try_from(self.chance.between(5, 14)).unwrap();
        let count = u32::try_from(self.chance.between(1, 2)).unwrap();
        let hour = i64::try_from(self.chance.between(0, 7)).unwrap();
        let sitting = |no: u32| {
            let day = self.calendar.working_day(now, ahead + no);
            let start = self.calendar.open_of(day).plus_millis(hour * HOUR_MS);
            json!({
                "no": no, "start": start, "end": start.plus_millis(2 * HOUR_MS), "place": "A301",
                "mandatory": no == 1,
            })
        };
        (1..=count).map(sitting).collect()
    }

    /// The number of the sitting of an enrolment's class that people sign in to at `now`.
    fn sitting_now(&self, enrolment: &Value, now: Instant) -> Option<Value> {
        let class = self.class_of(enrolment)?;
        let moment = |sitting: &Value, name: &str| Instant::parse(sitting[name].as_str()?).ok();
        let sittings = class.data["sittings"].as_array()?;
        let open = sittings.iter().find(|sitting| {
            let begins = moment(sitting, "start").is_some_and(|at| at.plus_millis(-EARLY_MS) <= now);
            begins && moment(sitting, "end").is_some_and(|at| now < at)
        });
        open.map(|sitting| sitting["no"].clone())
    }

    /// The class of an enrolment.
    pub fn class_of(&self, enrolment: &Value) -> Option<std::sync::Arc<Instance>> {
        let id = InstanceId::parse(enrolment["session"].as_str()?).ok()?;
        self.engine.instance(&id).unwrap().0
    }
}
