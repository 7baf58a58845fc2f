//! How answers are derived, in words and as data.

use serde_json::json;

use super::{HOUR, at, calendar, china, every_day, new_york};
use crate::kernel::calendar::explain::{Kind, PIECES_MAX, Piece, Reason};
use crate::kernel::calendar::{Calendar, DAY_MILLIS};
use crate::kernel::span::Span;

fn derived(calendar: &Calendar, start: &str, span: &str) -> Vec<Piece> {
    calendar.derive(at(calendar, start), Span::parse(span).unwrap())
}

fn told(calendar: &Calendar, pieces: &[Piece]) -> String {
    let lines = pieces.iter().map(|piece| piece.words(calendar.zone()));
    let lines = lines.flat_map(|words| [words.en, words.zh]);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn business_time_is_told_opening_by_opening() {
    let china = china();
    insta::assert_snapshot!(told(&china, &derived(&china, "2026-03-11 11:30", "2 business hours")), @r"
    Wed 2026-03-11 11:30 – 12:00  open: counts 30 min, 30 min in all
    2026-03-11 周三 11:30 – 12:00  工作时间：计 30 分，累计 30 分
    Wed 2026-03-11 12:00 – 13:00  closed: break
    2026-03-11 周三 12:00 – 13:00  不计：中间休息
    Wed 2026-03-11 13:00 – 14:30  open: counts 1 h 30 min, 2 h in all
    2026-03-11 周三 13:00 – 14:30  工作时间：计 1 小时 30 分，累计 2 小时
    ");
    insta::assert_snapshot!(told(&china, &derived(&china, "2026-02-13 17:30", "10 business hours")), @r"
    Fri 2026-02-13 17:30 – 18:00  open: counts 30 min, 30 min in all
    2026-02-13 周五 17:30 – 18:00  工作时间：计 30 分，累计 30 分
    Fri 2026-02-13 18:00 – Sat 2026-02-14 09:00  closed: outside the hours of the day
    2026-02-13 周五 18:00 – 2026-02-14 周六 09:00  不计：下班时间
    Sat 2026-02-14 09:00 – 12:00  open, make-up day: counts 3 h, 3 h 30 min in all
    2026-02-14 周六 09:00 – 12:00  工作时间（调休上班日）：计 3 小时，累计 3 小时 30 分
    Sat 2026-02-14 12:00 – 13:00  closed: break
    2026-02-14 周六 12:00 – 13:00  不计：中间休息
    Sat 2026-02-14 13:00 – 18:00  open, make-up day: counts 5 h, 8 h 30 min in all
    2026-02-14 周六 13:00 – 18:00  工作时间（调休上班日）：计 5 小时，累计 8 小时 30 分
    Sat 2026-02-14 18:00 – Sun 2026-02-15 00:00  closed: outside the hours of the day
    2026-02-14 周六 18:00 – 2026-02-15 周日 00:00  不计：下班时间
    Sun 2026-02-15 00:00 – Tue 2026-02-24 00:00  closed: day off
    2026-02-15 周日 00:00 – 2026-02-24 周二 00:00  不计：放假
    Tue 2026-02-24 00:00 – 09:00  closed: outside the hours of the day
    2026-02-24 周二 00:00 – 09:00  不计：下班时间
    Tue 2026-02-24 09:00 – 10:30  open: counts 1 h 30 min, 10 h in all
    2026-02-24 周二 09:00 – 10:30  工作时间：计 1 小时 30 分，累计 10 小时
    ");
}

#[test]
fn days_are_told_date_by_date() {
    let china = china();
    insta::assert_snapshot!(told(&china, &derived(&china, "2026-09-30 10:00", "3 working days")), @r"
    Wed 2026-09-30 10:00 – Thu 2026-10-01 00:00  start date: not counted
    2026-09-30 周三 10:00 – 2026-10-01 周四 00:00  起始日：不计
    Thu 2026-10-01 00:00 – Thu 2026-10-08 00:00  closed: day off
    2026-10-01 周四 00:00 – 2026-10-08 周四 00:00  不计：放假
    Thu 2026-10-08 00:00 – Fri 2026-10-09 00:00  working day: counts 1 day, 1 day in all
    2026-10-08 周四 00:00 – 2026-10-09 周五 00:00  工作日：计 1 天，累计 1 天
    Fri 2026-10-09 00:00 – Sat 2026-10-10 00:00  working day: counts 1 day, 2 days in all
    2026-10-09 周五 00:00 – 2026-10-10 周六 00:00  工作日：计 1 天，累计 2 天
    Sat 2026-10-10 00:00 – 18:00  working day, make-up day: counts 1 day, 3 days in all
    2026-10-10 周六 00:00 – 18:00  工作日（调休上班日）：计 1 天，累计 3 天
    ");
    insta::assert_snapshot!(
        told(&china, &derived(&china, "2026-02-13 23:59", "2 calendar days or next working day")),
        @r"
    Fri 2026-02-13 23:59 – Sat 2026-02-14 00:00  start date: not counted
    2026-02-13 周五 23:59 – 2026-02-14 周六 00:00  起始日：不计
    Sat 2026-02-14 00:00 – Mon 2026-02-16 00:00  calendar days, working days or not: counts 2 days, 2 days in all
    2026-02-14 周六 00:00 – 2026-02-16 周一 00:00  自然日（不论是否工作日）：计 2 天，累计 2 天
    Mon 2026-02-16 00:00 – Tue 2026-02-24 00:00  closed: day off
    2026-02-16 周一 00:00 – 2026-02-24 周二 00:00  不计：放假
    Tue 2026-02-24 00:00 – Wed 2026-02-25 00:00  next working day: due at its end
    2026-02-24 周二 00:00 – 2026-02-25 周三 00:00  顺延至下一工作日结束
    "
    );
    insta::assert_snapshot!(told(&china, &derived(&china, "2026-02-14 17:30", "48 hours")), @r"
    Sat 2026-02-14 17:30 – Mon 2026-02-16 17:30  wall time, open or closed: counts 48 h, 48 h in all
    2026-02-14 周六 17:30 – 2026-02-16 周一 17:30  自然时间（不论是否工作）：计 48 小时，累计 48 小时
    ");
}

#[test]
fn clock_changes_and_own_hours_are_told() {
    let ny = new_york();
    insta::assert_snapshot!(told(&ny, &derived(&ny, "2026-11-01 00:30", "4 business hours")), @r"
    Sun 2026-11-01 00:30 – 01:00  closed: outside the hours of the day
    2026-11-01 周日 00:30 – 01:00  不计：下班时间
    Sun 2026-11-01 01:00 -04:00 – 04:00 -05:00  open: counts 4 h, 4 h in all
    2026-11-01 周日 01:00 -04:00 – 04:00 -05:00  工作时间：计 4 小时，累计 4 小时
    ");
    let samoa = every_day("Pacific/Apia", &["09:00-17:00"]);
    insta::assert_snapshot!(told(&samoa, &derived(&samoa, "2011-12-29 16:00", "90 business seconds")), @r"
    Thu 2011-12-29 16:00 – 16:01:30  open: counts 1 min 30 s, 1 min 30 s in all
    2011-12-29 周四 16:00 – 16:01:30  工作时间：计 1 分 30 秒，累计 1 分 30 秒
    ");
    insta::assert_snapshot!(told(&samoa, &derived(&samoa, "2011-12-29 16:00", "1 working day")), @r"
    Thu 2011-12-29 16:00 -10:00 – Sat 2011-12-31 00:00 +14:00  start date: not counted
    2011-12-29 周四 16:00 -10:00 – 2011-12-31 周六 00:00 +14:00  起始日：不计
    Sat 2011-12-31 00:00 – 17:00  working day: counts 1 day, 1 day in all
    2011-12-31 周六 00:00 – 17:00  工作日：计 1 天，累计 1 天
    ");
    let gap = every_day("America/New_York", &["02:15-02:45"]);
    insta::assert_snapshot!(told(&gap, &derived(&gap, "2026-03-07 02:30", "30 business minutes")), @r"
    Sat 2026-03-07 02:30 – 02:45  open: counts 15 min, 15 min in all
    2026-03-07 周六 02:30 – 02:45  工作时间：计 15 分，累计 15 分
    Sat 2026-03-07 02:45 – Sun 2026-03-08 00:00  closed: outside the hours of the day
    2026-03-07 周六 02:45 – 2026-03-08 周日 00:00  不计：下班时间
    Sun 2026-03-08 00:00 -05:00 – Mon 2026-03-09 00:00 -04:00  closed: skipped by a clock change
    2026-03-08 周日 00:00 -05:00 – 2026-03-09 周一 00:00 -04:00  不计：时钟调整跳过
    Mon 2026-03-09 00:00 – 02:15  closed: outside the hours of the day
    2026-03-09 周一 00:00 – 02:15  不计：下班时间
    Mon 2026-03-09 02:15 – 02:30  open: counts 15 min, 30 min in all
    2026-03-09 周一 02:15 – 02:30  工作时间：计 15 分，累计 30 分
    ");
    let own = calendar(json!({
        "name": "own", "version": 1, "title": {"en": "Own", "zh": "自定"}, "zone": "Asia/Shanghai",
        "weekly": {"mon": ["09:00-18:00"], "wed": ["09:00-18:00"]}, "open": {"2026-03-11": ["10:00-12:00"]},
    }));
    insta::assert_snapshot!(told(&own, &derived(&own, "2026-03-09 17:30", "3 business hours")), @r"
    Mon 2026-03-09 17:30 – 18:00  open: counts 30 min, 30 min in all
    2026-03-09 周一 17:30 – 18:00  工作时间：计 30 分，累计 30 分
    Mon 2026-03-09 18:00 – Tue 2026-03-10 00:00  closed: outside the hours of the day
    2026-03-09 周一 18:00 – 2026-03-10 周二 00:00  不计：下班时间
    Tue 2026-03-10 00:00 – Wed 2026-03-11 00:00  closed: weekday without hours
    2026-03-10 周二 00:00 – 2026-03-11 周三 00:00  不计：固定休息日
    Wed 2026-03-11 00:00 – 10:00  closed: outside the hours of the day
    2026-03-11 周三 00:00 – 10:00  不计：下班时间
    Wed 2026-03-11 10:00 – 12:00  open, hours of this date: counts 2 h, 2 h 30 min in all
    2026-03-11 周三 10:00 – 12:00  工作时间（当日特别时间）：计 2 小时，累计 2 小时 30 分
    Wed 2026-03-11 12:00 – Thu 2026-03-12 00:00  closed: outside the hours of the day
    2026-03-11 周三 12:00 – 2026-03-12 周四 00:00  不计：下班时间
    Thu 2026-03-12 00:00 – Sat 2026-03-14 00:00  closed: weekday without hours
    2026-03-12 周四 00:00 – 2026-03-14 周六 00:00  不计：固定休息日
    Sat 2026-03-14 00:00 – Mon 2026-03-16 00:00  closed: weekend
    2026-03-14 周六 00:00 – 2026-03-16 周一 00:00  不计：周末
    Mon 2026-03-16 00:00 – 09:00  closed: outside the hours of the day
    2026-03-16 周一 00:00 – 09:00  不计：下班时间
    Mon 2026-03-16 09:00 – 09:30  open: counts 30 min, 3 h in all
    2026-03-16 周一 09:00 – 09:30  工作时间：计 30 分，累计 3 小时
    ");
}

#[test]
fn pieces_follow_each_other_and_add_up_to_the_answer() {
    let china = china();
    for (start, span) in [
        ("2026-03-11 07:15", "1 business hour"),
        ("2026-03-11 18:00", "8 business hours"),
        ("2026-02-14 17:30", "200 business hours"),
        ("2026-02-14 17:30", "10000 business hours"),
        ("2026-02-20 10:00", "5 working days"),
        ("2026-02-20 10:00", "1000 working days"),
        ("2026-02-13 10:00", "9 calendar days or next working day"),
        ("2026-02-13 10:00", "3660 calendar days"),
        ("2026-02-14 17:30", "90 minutes"),
    ] {
        let (start, span) = (at(&china, start), Span::parse(span).unwrap());
        let pieces = china.derive(start, span);
        assert!(pieces.len() <= PIECES_MAX, "{span}");
        assert_eq!(pieces[0].from, start, "{span}");
        assert!(pieces.windows(2).all(|two| two[0].to == two[1].from), "{span}");
        let last = pieces.last().unwrap();
        assert_eq!(last.to, china.due(start, span), "{span}");
        let (millis, days) = match span {
            Span::Business(seconds) | Span::Wall(seconds) => (i64::from(seconds.get()) * 1_000, 0),
            Span::WorkingDays(days) | Span::CalendarDays(days, _) => (0, days.get()),
        };
        assert_eq!((last.total_ms, last.total_days), (millis, days), "{span}");
        assert_eq!(pieces.iter().map(|piece| piece.counted_ms).sum::<i64>(), millis, "{span}");
        assert_eq!(pieces.iter().map(|piece| piece.counted_days).sum::<u32>(), days, "{span}");
    }
}

#[test]
fn what_is_too_much_to_list_is_one_piece() {
    let china = china();
    let long = derived(&china, "2026-03-11 10:00", "10000 business hours");
    let between: Vec<_> = long.iter().filter(|piece| piece.kind == Kind::Between).collect();
    assert_eq!(between.len(), 1);
    assert_eq!(between[0].counted_ms, china.elapsed(between[0].from, between[0].to));
    let (from, to) = (at(&china, "1980-01-01 00:00"), at(&china, "2080-01-01 00:00"));
    let century = china.derive_elapsed(from, to);
    assert!(century.len() <= PIECES_MAX);
    assert_eq!(century.last().unwrap().total_ms, china.elapsed(from, to));
    let days = derived(&china, "2026-03-11 10:00", "1000 working days");
    assert_eq!(days.len(), PIECES_MAX);
    assert_eq!(days[PIECES_MAX - 2].kind, Kind::Between);
}

#[test]
fn elapsed_time_may_end_while_closed_and_never_runs_back() {
    let china = china();
    let (from, to) = (at(&china, "2026-03-13 17:00"), at(&china, "2026-03-14 12:00"));
    let pieces = china.derive_elapsed(from, to);
    let last = pieces.last().unwrap();
    assert_eq!((last.to, last.total_ms), (to, HOUR));
    assert_eq!(last.kind, Kind::Closed { reason: Reason::Weekend });
    assert_eq!(china.derive_elapsed(to, from), []);
    assert_eq!(china.derive_elapsed(to, to), []);
}

#[test]
fn a_piece_is_plain_data() {
    let always = every_day("Asia/Shanghai", &["00:00-24:00"]);
    let start = at(&always, "2026-03-11 00:00");
    let pieces = always.derive_elapsed(start, start.plus_millis(DAY_MILLIS));
    assert_eq!(
        serde_json::to_value(&pieces).unwrap(),
        json!([{
            "from": "2026-03-10T16:00:00.000Z", "to": "2026-03-11T16:00:00.000Z", "kind": "open", "hours": "weekly",
            "counted_ms": DAY_MILLIS, "total_ms": DAY_MILLIS, "counted_days": 0, "total_days": 0,
        }])
    );
}
