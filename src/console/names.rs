//! Owns what the states, events and triggers of one flow are called, by one of its definitions.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lang::Lang;
use super::words;
use crate::engine::Engine;
use crate::kernel::definition::Definition;
use crate::kernel::explore::cover::cover;
use crate::kernel::sla::{POINT_TIMER, RESUME_TIMER};
use crate::kernel::table::SAME;

/// A span as definitions write it: `4 business hours`, `7 working days within 15 calendar days`.
pub fn span(text: &str, lang: Lang) -> String {
    if let Some((first, most)) = text.split_once(" within ") {
        let (first, most) = (span(first, lang), span(most, lang));
        return lang.t(&format!("{first} within {most}"), &format!("{first}，且不超过{most}")).to_owned();
    }
    let Some((number, unit)) = text.split_once(' ') else { return text.to_owned() };
    let chinese = match unit.trim_end_matches('s') {
        "second" => "秒",
        "minute" => "分钟",
        "hour" => "小时",
        "business minute" => "个工作分钟",
        "business hour" => "个工作小时",
        "working day" => "个工作日",
        "calendar day" => "个自然日",
        other => other,
    };
    lang.t(text, &format!("{number} {chinese}")).to_owned()
}

/// Somebody whom a clock tells: `owner`, `role:NAME`, or a name.
pub fn told(who: &str, lang: Lang) -> String {
    match (who, who.strip_prefix("role:")) {
        ("owner", _) => lang.t("owner", "负责人").to_owned(),
        (_, Some(role)) => words::role_named(role, lang),
        (other, None) => other.to_owned(),
    }
}

/// The names of one flow in one language.
pub struct Names {
    definition: Option<Arc<Definition>>,
    lang: Lang,
}

impl Names {
    /// Those of the flow `workflow`, by its definition in force.
    pub fn new(engine: &Engine, workflow: &str, lang: Lang) -> Self {
        Self::of(engine.definition(workflow), lang)
    }

    /// Those that `definition` gives; without one, names of code as words.
    pub const fn of(definition: Option<Arc<Definition>>, lang: Lang) -> Self {
        Self { definition, lang }
    }

    /// The flow, called `name` in code.
    pub fn flow(&self, name: &str) -> String {
        let title = self.definition.as_ref().map(|definition| self.lang.of(&definition.title));
        title.unwrap_or(name).to_owned()
    }

    /// A state or superstate by its path.
    pub fn state(&self, path: &str) -> String {
        let title = self.definition.as_ref().and_then(|definition| definition.states.get(path));
        title.map_or_else(|| words::sentence(path), |title| self.lang.of(title).to_owned())
    }

    /// What a transition leads to: a state, or that it is not left.
    pub fn target(&self, path: &str) -> String {
        if path == SAME { self.lang.t("stays", "不变").to_owned() } else { self.state(path) }
    }

    /// An event, or `timer NAME`.
    pub fn event(&self, name: &str) -> String {
        if let Some(timer) = name.strip_prefix("timer ") {
            return format!("{} {}", self.lang.t("timer", "定时"), self.timer(timer));
        }
        let title = self.definition.as_ref().and_then(|definition| definition.events.get(name));
        title.map_or_else(|| own(name, self.lang), |title| self.lang.of(title).to_owned())
    }

    /// A timer: that of a clock by the clock's title.
    pub fn timer(&self, name: &str) -> String {
        let clock = name.strip_prefix(POINT_TIMER).or_else(|| name.strip_prefix(RESUME_TIMER));
        let rule =
            self.definition.as_ref().zip(clock).and_then(|(definition, clock)| definition.clocks.get(clock));
        rule.map_or_else(|| name.to_owned(), |rule| self.lang.of(&rule.title).to_owned())
    }

    /// What moves a clock: an event, a signal, `enter STATE` or `leave STATE`.
    pub fn trigger(&self, text: &str) -> String {
        let moves = [("enter ", self.lang.t("entering", "进入")), ("leave ", self.lang.t("leaving", "离开"))];
        let found = moves.iter().find_map(|(prefix, word)| Some((word, text.strip_prefix(prefix)?)));
        found.map_or_else(
            || signal(text, self.lang).map_or_else(|| self.event(text), str::to_owned),
            |(word, path)| {
                self.lang
                    .t(&format!("{word} {}", self.state(path)), &format!("{word}“{}”", self.state(path)))
                    .to_owned()
            },
        )
    }

    /// Names in one line.
    pub fn listed(&self, names: impl IntoIterator<Item = String>) -> String {
        names.into_iter().collect::<Vec<_>>().join(self.lang.t(", ", "、"))
    }

    /// `states` of the flow with these `leaves` in one line; a superstate stands for all that it holds.
    pub fn states(&self, states: &[String], leaves: &[String]) -> String {
        let leaves: Vec<&str> = leaves.iter().map(String::as_str).collect();
        let set: BTreeSet<&str> = states.iter().map(String::as_str).collect();
        let all = self.lang.t(" (all)", "（全部）");
        let name = |path: &String| {
            let covered = !states.contains(path);
            format!("{}{}", self.state(path), if covered { all } else { "" })
        };
        self.listed(cover(&set, &leaves, |_| true).iter().map(name))
    }

    /// A span as definitions write it: `4 business hours`.
    pub fn span(&self, text: &str) -> String {
        span(text, self.lang)
    }

    /// Somebody whom a clock tells: `owner`, `role:NAME`, or a name.
    pub fn told(&self, who: &str) -> String {
        told(who, self.lang)
    }
}

/// What an event is called that no definition names: one of the engine's own.
fn own(event: &str, lang: Lang) -> String {
    let known = match event {
        "timer_fired" => lang.t("Time came", "到时"),
        "delivery_refused" => lang.t("Delivery refused", "投递被拒"),
        "step_failed" => lang.t("Step failed", "步骤失败"),
        "link_started" => lang.t("Waiting case started", "待建个案已开始"),
        "link_lapsed" => lang.t("Waiting case lapsed", "待建个案已失效"),
        "timer_lapsed" => lang.t("Timer lapsed", "定时已失效"),
        other => return words::sentence(other),
    };
    known.to_owned()
}

/// What a signal of a machine is called: definitions name it, but give it no title.
fn signal(name: &str, lang: Lang) -> Option<&'static str> {
    Some(match name {
        "arbitration_asked" => lang.t("Arbitration is asked for", "请求裁定"),
        "customer_message" => lang.t("The customer wrote", "客户来信"),
        "department_asked" => lang.t("A department is asked", "转交部门"),
        "hired" => lang.t("Somebody is hired", "新员工入职"),
        "human_outbound" => lang.t("A person answered the customer", "人工回复客户"),
        "left" => lang.t("The new member of staff left", "新员工离职"),
        "message_classified" => lang.t("The message is classified", "来信已归类"),
        "onboarded" => lang.t("All modules are learnt", "入职培训已完成"),
        "plan_ready" => lang.t("The plan is ready", "方案就绪"),
        "profile_asked" => lang.t("The profile is asked for", "请求完善资料"),
        "profile_saved" => lang.t("The profile is saved", "资料已保存"),
        "promised" => lang.t("A time is promised", "作出承诺"),
        "reopened" => lang.t("Reopened", "重新打开"),
        _ => return None,
    })
}
