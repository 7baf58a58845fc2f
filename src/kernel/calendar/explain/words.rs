//! Owns the sentence for each piece of a derivation, in both languages.

use chrono::{DateTime, Datelike, Offset};
use chrono_tz::Tz;

use super::{By, Kind, Piece, Reason};
use crate::kernel::instant::Instant;
use crate::kernel::title::Title;

const WEEKDAYS: [(&str, &str); 7] = [
    ("Mon", "周一"),
    ("Tue", "周二"),
    ("Wed", "周三"),
    ("Thu", "周四"),
    ("Fri", "周五"),
    ("Sat", "周六"),
    ("Sun", "周日"),
];
/// Milliseconds of each unit, largest first, with its names.
const UNITS: [(i64, &str, &str); 4] =
    [(3_600_000, "h", "小时"), (60_000, "min", "分"), (1_000, "s", "秒"), (1, "ms", "毫秒")];

impl Piece {
    /// What the piece is and counts, in words, its times as the clocks of `zone` show them.
    pub fn words(&self, zone: Tz) -> Title {
        let when = stretch(self.from, self.to, zone);
        let what = said(self.kind);
        let count = self.count();
        Title {
            en: format!("{}  {}{}", when.en, what.en, count.en),
            zh: format!("{}  {}{}", when.zh, what.zh, count.zh),
        }
    }

    /// A length of time in words: `2 h 30 min`, `2 小时 30 分`.
    pub fn amount(millis: i64) -> Title {
        let (en, zh) = amount(millis);
        Title { en, zh }
    }

    fn count(&self) -> Title {
        let days =
            |n: u32| (if n == 1 { "1 day".to_owned() } else { format!("{n} days") }, format!("{n} 天"));
        let ((counted, counted_zh), (total, total_zh)) = match self.kind {
            Kind::Closed { .. } | Kind::StartDay | Kind::Roll { .. } => {
                return Title { en: String::new(), zh: String::new() };
            }
            Kind::Open { .. } | Kind::Wall => (amount(self.counted_ms), amount(self.total_ms)),
            Kind::WorkingDay { .. } | Kind::CivilDays { .. } => {
                (days(self.counted_days), days(self.total_days))
            }
            Kind::Between if self.total_days > 0 => (days(self.counted_days), days(self.total_days)),
            Kind::Between => (amount(self.counted_ms), amount(self.total_ms)),
        };
        Title {
            en: format!(": counts {counted}, {total} in all"),
            zh: format!("：计 {counted_zh}，累计 {total_zh}"),
        }
    }
}

fn said(kind: Kind) -> Title {
    let (en, zh) = match kind {
        Kind::Open { hours: By::Weekly } => ("open", "工作时间"),
        Kind::Open { hours: By::MakeUp } => ("open, make-up day", "工作时间（调休上班日）"),
        Kind::Open { hours: By::OwnHours } => ("open, hours of this date", "工作时间（当日特别时间）"),
        Kind::Closed { reason: Reason::Night } => ("closed: outside the hours of the day", "不计：下班时间"),
        Kind::Closed { reason: Reason::Break } => ("closed: break", "不计：中间休息"),
        Kind::Closed { reason: Reason::Weekend } => ("closed: weekend", "不计：周末"),
        Kind::Closed { reason: Reason::ClosedWeekday } => {
            ("closed: weekday without hours", "不计：固定休息日")
        }
        Kind::Closed { reason: Reason::DayOff } => ("closed: day off", "不计：放假"),
        Kind::Closed { reason: Reason::ClockChange } => {
            ("closed: skipped by a clock change", "不计：时钟调整跳过")
        }
        Kind::Wall => ("wall time, open or closed", "自然时间（不论是否工作）"),
        Kind::StartDay => ("start date: not counted", "起始日：不计"),
        Kind::WorkingDay { hours: By::Weekly } => ("working day", "工作日"),
        Kind::WorkingDay { hours: By::MakeUp } => ("working day, make-up day", "工作日（调休上班日）"),
        Kind::WorkingDay { hours: By::OwnHours } => {
            ("working day, hours of this date", "工作日（当日特别时间）")
        }
        Kind::CivilDays { .. } => ("calendar days, working days or not", "自然日（不论是否工作日）"),
        Kind::Roll { hours: By::Weekly | By::OwnHours } => {
            ("next working day: due at its end", "顺延至下一工作日结束")
        }
        Kind::Roll { hours: By::MakeUp } => {
            ("next working day, make-up day: due at its end", "顺延至下一工作日（调休上班日）结束")
        }
        Kind::Between => ("more of the same, left out", "其间各段从略"),
    };
    Title { en: en.to_owned(), zh: zh.to_owned() }
}

fn amount(millis: i64) -> (String, String) {
    let sign = if millis < 0 { "-" } else { "" };
    let (mut en, mut zh) = (Vec::new(), Vec::new());
    let mut left = millis.abs();
    for (size, unit, unit_zh) in UNITS {
        if left >= size {
            en.push(format!("{} {unit}", left / size));
            zh.push(format!("{} {unit_zh}", left / size));
            left %= size;
        }
    }
    if en.is_empty() {
        return ("0 min".into(), "0 分".into());
    }
    (format!("{sign}{}", en.join(" ")), format!("{sign}{}", zh.join(" ")))
}

/// From when to when; the date once, and offsets where they differ.
fn stretch(from: Instant, to: Instant, zone: Tz) -> Title {
    let [from, to] = [from, to].map(|at| at.utc().with_timezone(&zone));
    let offsets = from.offset().fix() != to.offset().fix();
    let one_day = from.date_naive() == to.date_naive();
    let clock = |at: &DateTime<Tz>| {
        let millis = at.timestamp_millis();
        let format = match (millis % 60_000, millis % 1_000) {
            (0, _) => "%H:%M",
            (_, 0) => "%H:%M:%S",
            (_, _) => "%H:%M:%S%.3f",
        };
        let offset = if offsets { " %:z" } else { "" };
        at.format(&format!("{format}{offset}")).to_string()
    };
    let dated = |at: &DateTime<Tz>| {
        let (en, zh) = WEEKDAYS[at.weekday().num_days_from_monday() as usize];
        let (date, clock) = (at.date_naive(), clock(at));
        (format!("{en} {date} {clock}"), format!("{date} {zh} {clock}"))
    };
    let ((en, zh), (to_en, to_zh)) =
        (dated(&from), if one_day { (clock(&to), clock(&to)) } else { dated(&to) });
    Title { en: format!("{en} – {to_en}"), zh: format!("{zh} – {to_zh}") }
}
