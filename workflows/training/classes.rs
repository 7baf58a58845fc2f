//! Owns how somebody gets into a class that comes: the next planned one with room, else one to be planned.
//!
//! # Why
//! Who must learn again is sent `enroll` to (flows.md §3.0.5). Where no class is planned, one is drafted,
//! and whoever else must learn the same joins its waiting list; everybody on it is enrolled when it is
//! scheduled. Without the list each absence would draft a class of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::kernel::case::Handle;
use crate::kernel::effect::Spawn;
use crate::kernel::fact::{Fact, Glimpse};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx;
use crate::kernel::money::Money;
use crate::workflows::row::object;

/// The flow of a class.
pub const SESSION: &str = "training_session";
/// The states in which a class takes people.
const TAKES: [&str; 2] = ["preparing.scheduled", "preparing.notified"];
/// The states in which a class comes: those in which it has a waiting list, and those in which it takes people.
const COMING: &[&str] = &[
    "preparing.draft",
    "preparing.pending_approval",
    "preparing.approved",
    "preparing.scheduled",
    "preparing.notified",
];
const FIRST_START: &str = "/sittings/0/start";
const FREE: &str = "/free";
const TOLD: &[&str] = &[FIRST_START, FREE];

/// What a class is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 入职
    Onboarding,
    /// 在职
    InService,
    /// 晋升
    Promotion,
    /// 补强
    Remedial,
    /// 复训
    Recert,
}

/// How it is taught (S2-97–99).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 讲授
    Lecture,
    /// 案例
    Case,
    /// 角色扮演
    RolePlay,
    /// 经验分享
    Sharing,
    /// 外部专家
    Expert,
    /// 会议
    Conference,
    /// 外派
    Secondment,
    /// 在线课程
    Course,
    /// 视频
    Video,
    /// 在线测试
    OnlineTest,
}

/// How it is examined (S0-16, S2-104).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exam {
    /// 笔试
    Exam,
    /// 实操
    Practice,
    /// 情景模拟
    Scenario,
    /// 无考核
    None,
}

/// How a class is examined, and what passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// How.
    pub kind: Exam,
    /// The score that passes.
    #[schemars(range(max = 100))]
    pub pass_mark: u8,
    /// Why there is none; needed before a class without one is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub justification: Option<String>,
}

/// One part of a class, at one time and place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sitting {
    /// Its number, from 1.
    #[schemars(range(min = 1, max = 100))]
    pub no: u32,
    /// When it begins.
    pub start: Instant,
    /// When it ends.
    pub end: Instant,
    /// Where it is: a room or a link.
    #[schemars(length(min = 1, max = 500))]
    pub place: String,
    /// Whether nobody has attended who was not there.
    pub mandatory: bool,
    /// Whether it took place; told by the class alone, once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<bool>,
}

/// Who teaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lecturer {
    /// Somebody of the organisation.
    Person(Handle),
    /// Somebody from outside, by name.
    External(#[schemars(length(min = 1, max = 200))] String),
}

impl Lecturer {
    /// Whether it is the person called `id`.
    pub fn is(&self, id: &str) -> bool {
        matches!(self, Self::Person(handle) if handle.id == id)
    }
}

/// Who wants somebody in a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// 计划
    Plan,
    /// 本人
    #[serde(rename = "self")]
    Own,
    /// 主管
    Manager,
    /// 监测
    Monitor,
}

/// Somebody for whom a class is to be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// Who.
    pub trainee: Handle,
    /// Who wants it.
    pub source: Source,
}

/// The fact that tells which classes come that hold these values.
pub fn coming(holding: Vec<(&'static str, Value)>) -> Fact {
    Fact::Among { workflow: SESSION, states: COMING, holding, members: TOLD }
}

/// The class of `coming` that takes one more: the first to begin of those that are scheduled and have room,
/// else the first that has a waiting list.
pub fn next_of(coming: &[Glimpse]) -> Option<&InstanceId> {
    let has_room = |class: &&Glimpse| class.get::<u32>(FREE).is_some_and(|free| free > 0);
    let scheduled = |class: &Glimpse| TAKES.contains(&class.state.as_str());
    let begins = |class: &&Glimpse| class.get::<Instant>(FIRST_START);
    let first = coming.iter().filter(|class| scheduled(class)).filter(has_room).min_by_key(begins);
    let listed = || coming.iter().filter(|class| !scheduled(class)).find(has_room);
    first.or_else(listed).map(|class| &class.id)
}

/// Somebody to be brought into the next class, and the class to draft where none comes.
pub struct Booking {
    /// The rule that wants it: `recertify`.
    pub rule: &'static str,
    /// Distinguishes its uses.
    pub index: u32,
    /// Who.
    pub who: Waiting,
    /// The class that is not meant: the one that was missed.
    pub except: Option<InstanceId>,
    /// Payload of `draft`, without the waiting list.
    pub draft: Map<String, Value>,
}

/// Sends `enroll` to the next class among those that the fact tells of, else drafts one.
pub fn book<P>(booking: Booking, cx: &mut Cx<'_, P>) {
    let Some(mut coming) = cx.fact::<Vec<Glimpse>>("among") else { return };
    let Booking { rule, index, who, except, mut draft } = booking;
    coming.retain(|class| Some(&class.id) != except.as_ref());
    if let Some(class) = next_of(&coming) {
        let payload = json!({ "trainee": who.trainee, "source": who.source });
        cx.send(class.clone(), "enroll", object(payload));
        return;
    }
    draft.insert("waiting".into(), json!([who]));
    cx.spawn(Spawn {
        rule: rule.to_owned(),
        index,
        workflow: SESSION.to_owned(),
        link: "spawned".to_owned(),
        payload: draft,
        child: None,
        due: None,
        lapses: None,
    });
}

/// What a class to be drafted is like, as a process owner sets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// How it is taught.
    pub mode: Mode,
    /// How many it takes.
    #[schemars(range(min = 1, max = 200))]
    pub capacity: u32,
    /// What it may cost.
    pub budget: Money,
    /// How it is examined.
    pub assessment: Assessment,
}
