//! Owns a year of a calendar as people look at it: twelve months in weeks, and what differs from the week in words.

use chrono::{Datelike, NaiveDate, Weekday};

use super::lang::Lang;
use crate::kernel::calendar::explain::{By, Kind, Reason};
use crate::kernel::calendar::{Calendar, Hours};

/// A date of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its number.
    pub number: u32,
    /// Classes that colour it.
    pub class: String,
    /// What the colour says, in words; empty where there is nothing to say.
    pub words: String,
}

/// One month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its number, from 1.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Weeks from Monday on; no day where the month does not have it.
    pub weeks: Vec<Vec<Option<Day>>>,
}

/// Dates one after another that differ from the week alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its dates in words.
    pub dates: String,
    /// How many days it has.
    pub days: i64,
    /// The hours of its dates; empty where they are off.
    pub hours: String,
}

/// A year of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Year {
    /// From January on.
    pub months: Vec<Month>,
    /// How many working days it has.
    pub working_days: usize,
    /// Days off.
    pub off: Vec<Stretch>,
    /// Working days on weekdays that are closed otherwise.
    pub make_up: Vec<Stretch>,
    /// Days with other hours than their weekday.
    pub own: Vec<Stretch>,
}

impl Year {
    /// The year `number` of `calendar`, in which `today` is marked.
    pub fn new(calendar: &Calendar, number: i32, today: NaiveDate, lang: Lang) -> Self {
        let dates: Vec<NaiveDate> = NaiveDate::from_ymd_opt(number, 1, 1)
            .into_iter()
            .flat_map(|first| first.iter_days())
            .take_while(|date| date.year() == number)
            .collect();
        let stretches =
            |of: Kind| stretches(calendar, dates.iter().filter(|date| calendar.day(**date) == of), lang);
        let month = |month: u32| {
            let own = dates.iter().filter(|date| date.month() == month);
            Month { number: month, name: month_name(month, lang), weeks: weeks(calendar, own, today, lang) }
        };
        Self {
            months: (1..=12).map(month).collect(),
            working_days: dates.iter().filter(|date| calendar.is_working_day(**date)).count(),
            off: stretches(Kind::Closed { reason: Reason::DayOff }),
            make_up: stretches(Kind::WorkingDay { hours: By::MakeUp }),
            own: stretches(Kind::WorkingDay { hours: By::OwnHours }),
        }
    }
}

fn weeks<'d>(
    calendar: &Calendar,
    dates: impl Iterator<Item = &'d NaiveDate>,
    today: NaiveDate,
    lang: Lang,
) -> Vec<Vec<Option<Day>>> {
    let mut weeks: Vec<Vec<Option<Day>>> = Vec::new();
    for date in dates {
        let column = date.weekday().num_days_from_monday() as usize;
        if column == 0 || weeks.is_empty() {
            weeks.push(vec![None; 7]);
        }
        if let Some(week) = weeks.last_mut() {
            week[column] = Some(day(calendar, *date, today, lang));
        }
    }
    weeks
}

fn day(calendar: &Calendar, date: NaiveDate, today: NaiveDate, lang: Lang) -> Day {
    let hours = listed(calendar.hours(date));
    let (class, words) = match calendar.day(date) {
        Kind::Closed { reason: Reason::DayOff } => ("off", lang.t("day off", "休息日").to_owned()),
        Kind::WorkingDay { hours: By::MakeUp } => {
            ("make-up", format!("{} {hours}", lang.t("make-up working day", "调休上班")))
        }
        Kind::WorkingDay { hours: By::OwnHours } => {
            ("own", format!("{} {hours}", lang.t("own hours", "特殊时间")))
        }
        Kind::WorkingDay { hours: By::Weekly } => ("", String::new()),
        Kind::Closed { .. }
        | Kind::Open { .. }
        | Kind::Wall
        | Kind::StartDay
        | Kind::CivilDays { .. }
        | Kind::Roll { .. }
        | Kind::Between => ("closed", lang.t("closed", "休息").to_owned()),
    };
    let marked = [(class, words), ("today", lang.t("today", "今天").to_owned())];
    let shown =
        marked.into_iter().take(if date == today { 2 } else { 1 }).filter(|(class, _)| !class.is_empty());
    let (classes, words): (Vec<_>, Vec<_>) = shown.unzip();
    Day { number: date.day(), class: classes.join(" "), words: words.join(lang.t(", ", "，")) }
}

/// Dates one after another with the same hours as one.
fn stretches<'d>(
    calendar: &Calendar,
    dates: impl Iterator<Item = &'d NaiveDate>,
    lang: Lang,
) -> Vec<Stretch> {
    let mut found: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for date in dates {
        match found.last_mut() {
            Some((_, last))
                if last.succ_opt() == Some(*date) && calendar.hours(*last) == calendar.hours(*date) =>
            {
                *last = *date;
            }
            Some(_) | None => found.push((*date, *date)),
        }
    }
    let stretch = |(first, last): &(NaiveDate, NaiveDate)| Stretch {
        dates: match first == last {
            true => date_text(*first, lang),
            false => format!("{}{}{}", date_text(*first, lang), lang.t(" – ", "至"), date_text(*last, lang)),
        },
        days: (*last - *first).num_days() + 1,
        hours: listed(calendar.hours(*first)),
    };
    found.iter().map(stretch).collect()
}

/// Opening hours in one line.
pub fn listed(hours: &[Hours]) -> String {
    hours.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A date with its weekday: `Thu 1 Jan`, `1月1日（周四）`.
pub fn date_text(date: NaiveDate, lang: Lang) -> String {
    let (day, weekday) = (date.day(), weekday(date.weekday(), lang));
    let en = format!("{weekday} {day} {}", &month_name(date.month(), Lang::EN)[..3]);
    lang.t(&en, &format!("{}月{day}日（{weekday}）", date.month())).to_owned()
}

/// A short name of a weekday.
pub const fn weekday(day: Weekday, lang: Lang) -> &'static str {
    match day {
        Weekday::Mon => lang.t("Mon", "周一"),
        Weekday::Tue => lang.t("Tue", "周二"),
        Weekday::Wed => lang.t("Wed", "周三"),
        Weekday::Thu => lang.t("Thu", "周四"),
        Weekday::Fri => lang.t("Fri", "周五"),
        Weekday::Sat => lang.t("Sat", "周六"),
        Weekday::Sun => lang.t("Sun", "周日"),
    }
}

/// Every weekday, Monday first.
pub const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// The name of the month with this number, from 1.
fn month_name(number: u32, lang: Lang) -> String {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    lang.t(NAMES[(number as usize - 1) % NAMES.len()], &format!("{number}月")).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kernel::calendar::CalendarFile;

    fn calendar() -> Calendar {
        let hours = json!(["09:00-12:00", "13:00-18:00"]);
        let file = json!({
            "name": "cn", "version": 1, "title": { "en": "China", "zh": "中国" }, "zone": "Asia/Shanghai",
            "weekly": { "mon": hours, "tue": hours, "wed": hours, "thu": hours, "fri": hours },
            "off": ["2026-01-01 to 2026-01-03", "2026-02-16"],
            "open": { "2026-01-04": hours, "2026-02-17": ["09:00-12:00"], "2026-02-18": ["09:00-11:00"] },
        });
        serde_json::from_value::<CalendarFile>(file).unwrap().check().unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_begins_on_its_weekday_and_says_what_differs() {
        let year = Year::new(&calendar(), 2026, date("2026-01-05"), Lang::EN);
        assert_eq!(year.months.len(), 12);
        let january = &year.months[0];
        assert_eq!((january.name.as_str(), january.weeks.len()), ("January", 5));
        let first = &january.weeks[0];
        assert_eq!(first.iter().flatten().map(|day| day.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(first[..3].iter().all(Option::is_none), "it begins on a Thursday");
        let shown = |day: &Option<Day>| {
            day.as_ref().map(|day| (day.class.clone(), day.words.clone())).unwrap_or_default()
        };
        assert_eq!(shown(&first[3]), ("off".into(), "day off".into()));
        assert_eq!(
            shown(&first[6]),
            ("make-up".into(), "make-up working day 09:00-12:00, 13:00-18:00".into())
        );
        assert_eq!(shown(&january.weeks[1][0]), ("today".into(), "today".into()));
        assert_eq!(shown(&january.weeks[1][1]), (String::new(), String::new()));
        assert_eq!(shown(&january.weeks[1][5]), ("closed".into(), "closed".into()));
    }

    #[test]
    fn dates_one_after_another_are_told_as_one() {
        let year = Year::new(&calendar(), 2026, date("2025-01-05"), Lang::EN);
        let told = |stretches: &[Stretch]| {
            stretches.iter().map(|s| format!("{} [{}] {}", s.dates, s.days, s.hours)).collect::<Vec<_>>()
        };
        assert_eq!(told(&year.off), ["Thu 1 Jan – Sat 3 Jan [3] ", "Mon 16 Feb [1] "]);
        assert_eq!(told(&year.make_up), ["Sun 4 Jan [1] 09:00-12:00, 13:00-18:00"]);
        assert_eq!(told(&year.own), ["Tue 17 Feb [1] 09:00-12:00", "Wed 18 Feb [1] 09:00-11:00"]);
        assert_eq!(year.working_days, 261 - 3 + 1);
        let chinese = Year::new(&calendar(), 2026, date("2025-01-05"), Lang::ZH);
        assert_eq!(chinese.off[0].dates, "1月1日（周四）至1月3日（周六）");
    }

    #[test]
    fn a_leap_year_has_its_day() {
        let year = Year::new(&calendar(), 2028, date("2025-01-05"), Lang::ZH);
        assert_eq!(year.months[1].weeks.iter().flatten().flatten().count(), 29);
        assert_eq!(year.months[1].name, "2月");
    }
}
