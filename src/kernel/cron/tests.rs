//! Checks expressions one by one, and fire times against a walk over every minute.

use chrono::{Datelike, NaiveDate, TimeDelta, Timelike};
use proptest::prelude::*;

use super::*;
use crate::kernel::calendar::parse_zone;

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

/// The first fire times after `after` in `zone`, as local texts with their offset.
fn fires(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let (cron, zone) = (Cron::parse(text).unwrap(), parse_zone(zone).unwrap());
    let local = |at: Instant| at.utc().with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%:z").to_string();
    cron.after(at(after), zone).take(count).map(local).collect()
}

fn refusal(text: &str) -> String {
    Cron::parse(text).unwrap_err()
}

#[test]
fn five_fields_six_fields_and_names_are_read() {
    let wednesday = "2026-03-11T02:00:00Z";
    for (text, next) in [
        ("30 8 * * Mon-Fri", "2026-03-12T08:30:00+08:00"),
        ("0 1 1 * *", "2026-04-01T01:00:00+08:00"),
        ("15 */6 * * *", "2026-03-11T12:15:00+08:00"),
        ("*/10 * * * * *", "2026-03-11T10:00:10+08:00"),
        ("0 0 29 feb *", "2028-02-29T00:00:00+08:00"),
        ("0 9 * * 7", "2026-03-15T09:00:00+08:00"),
        ("0 9 * * 0", "2026-03-15T09:00:00+08:00"),
        ("0 9 * * Fri-Sun", "2026-03-13T09:00:00+08:00"),
        ("0 9 13 * Mon", "2026-03-13T09:00:00+08:00"),
        ("0 9 ? * Mon", "2026-03-16T09:00:00+08:00"),
        ("@yearly", "2027-01-01T00:00:00+08:00"),
        ("@annually", "2027-01-01T00:00:00+08:00"),
        ("@monthly", "2026-04-01T00:00:00+08:00"),
        ("@weekly", "2026-03-15T00:00:00+08:00"),
        ("@daily", "2026-03-12T00:00:00+08:00"),
        ("@midnight", "2026-03-12T00:00:00+08:00"),
        ("@hourly", "2026-03-11T11:00:00+08:00"),
    ] {
        assert_eq!(fires(text, "Asia/Shanghai", wednesday, 1), [next], "{text}");
    }
}

#[test]
fn other_texts_are_refused_with_what_is_accepted() {
    for text in ["", "* * * *", "* * * * * * *", "@reboot", "@every 5m", "daily"] {
        assert!(refusal(text).contains("accepted are five fields"), "{text}: {}", refusal(text));
    }
    for (text, refused) in [
        ("60 * * * *", "`60` is refused as minute; accepted are 0 to 59"),
        ("* 24 * * *", "`24` is refused as hour; accepted are 0 to 23"),
        ("* * 0 * *", "`0` is refused as day of the month; accepted are 1 to 31"),
        ("* * L * *", "`L` is refused as day of the month"),
        ("* * * 13 *", "`13` is refused as month; accepted are 1 to 12, `jan` to `dec`"),
        ("* * * * 8", "`8` is refused as day of the week; accepted are 0 to 7, `sun` to `sat`"),
        ("? * * * *", "`?` is refused as minute"),
        ("*,5 * * * *", "`*,5` is refused as minute"),
        ("1, * * * *", "`1,` is refused as minute"),
        ("+1 * * * *", "`+1` is refused as minute"),
        ("5-1 * * * *", "`5-1` goes backwards as minute; accepted is `1-5`"),
        ("*/0 * * * *", "the step of `*/0` is refused as minute; accepted is 1 to 59"),
        ("1,1 * * * *", "`1,1` names `1` twice as minute; accepted is each value once"),
        ("* * * * 0,7", "`0,7` names `7` twice as day of the week"),
        ("0 0 30 2 *", "`0 0 30 2 *` never fires: no year has such a date"),
        ("0 0 31 4,6,9,11 *", "`0 0 31 4,6,9,11 *` never fires"),
    ] {
        assert!(refusal(text).starts_with(refused), "{text}: {}", refusal(text));
    }
    assert!(refusal(&"1,".repeat(300)).contains("at most 500 characters"));
}

#[test]
fn civil_time_in_a_gap_fires_once_at_its_end() {
    let eve = "2026-03-07T12:00:00-05:00";
    assert_eq!(
        fires("30 2 * * *", "America/New_York", eve, 3),
        ["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00", "2026-03-10T02:30:00-04:00"]
    );
    assert_eq!(
        fires("*/20 1-3 * * *", "America/New_York", "2026-03-08T01:30:00-05:00", 3),
        ["2026-03-08T01:40:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T03:20:00-04:00"]
    );
}

#[test]
fn repeated_civil_time_fires_once_at_its_first_occurrence() {
    assert_eq!(
        fires("30 1 * * *", "America/New_York", "2026-10-31T12:00:00-04:00", 2),
        ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"]
    );
    let second_run = "2026-11-01T01:10:00-05:00";
    assert_eq!(fires("30 1 * * *", "America/New_York", second_run, 1), ["2026-11-02T01:30:00-05:00"]);
    assert_eq!(fires("@hourly", "America/New_York", second_run, 1), ["2026-11-01T02:00:00-05:00"]);
}

#[test]
fn day_that_a_zone_left_out_fires_at_the_next_days_beginning() {
    // Samoa went over the date line: 2011-12-30 did not exist there.
    assert_eq!(
        fires("0 12 * * *", "Pacific/Apia", "2011-12-29T13:00:00-10:00", 2),
        ["2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"]
    );
}

#[test]
fn fire_time_itself_is_never_the_next_one() {
    let cron = Cron::parse("0 9 * * *").unwrap();
    let zone = parse_zone("Asia/Shanghai").unwrap();
    let nine = at("2026-03-11T09:00:00+08:00");
    assert_eq!(cron.next_after(nine.plus_millis(-1), zone), Some(nine));
    assert_eq!(cron.next_after(nine, zone), Some(at("2026-03-12T09:00:00+08:00")));
    assert_eq!(cron.next_after(nine.plus_millis(1), zone), Some(at("2026-03-12T09:00:00+08:00")));
}

#[test]
fn nothing_fires_beyond_the_last_year() {
    let cron = Cron::parse("@yearly").unwrap();
    let zone = parse_zone("UTC").unwrap();
    assert_eq!(cron.after(at("2098-05-01T00:00:00Z"), zone).count(), 2);
}

#[test]
fn last_fire_time_is_found_however_long_ago_the_first_was() {
    let zone = parse_zone("America/New_York").unwrap();
    for (text, until, last) in [
        ("* * * * * *", "2026-11-01T05:59:59.500Z", "2026-11-01T05:59:59Z"),
        ("* * * * * *", "2026-11-01T06:30:00Z", "2026-11-01T05:59:59Z"),
        ("30 2 * * *", "2026-03-08T12:00:00Z", "2026-03-08T07:00:00Z"),
        ("@monthly", "2026-03-31T12:00:00Z", "2026-03-01T05:00:00Z"),
    ] {
        let cron = Cron::parse(text).unwrap();
        let first = cron.next_after(at("2020-01-01T00:00:00Z"), zone).unwrap();
        assert_eq!(cron.last_until(first, at(until), zone), at(last), "{text} {until}");
        assert_eq!(cron.last_until(first, first, zone), first);
    }
}

#[test]
fn json_form_is_the_text() {
    let cron: Cron = serde_json::from_str("\"  30 8 *  * Mon-Fri\"").unwrap();
    assert_eq!(serde_json::to_string(&cron).unwrap(), "\"30 8 * * Mon-Fri\"");
    assert!(serde_json::from_str::<Cron>("\"61 * * * *\"").is_err());
}

/// A field of the property test: its text, and whether it accepts a value.
type Drawn = (String, Vec<u32>);

/// Any value, a few of them, a range, or steps.
fn field(min: u32, max: u32) -> impl Strategy<Value = Drawn> {
    let all: Vec<u32> = (min..=max).collect();
    let from =
        move |step: u32, first: u32, last: u32| (first..=last).step_by(step as usize).collect::<Vec<_>>();
    prop_oneof![
        Just(("*".to_owned(), all)),
        prop::collection::btree_set(min..=max, 1..4).prop_map(|set| {
            let texts: Vec<String> = set.iter().map(u32::to_string).collect();
            (texts.join(","), set.into_iter().collect())
        }),
        (min..=max, min..=max).prop_map(move |(a, b)| {
            let (first, last) = (a.min(b), a.max(b));
            (format!("{first}-{last}"), from(1, first, last))
        }),
        (2..=max).prop_map(move |step| (format!("*/{step}"), from(step, min, max))),
        (min..=max, 2..=max)
            .prop_map(move |(first, step)| (format!("{first}/{step}"), from(step, first, max))),
    ]
}

const ZONES: [(&str, &str); 6] = [
    ("America/New_York", "2026-03-08T00:00:00Z"),
    ("America/New_York", "2026-11-01T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
    ("America/Sao_Paulo", "2018-11-03T20:00:00Z"),
    ("Asia/Shanghai", "2026-02-28T00:00:00Z"),
];

/// The instant of a civil minute, found by walking: the first one at or after it that exists.
fn walked(mut civil: NaiveDateTime, zone: Tz) -> Instant {
    loop {
        match zone.from_local_datetime(&civil).earliest() {
            Some(moment) => return moment.with_timezone(&Utc).into(),
            None => civil += TimeDelta::minutes(1),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fire_times_are_those_of_a_walk_over_every_minute(
        minute in field(0, 59), hour in field(0, 23), day in field(1, 31), month in field(1, 12),
        weekday in field(0, 6), place in 0..ZONES.len(), offset in 0i64..2 * 86_400,
    ) {
        let text = format!("{} {} {} {} {}", minute.0, hour.0, day.0, month.0, weekday.0);
        let Ok(cron) = Cron::parse(&text) else { return Ok(()) };
        let (zone, around) = ZONES[place];
        let zone = parse_zone(zone).unwrap();
        let after = at(around).plus_millis(offset * 1_000 - 86_400_000);
        let until = after.plus_millis(3 * 86_400_000);
        let found: Vec<Instant> = cron.after(after, zone).take_while(|at| *at <= until).collect();
        prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));

        let on_day = |date: NaiveDate| {
            let (by_day, by_weekday) =
                (day.1.contains(&date.day()), weekday.1.contains(&date.weekday().num_days_from_sunday()));
            if day.0 != "*" && weekday.0 != "*" { by_day || by_weekday } else { by_day && by_weekday }
        };
        let first = after.utc().with_timezone(&zone).naive_local().date().and_hms_opt(0, 0, 0).unwrap();
        let minutes = (0..5 * 1_440).map(|n| first + TimeDelta::minutes(n));
        let mut walked: Vec<Instant> = minutes
            .filter(|at| {
                minute.1.contains(&at.minute())
                    && hour.1.contains(&at.hour())
                    && month.1.contains(&at.month())
                    && on_day(at.date())
            })
            .map(|civil| walked(civil, zone))
            .filter(|at| *at > after && *at <= until)
            .collect();
        walked.dedup();
        prop_assert_eq!(found, walked, "{} in {}", text, zone);
    }
}
