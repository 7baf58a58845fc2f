//! Owns the sentences of an explanation, in both languages, with times as the calendar's clocks show them.

use chrono::{DateTime, Datelike, NaiveDate, Offset};
use chrono_tz::Tz;

use super::super::rule::PointKind;
use super::super::standing::Status;
use super::super::story::{By, End, Retarget, Still, Story};
use super::super::timing::Target;
use super::{Basis, Explanation, Kind, Piece, PointTold};
use crate::kernel::calendar::explain::{By as Hours, Kind as Stretch, Reason};
use crate::kernel::instant::Instant;
use crate::kernel::title::Title;

const WEEKDAYS_ZH: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
/// Units of spans and their names.
const UNITS_ZH: [(&str, &str); 8] = [
    ("business hour", "工作小时"),
    ("business minute", "工作分钟"),
    ("business second", "工作秒"),
    ("working day", "个工作日"),
    ("calendar day", "个自然日"),
    ("hour", "小时"),
    ("minute", "分钟"),
    ("second", "秒"),
];

/// Every sentence of the explanation, in order.
pub(super) fn sentences(story: &Story, basis: &Basis<'_>, told: &Explanation) -> Vec<Title> {
    let mut teller = Teller { zone: basis.calendar.zone(), date: None, total_ms: told.total_ms };
    let mut all = vec![teller.started(story, basis)];
    all.extend(told.pieces.iter().map(|piece| teller.piece(piece)));
    all.extend(teller.due(story, told));
    all.extend(story.end.as_ref().map(|end| teller.end(end)));
    all.extend(story.corrections.iter().map(|(by, to)| {
        let status = Status::of(Some(*to));
        said(
            format!("Corrected to {} ({}).", status.name(), entry(by).en),
            format!("判定更正为{}（{}）。", status_zh(status), entry(by).zh),
        )
    }));
    for point in &told.points {
        let recorded = story.recorded.iter().find(|recorded| recorded.level == point.level);
        all.push(teller.point(point, recorded.map(|recorded| &recorded.by)));
    }
    all
}

/// Tells times of one zone; a date is said again only where it is another.
struct Teller {
    zone: Tz,
    date: Option<NaiveDate>,
    total_ms: i64,
}

impl Teller {
    fn started(&mut self, story: &Story, basis: &Basis<'_>) -> Title {
        let (at, by, target) = (self.moment(story.start), entry(&story.started), self.target(story.promised));
        let (calendar, cal_ver, policy_ver) =
            (basis.calendar.name(), basis.calendar.version(), basis.policy_ver);
        self.date = Some(self.local(story.start).date_naive());
        said(
            format!(
                "Started {} ({}); {} on calendar {calendar} (version {cal_ver}), definition version {policy_ver}.",
                at.en, by.en, target.en
            ),
            format!(
                "{} 开始计时（{}）；时限{}，日历 {calendar}（第 {cal_ver} 版），定义第 {policy_ver} 版。",
                at.zh, by.zh, target.zh
            ),
        )
    }

    fn piece(&mut self, piece: &Piece) -> Title {
        match &piece.kind {
            Kind::Paused(still) => self.paused(still),
            Kind::Retargeted(retarget) => self.retargeted(retarget),
            Kind::Stretch(kind) => self.stretch(piece, *kind),
        }
    }

    fn stretch(&mut self, piece: &Piece, kind: Stretch) -> Title {
        let when = self.stretch_of(piece.from, piece.to);
        let (en, zh) = (&when.en, &when.zh);
        let counted = self.counted(piece);
        match kind {
            Stretch::Open { hours } => {
                let (more, more_zh) = hours_of(hours);
                said(
                    format!("Counted {en}{more}{}.", counted.en),
                    format!("计时 {zh}{more_zh}{}。", counted.zh),
                )
            }
            Stretch::Wall => said(
                format!("Counted {en}, open or closed{}.", counted.en),
                format!("计时 {zh}，不论是否工作时间{}。", counted.zh),
            ),
            Stretch::Closed { reason } => {
                let (why, why_zh) = reason_of(reason);
                said(format!("Closed {en} ({why})."), format!("不计 {zh}（{why_zh}）。"))
            }
            Stretch::StartDay => said(
                format!("The rest of the start date does not count: {en}."),
                format!("起始日余下时间不计：{zh}。"),
            ),
            Stretch::WorkingDay { hours } => {
                let (more, more_zh) = hours_of(hours);
                let day = piece.total_days;
                said(format!("Working day {day}{more}: {en}."), format!("第 {day} 个工作日{more_zh}：{zh}。"))
            }
            Stretch::CivilDays { days } => said(
                format!("Calendar days {en}: {days}, working days or not."),
                format!("自然日 {zh}：{days} 天，不论是否工作日。"),
            ),
            Stretch::Roll { .. } => said(
                format!("Moved on to the end of the next working day: {en}."),
                format!("顺延至下一工作日结束：{zh}。"),
            ),
            Stretch::Between => said(
                format!("More of the same {en}, told as one{}.", counted.en),
                format!("{zh} 各段从略{}。", counted.zh),
            ),
        }
    }

    /// How much a piece makes it; nothing where days are counted.
    fn counted(&self, piece: &Piece) -> Title {
        if piece.counted_days > 0 {
            let (counted, total) = (piece.counted_days, piece.total_days);
            return said(
                format!(" ({counted} days, {total} in all)"),
                format!("（{counted} 天，累计 {total} 天）"),
            );
        }
        let (total, of) = (clock(piece.total_ms), clock(self.total_ms));
        if piece.total_days > 0 {
            // After the days of a span: what makes up for pauses.
            return said(format!(" ({total} made up)"), format!("（补足 {total}）"));
        }
        said(format!(" ({total} of {of})"), format!("（{total} / {of}）"))
    }

    fn paused(&mut self, still: &Still) -> Title {
        let by = entry(&still.by);
        let Some(resumed) = &still.resumed else {
            let since = self.moment(still.pause.from);
            return said(
                format!("Stands still since {} ({}).", since.en, by.en),
                format!("自 {} 起暂停（{}）。", since.zh, by.zh),
            );
        };
        let (when, resumed) = (self.stretch_of(still.pause.from, still.pause.to), entry(resumed));
        said(
            format!("Stood still {} ({}; ran on with {}).", when.en, by.en, resumed.en),
            format!("暂停 {}（{}；{}恢复）。", when.zh, by.zh, resumed.zh),
        )
    }

    fn retargeted(&mut self, retarget: &Retarget) -> Title {
        let [at, old, new] = [retarget.at, retarget.due_old, retarget.due].map(|at| self.moment(at));
        let [from, to] = [retarget.from, retarget.to].map(|target| self.target(target));
        let (by, cause) = (entry(&retarget.by), &retarget.cause);
        let (cause, cause_zh) = match cause.as_str() {
            "priority" => ("priority", "优先级"),
            "policy" => ("policy", "策略"),
            "calendar" => ("calendar", "日历"),
            "assess" => ("assessment", "评估"),
            "extend" => ("extension", "延期"),
            other => (other, other),
        };
        said(
            format!(
                "At {} {} became {} because of the {cause} ({}), counted from the original start: due {} instead of {}.",
                at.en, from.en, to.en, by.en, new.en, old.en
            ),
            format!(
                "{} 因{cause_zh}变更，时限由{}改为{}（{}），自原起点计算：到期由 {} 改为 {}。",
                at.zh, from.zh, to.zh, by.zh, old.zh, new.zh
            ),
        )
    }

    fn due(&self, story: &Story, told: &Explanation) -> Vec<Title> {
        let Some(due) = told.due else {
            let (used, of) = (clock(told.elapsed_ms), clock(told.total_ms));
            return vec![said(
                format!("It has no due until it runs on; {used} of {of} are used."),
                format!("恢复前无到期时间；已用 {used} / {of}。"),
            )];
        };
        let due = self.moment(due);
        let mut all = vec![said(format!("Due {}.", due.en), format!("到期 {}。", due.zh))];
        if story.provisional {
            all.push(said(
                "The due lies past what the calendar knows and may move when the next year is loaded.".into(),
                "到期时间超出日历已知范围，载入下一年后可能变动。".into(),
            ));
        }
        all
    }

    fn end(&self, end: &End) -> Title {
        let (at, by, used) = (self.moment(end.at), entry(&end.by), clock(end.elapsed_ms));
        let status = Status::of(end.verdict);
        said(
            format!("Ended {} ({}): {}, {used} used.", at.en, by.en, status.name()),
            format!("{} 结束（{}）：{}，用时 {used}。", at.zh, by.zh, status_zh(status)),
        )
    }

    fn point(&self, point: &PointTold, recorded: Option<&By>) -> Title {
        let (kind, kind_zh) = match point.kind {
            PointKind::Warning => ("warning", "预警"),
            PointKind::Breach => ("breach", "超时"),
            PointKind::Escalation => ("escalation", "升级"),
        };
        let (share, level) = (clock(point.counted_ms), point.level);
        let unknown = || said("not before it runs on".into(), "恢复前不会到达".into());
        let at = point.at.map_or_else(unknown, |at| self.moment(at));
        let recorded = recorded.map(entry).map_or_else(
            || said(String::new(), String::new()),
            |by| said(format!(", recorded ({})", by.en), format!("，已记录（{}）", by.zh)),
        );
        said(
            format!("{level} percent ({kind}) at {share}: {}{}.", at.en, recorded.en),
            format!("{level}%（{kind_zh}）{share}：{}{}。", at.zh, recorded.zh),
        )
    }

    fn target(&self, target: Target) -> Title {
        match target {
            Target::Span(span) => said(span.to_string(), span_zh(&span.to_string())),
            Target::At(at) => {
                let at = self.moment(at);
                said(format!("until {}", at.en), format!("至 {}", at.zh))
            }
            Target::Within(span, most) => said(
                format!("{span}, at most {most}"),
                format!("{}，至多{}", span_zh(&span.to_string()), span_zh(&most.to_string())),
            ),
        }
    }

    fn local(&self, at: Instant) -> DateTime<Tz> {
        at.utc().with_timezone(&self.zone)
    }

    fn moment(&self, at: Instant) -> Title {
        dated(&self.local(at), "")
    }

    /// From when to when: the date only where it is not the one told last, offsets where they differ.
    fn stretch_of(&mut self, from: Instant, to: Option<Instant>) -> Title {
        let (from, to) = (self.local(from), to.map(|to| self.local(to)));
        let differ = to.as_ref().is_some_and(|to| to.offset().fix() != from.offset().fix());
        let offset = if differ { " %:z" } else { "" };
        let known = self.date.replace(to.as_ref().unwrap_or(&from).date_naive());
        let start = if known == Some(from.date_naive()) {
            let text = hour(&from, offset);
            said(text.clone(), text)
        } else {
            dated(&from, offset)
        };
        match to {
            None => said(format!("{} –", start.en), format!("{} –", start.zh)),
            Some(to) if to.date_naive() == from.date_naive() => {
                let end = hour(&to, offset);
                said(format!("{}–{end}", start.en), format!("{}–{end}", start.zh))
            }
            Some(to) => {
                let end = dated(&to, offset);
                said(format!("{} – {}", start.en, end.en), format!("{} – {}", start.zh, end.zh))
            }
        }
    }
}

fn said(en: String, zh: String) -> Title {
    Title { en, zh }
}

fn dated(at: &DateTime<Tz>, offset: &str) -> Title {
    let (date, hour) = (at.date_naive(), hour(at, offset));
    let weekday = WEEKDAYS_ZH[at.weekday().num_days_from_monday() as usize];
    said(format!("{} {date} {hour}", at.weekday()), format!("{date} {weekday} {hour}"))
}

fn hour(at: &DateTime<Tz>, offset: &str) -> String {
    let millis = at.timestamp_millis();
    let format = match (millis % 60_000, millis % 1_000) {
        (0, _) => "%H:%M",
        (_, 0) => "%H:%M:%S",
        (_, _) => "%H:%M:%S%.3f",
    };
    at.format(&format!("{format}{offset}")).to_string()
}

/// A length of time as a clock writes it: `2:00`, `0:00:15`.
fn clock(millis: i64) -> String {
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
    match (millis % 60_000, millis % 1_000) {
        (0, _) => format!("{hours}:{minutes:02}"),
        (_, 0) => format!("{hours}:{minutes:02}:{seconds:02}"),
        (_, rest) => format!("{hours}:{minutes:02}:{seconds:02}.{rest:03}"),
    }
}

fn entry(by: &By) -> Title {
    let By { event, seq } = by;
    said(format!("`{event}`, entry {seq}"), format!("`{event}`，第 {seq} 条"))
}

fn hours_of(hours: Hours) -> (&'static str, &'static str) {
    match hours {
        Hours::Weekly => ("", ""),
        Hours::MakeUp => (", a make-up day", "，调休上班日"),
        Hours::OwnHours => (", hours of this date", "，当日特别时间"),
    }
}

fn reason_of(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::Night => ("outside the hours of the day", "下班时间"),
        Reason::Break => ("break", "中间休息"),
        Reason::Weekend => ("weekend", "周末"),
        Reason::ClosedWeekday => ("weekday without hours", "固定休息日"),
        Reason::DayOff => ("day off", "放假"),
        Reason::ClockChange => ("skipped by a clock change", "时钟调整跳过"),
    }
}

fn status_zh(status: Status) -> &'static str {
    match status {
        Status::Running => "计时中",
        Status::Paused => "暂停",
        Status::Suspended => "中止",
        Status::Met => "按时",
        Status::Breached => "超时",
        Status::Cancelled => "取消",
    }
}

/// The text of a span in Chinese: `2 工作小时`.
fn span_zh(text: &str) -> String {
    let (text, rolled) =
        text.strip_suffix(" or next working day").map_or((text, ""), |text| (text, "，逢休顺延"));
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    let known = UNITS_ZH.iter().find(|(name, _)| *name == unit).map_or(unit, |(_, zh)| *zh);
    format!("{number} {known}{rolled}")
}
