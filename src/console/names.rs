//! Owns what the states, events and triggers of one flow are called, by its definition in force.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lang::Lang;
use super::words;
use crate::engine::Engine;
use crate::kernel::definition::Definition;
use crate::kernel::explore::cover::cover;
use crate::kernel::table::SAME;

/// The names of one flow in one language.
pub struct Names {
    definition: Option<Arc<Definition>>,
    lang: Lang,
}

impl Names {
    /// Those of the flow `workflow`.
    pub fn new(engine: &Engine, workflow: &str, lang: Lang) -> Self {
        Self { definition: engine.definition(workflow), lang }
    }

    /// A state or superstate by its path; the path itself where it has no title.
    pub fn state(&self, path: &str) -> String {
        let title = self.definition.as_ref().and_then(|definition| definition.states.get(path));
        title.map_or_else(|| path.to_owned(), |title| self.lang.of(title).to_owned())
    }

    /// What a transition leads to: a state, or that it is not left.
    pub fn target(&self, path: &str) -> String {
        if path == SAME { self.lang.t("stays", "不变").to_owned() } else { self.state(path) }
    }

    /// An event, or `timer NAME`.
    pub fn event(&self, name: &str) -> String {
        if let Some(timer) = name.strip_prefix("timer ") {
            return format!("{} {timer}", self.lang.t("timer", "定时"));
        }
        let title = self.definition.as_ref().and_then(|definition| definition.events.get(name));
        title.map_or_else(|| name.to_owned(), |title| self.lang.of(title).to_owned())
    }

    /// What moves a clock: an event, a signal, `enter STATE` or `leave STATE`.
    pub fn trigger(&self, text: &str) -> String {
        let moves = [("enter ", self.lang.t("entering", "进入")), ("leave ", self.lang.t("leaving", "离开"))];
        let found = moves.iter().find_map(|(prefix, word)| Some((word, text.strip_prefix(prefix)?)));
        found.map_or_else(
            || self.event(text),
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

    /// Somebody whom a clock tells: `owner`, `role:NAME`, or a name.
    pub fn told(&self, who: &str) -> String {
        match (who, who.strip_prefix("role:")) {
            ("owner", _) => self.lang.t("owner", "负责人").to_owned(),
            (_, Some(role)) => words::role_named(role, self.lang),
            (other, None) => other.to_owned(),
        }
    }
}
