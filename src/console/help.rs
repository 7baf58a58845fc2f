//! Help: who does what here, what the words mean, what is masked, and which API call each page stands for.

use askama::Template;
use axum::response::Response;

use super::page;
use super::session::{IDLE_MAX, REVEALED_FOR};
use super::shell::{Part, Shell, Visitor};
use crate::api::error::ApiError;

/// A text in English and Chinese.
type Text = (&'static str, &'static str);
/// Where somebody begins: a part of the console and its name.
type Begin = &'static [(&'static str, Text)];

/// Who works here: who, what they do here, where they begin.
const PEOPLE: [(Text, Text, Begin); 4] = [
    (
        ("Agents and supervisors", "客服人员与主管"),
        (
            "They work cases: take the one that breaches next, read what happened, and send the event that the \
             case accepts now. A supervisor sees all queues and assigns several cases at once.",
            "办理个案：从最先到期的个案开始，了解经过，再发送该个案当前可接受的事件。主管可查看全部队列，并可批量分派。",
        ),
        &[("/", ("Work", "工作"))],
    ),
    (
        ("Process owners", "流程负责人"),
        (
            "They look at how a procedure is defined and how it does: its diagram with the cases in each state, \
             its clocks and values, its schedules and calendars, and KPIs with the cases behind each number.",
            "了解流程的定义与运行情况：带有各状态个案数的流程图、时限与参数、定时任务与日历，以及可追溯到个案的指标。",
        ),
        &[
            ("/flows", ("Flows", "流程")),
            ("/schedules", ("Schedules", "定时")),
            ("/reports", ("Reports", "报表")),
        ],
    ),
    (
        ("Auditors", "审计人员"),
        (
            "They search histories and read what somebody did, when, in which role and why. An entry is never \
             changed: a correction is a further entry.",
            "检索历史，核查何人、何时、以何角色、因何原因做了什么。条目一经记录不再更改，更正以新条目记入。",
        ),
        &[("/audit", ("Audit", "审计"))],
    ),
    (
        ("Administrators", "系统管理员"),
        (
            "They keep the server well and the schedules running. They see cases without personal values.",
            "维护服务器与定时任务。可查看个案，但看不到个人信息。",
        ),
        &[("/system", ("System", "系统")), ("/schedules", ("Schedules", "定时"))],
    ),
];

/// Words of the pages and of the API.
const WORDS: [(Text, Text); 14] = [
    (
        ("Flow", "流程"),
        (
            "A kind of procedure: consultation, complaint, callback, training.",
            "一类办理程序：咨询、投诉、回访、培训等。",
        ),
    ),
    (
        ("Case, instance", "个案"),
        ("One running procedure, from its start to its end.", "流程的一次办理，自创建至终结。"),
    ),
    (
        ("State", "状态"),
        (
            "Where a case stands. Open: it is worked on. Settled: it can be reopened still. At its end: nothing more happens.",
            "个案所处的位置。进行中：正在办理；已办结：仍可重新打开；已终结：不再变化。",
        ),
    ),
    (
        ("Event", "事件"),
        (
            "What somebody, or the server, tells a case: accept, respond, confirm. A case takes only the events that its state accepts, from the roles that may send them.",
            "由人或系统发给个案的指令，如受理、答复、确认。个案只接受当前状态允许、且发送者角色有权发送的事件。",
        ),
    ),
    (
        ("Transition", "转换"),
        (
            "What an accepted event did: from which state to which, and what changed.",
            "被接受的事件所引起的变化：从何状态到何状态，改了什么。",
        ),
    ),
    (
        ("History, entry", "历史、条目"),
        (
            "Every event of a case with who, when and why, in order. Entries are chained by their hashes.",
            "个案的全部事件，按顺序记录何人、何时、何因；条目以校验值首尾相连。",
        ),
    ),
    (
        ("Clock", "时限"),
        (
            "A promise that is measured: it starts, stands still, runs on and ends by events, on the hours of a calendar.",
            "对承诺的计时：按日历的工作时间，由事件开始、暂停、恢复和结束。",
        ),
    ),
    (
        ("Due, near, over", "期限、临近、超期"),
        (
            "The due is when a clock must have ended. Near: 80 % of its time is used. Over: the due has passed.",
            "期限是时限必须结束的时刻。临近：已用时间达 80%；超期：期限已过。",
        ),
    ),
    (
        ("Breach, met", "超期、达标"),
        ("How a clock ended: after its due, or before it.", "时限的结果：晚于期限为超期，按时为达标。"),
    ),
    (
        ("Escalation", "升级"),
        (
            "Who is told at which percent of a clock, and to whom an open case is raised.",
            "时限用到一定比例时通知何人，以及未结个案升级至何级。",
        ),
    ),
    (
        ("Timer", "定时器"),
        (
            "A moment at which the server sends an event to a case by itself: a reminder, an end of waiting.",
            "到点由系统自动向个案发送事件，如提醒、等待结束。",
        ),
    ),
    (
        ("Schedule", "定时任务"),
        (
            "What starts a case or a report by itself, by a crontab expression in a time zone.",
            "按 cron 表达式与时区自动启动个案或报表。",
        ),
    ),
    (
        ("Calendar", "日历"),
        (
            "Weekly hours, days off and make-up working days that clocks are counted on.",
            "时限所依据的每周工作时间、休息日与调休上班日。",
        ),
    ),
    (
        ("Queue", "队列"),
        ("Cases that nobody has taken yet, kept for a team.", "归属某个团队、尚无人领取的个案。"),
    ),
];

/// Pages with what they show and the API calls that tell and do the same.
const CALLS: [(&str, Text, &[&str]); 9] = [
    ("/", ("Queues, in the order in which they breach", "队列，按到期先后"), &["GET /v1/instances"]),
    (
        "/cases/…",
        (
            "A case: its data, clocks, history, diagram, and the events it accepts",
            "个案：数据、时限、历史、流程图及可发送事件",
        ),
        &[
            "GET /v1/instances/{id}",
            "GET /v1/instances/{id}/clocks",
            "GET /v1/instances/{id}/clocks/{clock}/explain",
            "GET /v1/instances/{id}/history",
            "GET /v1/instances/{id}/diagram",
            "POST /v1/instances/{id}/events",
        ],
    ),
    ("/start", ("A new case", "新建个案"), &["POST /v1/workflows/{workflow}/instances"]),
    (
        "/flows",
        ("Flows, their diagrams, transitions, clocks and versions", "流程：流程图、转换、时限与版本"),
        &[
            "GET /v1/workflows",
            "GET /v1/workflows/{workflow}",
            "GET /v1/workflows/{workflow}/diagram",
            "GET /v1/workflows/{workflow}/transitions",
            "GET /v1/workflows/{workflow}/definitions",
        ],
    ),
    (
        "/schedules",
        ("Schedules, their fire times and firings", "定时任务、触发时间与记录"),
        &[
            "GET /v1/schedules",
            "GET /v1/schedules/{id}/next",
            "GET /v1/schedules/{id}/firings",
            "POST /v1/schedules/{id}/pause",
            "POST /v1/schedules/{id}/resume",
            "POST /v1/schedules/{id}/run",
        ],
    ),
    (
        "/calendars",
        ("Calendars as a year; the API tells them with each clock", "年历；接口在每个时限中给出所用日历"),
        &["GET /v1/instances/{id}/clocks/{clock}/explain"],
    ),
    (
        "/reports",
        ("KPIs and the cases behind them", "指标及其个案"),
        &["GET /v1/reports/kpis", "GET /v1/reports/kpis/{kpi}/instances"],
    ),
    (
        "/audit",
        ("Entries, searched", "检索条目"),
        &["GET /v1/history", "GET /v1/changes", "GET /v1/instances/{id}/history"],
    ),
    (
        "/system",
        ("The server in numbers", "服务器运行数据"),
        &["GET /readyz", "GET /metrics", "GET /v1/timers"],
    ),
];

/// What is to be done here, and where.
struct Person {
    who: &'static str,
    what: &'static str,
    links: Vec<(&'static str, &'static str)>,
}

/// A page and what stands for it.
struct Call {
    /// Where it is, where it is one page.
    link: Option<&'static str>,
    path: &'static str,
    what: &'static str,
    calls: &'static [&'static str],
}

#[derive(Template)]
#[template(path = "help.html", config = "src/console/askama.toml")]
struct HelpPage {
    shell: Shell,
    people: Vec<Person>,
    words: Vec<(&'static str, &'static str)>,
    calls: Vec<Call>,
    revealed_minutes: u64,
    idle_hours: u64,
}

/// Shows the help; links lead only where there is something for the visitor.
///
/// # Errors
/// None but that the page cannot be written.
pub async fn help(visitor: Visitor) -> Result<Response, ApiError> {
    let lang = visitor.lang;
    let t = |(en, zh): Text| lang.t(en, zh);
    let shell = visitor.shell(Part::Help, lang.t("Help", "帮助"));
    let is_there = |path: &str| shell.nav.iter().any(|link| link.path == path);
    let people = PEOPLE.iter().map(|(who, what, links)| Person {
        who: t(*who),
        what: t(*what),
        links: links
            .iter()
            .filter(|(path, _)| is_there(path))
            .map(|(path, text)| (*path, t(*text)))
            .collect(),
    });
    let calls = CALLS.iter().map(|(path, what, calls)| Call {
        link: Some(*path).filter(|path| is_there(path)),
        path,
        what: t(*what),
        calls,
    });
    let (people, calls) = (people.collect(), calls.collect());
    page::page(&HelpPage {
        people,
        calls,
        words: WORDS.iter().map(|(word, means)| (t(*word), t(*means))).collect(),
        revealed_minutes: REVEALED_FOR.as_secs() / 60,
        idle_hours: IDLE_MAX.as_secs() / 3_600,
        shell,
    })
}
