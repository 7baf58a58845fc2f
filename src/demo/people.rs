//! Owns the people of the demo: who works where, as what, and for whom.

use crate::kernel::actor::{Actor, ActorKind, Role};

/// Somebody of the organisation.
pub(super) struct Person {
    /// The name that entries show.
    pub id: &'static str,
    /// What the person is.
    pub role: Role,
    /// Where the person works.
    pub department: &'static str,
    /// Whom the person works for.
    pub manager: Option<&'static str>,
}

const fn person(
    id: &'static str,
    role: Role,
    department: &'static str,
    manager: Option<&'static str>,
) -> Person {
    Person { id, role, department, manager }
}

/// Who answers customers.
pub(super) const AGENTS: [&str; 6] = ["li.na", "wang.wei", "zhang.min", "chen.jie", "liu.yang", "emma.clark"];
/// The agent whom complaints about people are about most often.
pub(super) const ACCUSED: &str = "liu.yang";
/// Who leads the first team.
pub(super) const SUPERVISOR: &str = "zhao.lei";
/// Who leads the second team.
pub(super) const OTHER_SUPERVISOR: &str = "grace.turner";
/// Who is responsible for the procedures.
pub(super) const OWNER: &str = "he.ping";
/// Who agrees where two must.
pub(super) const OTHER_OWNER: &str = "wen.qing";
/// Who inspects.
pub(super) const INSPECTOR: &str = "tang.yu";
/// Who runs the training.
pub(super) const TRAINING_ADMIN: &str = "ma.li";
/// Who decides on people with their supervisors.
pub(super) const HR: &str = "deng.xin";
/// Who teaches.
pub(super) const TRAINERS: [&str; 2] = ["lin.yue", "david.reed"];

/// Everybody.
pub(super) const STAFF: [Person; 32] = [
    person("li.na", Role::Agent, "service", Some(SUPERVISOR)),
    person("wang.wei", Role::Agent, "service", Some(SUPERVISOR)),
    person("zhang.min", Role::Agent, "service", Some(SUPERVISOR)),
    person("chen.jie", Role::Agent, "service", Some(OTHER_SUPERVISOR)),
    person("liu.yang", Role::Agent, "service", Some(OTHER_SUPERVISOR)),
    person("emma.clark", Role::Agent, "service", Some(OTHER_SUPERVISOR)),
    person("sun.qi", Role::Agent, "service", Some(SUPERVISOR)),
    person("zhou.yan", Role::Agent, "service", Some(OTHER_SUPERVISOR)),
    person("fang.lin", Role::SeniorAgent, "service", Some(SUPERVISOR)),
    person("oliver.stone", Role::SeniorAgent, "service", Some(OTHER_SUPERVISOR)),
    person(SUPERVISOR, Role::Supervisor, "service", Some(OWNER)),
    person(OTHER_SUPERVISOR, Role::Supervisor, "service", Some(OWNER)),
    person("gu.fang", Role::DeptHandler, "service", Some("yan.bin")),
    person("mark.evans", Role::DeptHandler, "service", Some("yan.bin")),
    person("yan.bin", Role::DeptManager, "service", Some(OWNER)),
    person("sun.hao", Role::DeptHandler, "technology", Some("qian.feng")),
    person("priya.nair", Role::DeptHandler, "technology", Some("qian.feng")),
    person("qian.feng", Role::DeptManager, "technology", None),
    person("zhou.ting", Role::DeptHandler, "finance", Some("anna.schmidt")),
    person("tom.becker", Role::DeptHandler, "finance", Some("anna.schmidt")),
    person("anna.schmidt", Role::DeptManager, "finance", None),
    person("wu.gang", Role::DeptHandler, "sales", Some("huang.rui")),
    person("lucy.ward", Role::DeptHandler, "sales", Some("huang.rui")),
    person("huang.rui", Role::DeptManager, "sales", None),
    person("xu.jing", Role::DeptHandler, "legal", None),
    person(INSPECTOR, Role::QaInspector, "quality", None),
    person(TRAINING_ADMIN, Role::TrainingAdmin, "training", None),
    person(HR, Role::TrainingAdmin, "training", None),
    person(TRAINERS[0], Role::Trainer, "training", None),
    person(TRAINERS[1], Role::Trainer, "training", None),
    person(OWNER, Role::ProcessOwner, "service", None),
    person(OTHER_OWNER, Role::ProcessOwner, "service", None),
];

/// Somebody of the staff, acting as what the person is.
pub(super) fn staff(id: &str) -> Actor {
    let role = STAFF.iter().find(|person| person.id == id).map_or(Role::Agent, |person| person.role);
    Actor::person(id, role)
}

/// Somebody of the staff, who learns.
pub(super) fn trainee(id: &str) -> Actor {
    Actor::person(id, Role::Trainee)
}

/// A customer.
pub(super) fn customer(id: &str) -> Actor {
    Actor::person(id, Role::Customer)
}

/// Where messages of `channel` come in.
pub(super) fn gateway(channel: &str) -> Actor {
    let id = format!("gateway-{channel}");
    Actor { id, kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None }
}

/// Who investigates in `department` in round `round`, counted from 0: another than the time before, where
/// there are two.
pub(super) fn handler(department: &str, round: usize) -> Actor {
    let here = |person: &&Person| person.role == Role::DeptHandler && person.department == department;
    let all: Vec<&Person> = STAFF.iter().filter(here).collect();
    let found = all.get(round % all.len().max(1)).map_or("sun.hao", |person| person.id);
    Actor::person(found, Role::DeptHandler)
}

/// Whom `id` works for.
pub(super) fn manager_of(id: &str) -> &'static str {
    STAFF.iter().find(|person| person.id == id).and_then(|person| person.manager).unwrap_or(SUPERVISOR)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_is_there_once_and_works_for_somebody_who_is() {
        let names: BTreeSet<&str> = STAFF.iter().map(|person| person.id).collect();
        assert_eq!(names.len(), STAFF.len());
        for person in &STAFF {
            assert!(person.manager.is_none_or(|manager| names.contains(manager)), "{}", person.id);
        }
        assert!(AGENTS.iter().all(|agent| staff(agent).role == Role::Agent && names.contains(agent)));
        assert_ne!(handler("finance", 0).id, handler("finance", 1).id, "another looks again");
        assert_eq!(handler("legal", 1).id, "xu.jing", "where there is only one, the same does");
    }
}
