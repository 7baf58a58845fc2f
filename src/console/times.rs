//! Owns how moments and spans are written for people: local times of one zone, spans in two units.

use chrono::{DateTime, Datelike};
use chrono_tz::Tz;

use super::lang::Lang;
use crate::kernel::instant::Instant;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A moment on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// RFC 3339, for programs.
    pub exact: String,
    /// What people read: date and minute.
    pub text: String,
    /// With the day of the week and seconds, for who points at it.
    pub long: String,
}

impl Time {
    /// `at` on the clocks of `zone`.
    pub fn new(at: Instant, zone: Tz, lang: Lang) -> Self {
        let local = at.utc().with_timezone(&zone);
        Self {
            exact: at.to_string(),
            text: local.format("%Y-%m-%d %H:%M").to_string(),
            long: format!("{} {} {}", weekday(&local, lang), local.format("%Y-%m-%d %H:%M:%S"), zone.name()),
        }
    }

    /// As [`Time::new`], of a moment as the API writes it; the text itself where it is none.
    pub fn of_text(text: &str, zone: Tz, lang: Lang) -> Self {
        match Instant::parse(text) {
            Ok(at) => Self::new(at, zone, lang),
            Err(_) => Self { exact: text.to_owned(), text: text.to_owned(), long: text.to_owned() },
        }
    }
}

fn weekday(local: &DateTime<Tz>, lang: Lang) -> &'static str {
    let day = local.weekday().num_days_from_monday() as usize;
    let en = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let zh = ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"];
    lang.t(en[day], zh[day])
}

/// `millis` in its two largest units: `2 h 5 min`, `3 天 4 小时`.
pub fn span(millis: i64, lang: Lang) -> String {
    let millis = millis.abs();
    let (days, hours, minutes) = (millis / DAY_MS, millis % DAY_MS / HOUR_MS, millis % HOUR_MS / MINUTE_MS);
    let part = |number: i64, en: &str, zh: &str| format!("{number} {}", lang.t(en, zh));
    let (first, second) = match (days, hours, minutes) {
        (0, 0, minutes) => (part(minutes, "min", "分钟"), None),
        (0, hours, minutes) => {
            (part(hours, "h", "小时"), (minutes > 0).then(|| part(minutes, "min", "分钟")))
        }
        (days, hours, _) => (part(days, "d", "天"), (hours > 0).then(|| part(hours, "h", "小时"))),
    };
    second.map_or(first.clone(), |second| format!("{first} {second}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_on_local_clocks() {
        let at = Instant::parse("2026-03-11T02:05:07Z").unwrap();
        let time = Time::new(at, chrono_tz::Asia::Shanghai, Lang::ZH);
        assert_eq!(
            (time.text.as_str(), time.exact.as_str()),
            ("2026-03-11 10:05", "2026-03-11T02:05:07.000Z")
        );
        assert_eq!(time.long, "星期三 2026-03-11 10:05:07 Asia/Shanghai");
    }

    #[test]
    fn a_span_has_two_units() {
        let spans = [
            (0, "0 min"),
            (59_999, "0 min"),
            (5 * HOUR_MS, "5 h"),
            (5 * HOUR_MS + 60_000, "5 h 1 min"),
            (3 * DAY_MS + HOUR_MS, "3 d 1 h"),
            (-HOUR_MS, "1 h"),
        ];
        for (millis, expected) in spans {
            assert_eq!(span(millis, Lang::EN), expected, "{millis}");
        }
        assert_eq!(span(26 * HOUR_MS, Lang::ZH), "1 天 2 小时");
    }
}
