//! Owns the names that definitions do not give, in both languages: roles, clock states, members of payloads.

pub mod fields;
pub mod hints;
pub mod refusals;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::lang::Lang;
use crate::engine::Engine;
use crate::kernel::actor::Role;

/// What a role is called.
pub const fn role(role: Role, lang: Lang) -> &'static str {
    match role {
        Role::Customer => lang.t("customer", "客户"),
        Role::Gateway => lang.t("gateway", "渠道网关"),
        Role::Agent => lang.t("agent", "客服人员"),
        Role::SeniorAgent => lang.t("senior agent", "高级支持"),
        Role::Supervisor => lang.t("supervisor", "客服主管"),
        Role::DeptHandler => lang.t("department handler", "责任部门经办"),
        Role::DeptManager => lang.t("department manager", "责任部门负责人"),
        Role::QaInspector => lang.t("quality inspector", "质检员"),
        Role::TrainingAdmin => lang.t("training administrator", "培训管理员"),
        Role::Trainer => lang.t("trainer", "讲师"),
        Role::Trainee => lang.t("trainee", "参训人"),
        Role::ProcessOwner => lang.t("process owner", "流程负责人"),
        Role::Auditor => lang.t("auditor", "审计"),
        Role::PrivacyOfficer => lang.t("privacy officer", "个人信息保护负责人"),
        Role::Administrator => lang.t("administrator", "系统管理员"),
        Role::System => lang.t("system", "系统"),
    }
}

/// What the role called `name` is called; the name itself where there is none.
pub fn role_named(name: &str, lang: Lang) -> String {
    Role::parse(name).map_or_else(|_| name.to_owned(), |known| role(known, lang).to_owned())
}

/// What a state of a clock is called.
pub fn clock_status(status: &str, lang: Lang) -> &str {
    match status {
        "running" => lang.t("running", "计时中"),
        "paused" => lang.t("paused", "暂停"),
        "suspended" => lang.t("suspended", "中止"),
        "met" => lang.t("met", "达标"),
        "breached" => lang.t("breached", "超期"),
        "cancelled" => lang.t("cancelled", "取消"),
        other => other,
    }
}

/// What a value of an enumeration is called in words: its own name with spaces, or what its schema says in Chinese.
pub fn value(name: &str, described: Option<&str>, lang: Lang) -> String {
    let chinese = described.filter(|text| text.chars().any(is_chinese));
    match (lang.name(), chinese) {
        ("zh", Some(text)) => text.trim_end_matches(['.', '。']).to_owned(),
        _ => match (fields::enumerated(name, lang), Role::parse(name)) {
            (Some(text), _) => text.to_owned(),
            (None, Ok(known)) => sentence(role(known, lang)),
            (None, Err(_)) => sentence(name),
        },
    }
}

/// A value as cases hold it, in words: what the flows' schemas say of it in Chinese, its own name in English.
pub fn known(engine: &Engine, name: &str, lang: Lang) -> Option<String> {
    static CHINESE: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let chinese = CHINESE.get_or_init(|| {
        let mut found = BTreeMap::new();
        for flow in engine.workflows() {
            flow.events().iter().for_each(|spec| constants(&(spec.schema)(), &mut found));
        }
        found
    });
    let described = chinese.get(name)?;
    Some(value(name, Some(described), lang))
}

/// The values of enumerations in a schema, each with what is said of it.
fn constants(schema: &Value, found: &mut BTreeMap<String, String>) {
    match schema {
        Value::Object(members) => {
            if let (Some(Value::String(name)), Some(Value::String(about))) =
                (members.get("const"), members.get("description"))
            {
                found.entry(name.clone()).or_insert_with(|| about.clone());
            }
            members.values().for_each(|member| constants(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| constants(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether it is a Chinese character.
const fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// A name of code as words: `wrong_number` as `Wrong number`.
pub fn sentence(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a member of a payload or of a case's data is called.
pub fn field(name: &str, lang: Lang) -> String {
    fields::FIELDS
        .binary_search_by_key(&name, |(known, _, _)| known)
        .map_or_else(|_| sentence(name), |at| lang.t(fields::FIELDS[at].1, fields::FIELDS[at].2).to_owned())
}

/// What the queue called `name` is called, those of common departments too; any other by its own name.
pub fn queue(name: &str, lang: Lang) -> String {
    let known = match name {
        "pre_sale" => lang.t("before the sale", "售前"),
        "in_sale" => lang.t("during the sale", "售中"),
        "after_sale" => lang.t("after the sale", "售后"),
        "general" => lang.t("general", "综合"),
        "overflow" => lang.t("overflow", "溢出"),
        "complaints" => lang.t("complaints", "投诉"),
        "callbacks" => lang.t("callbacks", "回访"),
        "quality" => lang.t("quality", "质检"),
        "training" => lang.t("training", "培训"),
        "service" => lang.t("service", "客服"),
        "sales" => lang.t("sales", "销售"),
        "technology" => lang.t("technology", "技术"),
        "finance" => lang.t("finance", "财务"),
        "legal" => lang.t("legal", "法务"),
        other => return sentence(other),
    };
    known.to_owned()
}

/// Who owns a case, in words: a person's id or the name of a queue.
pub fn owner(owner: &str, lang: Lang) -> String {
    match owner.strip_prefix("queue:") {
        Some(name) => format!("{} {}", lang.t("queue", "队列"), queue(name, lang)),
        None => owner.to_owned(),
    }
}

/// How another case is related, as its history says.
pub fn relation(how: &str, lang: Lang) -> &str {
    match how {
        "parent" => lang.t("Started this", "发起了本案"),
        "spawned" => lang.t("Started by this", "由本案发起"),
        "sent" => lang.t("Was told by this", "收到本案通知"),
        "received" => lang.t("Told this", "通知了本案"),
        other => other,
    }
}

/// What a stretch of a derivation is, and why.
pub fn stretch(kind: &str, reason: Option<&str>, lang: Lang) -> String {
    let what = match kind {
        "counted" => lang.t("counted", "计时"),
        "closed" => lang.t("closed", "非工作时间"),
        "paused" => lang.t("stood still", "暂停"),
        "retargeted" => lang.t("another target", "目标变更"),
        "start_day" => lang.t("day of the start", "起始日"),
        "working_day" => lang.t("working day", "工作日"),
        "calendar_days" => lang.t("calendar days", "自然日"),
        "next_working_day" => lang.t("next working day", "顺延至工作日"),
        "between" => lang.t("in between (left out)", "其间（略）"),
        other => other,
    };
    let why = match reason {
        Some("night") => lang.t("night", "夜间"),
        Some("break") => lang.t("break", "午休"),
        Some("weekend") => lang.t("weekend", "周末"),
        Some("closed_weekday") => lang.t("closed weekday", "休息日"),
        Some("day_off") => lang.t("day off", "节假日"),
        Some("clock_change") => lang.t("clock change", "时钟调整"),
        Some("make_up_day") => lang.t("make-up day", "调休上班"),
        Some("own_hours") => lang.t("own hours of that day", "当日特别时间"),
        Some("wall") => lang.t("around the clock", "全天"),
        Some(other) => other,
        None => return what.to_owned(),
    };
    format!("{what} ({why})")
}
