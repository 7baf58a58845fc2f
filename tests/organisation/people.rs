//! Owns who works in the organisation, and who its customers are.

use careflow::chance::Chance;
use careflow::engine::{ActorInfo, Engine, PutActor};
use careflow::kernel::actor::{Actor, ActorKind, Role};
use serde_json::{Value, json};

/// Customers.
const CUSTOMERS: u64 = 60;
/// People who answer them; the last two come for those who leave.
const AGENTS: usize = 14;
/// Agents who are there at the beginning.
const AT_FIRST: usize = 12;
/// How many there are in each other role.
const OTHERS: [(Role, &str, usize); 10] = [
    (Role::SeniorAgent, "senior", 2),
    (Role::Supervisor, "supervisor", 3),
    (Role::DeptHandler, "handler", 4),
    (Role::DeptManager, "manager", 2),
    (Role::QaInspector, "inspector", 2),
    (Role::TrainingAdmin, "admin", 2),
    (Role::Trainer, "trainer", 3),
    (Role::ProcessOwner, "owner", 3),
    (Role::PrivacyOfficer, "officer", 1),
    (Role::Auditor, "auditor", 1),
];
/// Their departments.
const DEPARTMENTS: [&str; 4] = ["service", "sales", "technology", "finance"];

/// Everybody.
#[derive(Debug)]
pub struct People {
    /// Numbers of the agents who work here now.
    agents: Vec<usize>,
}

impl People {
    /// Everybody who is there at the beginning, known to `engine`.
    pub async fn hired(engine: &Engine) -> Self {
        for (_, name, count) in OTHERS {
            for number in 0..count {
                put(engine, &format!("{name}-{number}"), None, None).await;
            }
        }
        let mut people = Self { agents: Vec::new() };
        for number in 0..AT_FIRST {
            people.hire(engine, number).await;
        }
        people
    }

    async fn hire(&mut self, engine: &Engine, number: usize) {
        let (id, manager) = (agent(number), superior(number));
        put(engine, &id, Some(manager), Some(DEPARTMENTS[number % 2])).await;
        self.agents.push(number);
    }

    /// The agent who was there longest leaves, and another comes (X16).
    pub async fn change(&mut self, engine: &Engine) {
        let leaves = self.agents.remove(0);
        let actor =
            ActorInfo { id: agent(leaves), active: false, on_shift: false, department: None, manager: None };
        let left = PutActor { actor, successor: Some(superior(leaves)), by: Actor::system() };
        engine.put_actor(left, None).await.unwrap();
        let comes = self.agents.iter().max().unwrap() + 1;
        assert!(comes < AGENTS, "so many leave in no year");
        self.hire(engine, comes).await;
    }

    /// Somebody in `role`.
    pub fn person(&self, role: Role, chance: &mut Chance) -> Actor {
        match role {
            Role::Gateway => gateway(),
            Role::Agent => Actor::person(agent(*chance.pick(&self.agents)), role),
            Role::System => Actor::system(),
            _ => {
                let (_, name, count) =
                    OTHERS.iter().find(|(other, ..)| *other == role).expect("somebody has this role");
                Actor::person(format!("{name}-{}", chance.index(*count)), role)
            }
        }
    }

    /// The same as payloads name people.
    pub fn handle(&self, role: Role, chance: &mut Chance) -> Value {
        json!({ "id": self.person(role, chance).id, "role": role })
    }
}

async fn put(engine: &Engine, id: &str, manager: Option<String>, department: Option<&str>) {
    let actor = ActorInfo {
        id: id.to_owned(),
        active: true,
        on_shift: true,
        department: department.map(str::to_owned),
        manager,
    };
    engine.put_actor(PutActor { actor, successor: None, by: Actor::system() }, None).await.unwrap();
}

fn agent(number: usize) -> String {
    format!("agent-{number}")
}

/// For whom the agent `number` works.
fn superior(number: usize) -> String {
    format!("supervisor-{}", number % 3)
}

/// For whom the person `id` works.
pub fn superior_of(id: &str) -> String {
    superior(id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default())
}

/// A department.
pub fn department(chance: &mut Chance) -> &'static str {
    DEPARTMENTS[chance.index(DEPARTMENTS.len())]
}

/// What brings in customers' messages.
pub fn gateway() -> Actor {
    Actor { id: "gateway".into(), kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None }
}

/// A customer, with how valued the customer is.
pub fn customer(chance: &mut Chance) -> (String, &'static str) {
    let number = chance.below(CUSTOMERS);
    let tier = match number % 10 {
        0 => "key",
        1 | 2 => "vip",
        _ => "normal",
    };
    (format!("c-{}", 1_000 + number), tier)
}
