//! Owns the bytes of a KPI record: a version, then the fields in order.
//!
//! Numbers are unsigned LEB128, signed ones zigzag; texts and lists have their length in front; an
//! option is a 0, or a 1 and its value.
//!
//! # Why
//! A report decodes every finished instance; read as JSON, a hundred thousand of them would take
//! most of the time it has. The bytes are derived, so another version means another format of the
//! index, which is then built anew, and never an upgrade.

use super::facts::{End, Try, Wait, Waits};
use super::record::{Record, Run, Stop, Traits};
use super::scores::{Handoff, Low, Score, Scores};
use super::training::Training;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// First byte; counted up with every change of the fields.
const VERSION: u8 = 3;
/// Longest list that is believed: an instance keeps less of everything.
const LIST_MAX: u64 = 1_024;

pub(super) fn encode(record: &Record) -> Vec<u8> {
    let mut out = Writer(vec![VERSION]);
    out.instant(record.opened);
    out.text(&record.workflow);
    let Traits { channel, tier, priority, category, owner, first_owner, department, agent } = &record.traits;
    let texts = [channel, tier, priority, category, owner, first_owner, department, agent, &record.level];
    texts.iter().for_each(|text| out.text(text));
    out.option(record.frt.as_ref(), Writer::run);
    out.list(&record.res, Writer::run);
    out.list(&record.totals, Writer::run);
    out.list(&record.dues, Writer::run);
    out.list(&record.tries, |out, tried| {
        out.instant(tried.at);
        out.flag(tried.connected);
    });
    out.number(u64::from(record.rounds));
    out.list(&record.promises, Writer::run);
    out.list(&record.waits, |out, wait| {
        out.instant(wait.at);
        out.signed(wait.ms);
    });
    out.option(record.older.as_ref(), |out, older| {
        out.instant(older.at);
        out.number(u64::from(older.n));
        out.signed(older.ms);
    });
    for flag in [record.raised, record.raised_by_breach, record.repeat, record.heard, record.owned] {
        out.flag(flag);
    }
    out.option(record.reopened.as_ref(), |out, at| out.instant(*at));
    out.option(record.first.as_ref(), Writer::end);
    out.option(record.last.as_ref(), Writer::end);
    out.scores(&record.scores);
    out.list(&record.filings, Writer::run);
    out.option(record.training.as_ref(), |out, training| out.training(training));
    out.0
}

pub(super) fn decode(id: InstanceId, bytes: &[u8]) -> Result<Record, String> {
    let mut from = Reader(bytes);
    let version = from.byte()?;
    if version != VERSION {
        return Err(format!("it has version {version}, and this binary reads {VERSION}"));
    }
    let opened = from.instant()?;
    let workflow = from.text()?;
    let traits = Traits {
        channel: from.text()?,
        tier: from.text()?,
        priority: from.text()?,
        category: from.text()?,
        owner: from.text()?,
        first_owner: from.text()?,
        department: from.text()?,
        agent: from.text()?,
    };
    let record = Record {
        id,
        workflow,
        opened,
        traits,
        level: from.text()?,
        frt: from.option(Reader::run)?,
        res: from.list(Reader::run)?,
        totals: from.list(Reader::run)?,
        dues: from.list(Reader::run)?,
        tries: from.list(|from| Ok(Try { at: from.instant()?, connected: from.flag()? }))?,
        rounds: u32::try_from(from.number()?).map_err(|_| "a count is too large".to_owned())?,
        promises: from.list(Reader::run)?,
        waits: from.list(|from| Ok(Wait { at: from.instant()?, ms: from.signed()? }))?,
        older: from.option(|from| {
            let (at, n) = (from.instant()?, from.number()?);
            let n = u32::try_from(n).map_err(|_| "a count is too large".to_owned())?;
            Ok(Waits { at, n, ms: from.signed()? })
        })?,
        raised: from.flag()?,
        raised_by_breach: from.flag()?,
        repeat: from.flag()?,
        heard: from.flag()?,
        owned: from.flag()?,
        reopened: from.option(Reader::instant)?,
        first: from.option(Reader::end)?,
        last: from.option(Reader::end)?,
        scores: from.scores()?,
        filings: from.list(Reader::run)?,
        training: from.option(Reader::training)?,
    };
    if from.0.is_empty() { Ok(record) } else { Err(format!("{} bytes are left over", from.0.len())) }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    fn signed(&mut self, number: i64) {
        self.number(number.wrapping_shl(1).cast_unsigned() ^ (number >> 63).cast_unsigned());
    }

    fn instant(&mut self, at: Instant) {
        self.signed(at.millis());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(values.len() as u64);
        values.iter().for_each(|value| write(self, value));
    }

    fn run(&mut self, run: &Run) {
        self.instant(run.start);
        self.option(run.counts.as_ref(), |out, at| out.instant(*at));
        self.option(run.ended.as_ref(), |out, stop| {
            out.instant(stop.at);
            out.flag(stop.met);
            out.signed(stop.ms);
            out.flag(stop.done);
        });
        self.flag(run.retargeted);
    }

    fn end(&mut self, end: &End) {
        self.instant(end.at);
        self.text(&end.disposition);
        self.option(end.confirmed.as_ref(), |out, said| out.flag(*said));
        for flag in [end.settled, end.one_exchange, end.answered_first, end.owned] {
            self.flag(flag);
        }
        self.option(end.closed.as_ref(), |out, at| out.instant(*at));
    }

    fn scores(&mut self, scores: &Scores) {
        let Scores { last, lows, handoffs } = scores;
        self.option(last.as_ref(), |out, score| {
            out.instant(score.at);
            out.number(u64::from(score.score));
        });
        self.list(lows, |out, low| {
            out.instant(low.at);
            out.option(low.opened.as_ref(), |out, at| out.instant(*at));
            out.flag(low.recovered);
        });
        self.list(handoffs, |out, handoff| {
            out.instant(handoff.at);
            out.flag(handoff.returned);
        });
    }

    /// As JSON: there are few, and they are as varied as their flows.
    fn training(&mut self, training: &Training) {
        self.text(&serde_json::to_string(training).unwrap_or_default());
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, String> {
        let (first, rest) = self.0.split_first().ok_or_else(|| "it ends too early".to_owned())?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number is too long".to_owned())
    }

    fn signed(&mut self) -> Result<i64, String> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn instant(&mut self) -> Result<Instant, String> {
        Ok(Instant::from_millis(self.signed()?))
    }

    fn flag(&mut self) -> Result<bool, String> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("{other} is neither 0 nor 1")),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        let length = usize::try_from(self.number()?).map_err(|e| e.to_string())?;
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(|| "it ends in a text".to_owned())?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|e| e.to_string())
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<Option<T>, String> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let length = self.number()?;
        if length > LIST_MAX {
            return Err(format!("a list of {length} is too long"));
        }
        (0..length).map(|_| read(self)).collect()
    }

    fn run(&mut self) -> Result<Run, String> {
        Ok(Run {
            start: self.instant()?,
            counts: self.option(Self::instant)?,
            ended: self.option(|from| {
                Ok(Stop { at: from.instant()?, met: from.flag()?, ms: from.signed()?, done: from.flag()? })
            })?,
            retargeted: self.flag()?,
        })
    }

    fn end(&mut self) -> Result<End, String> {
        Ok(End {
            at: self.instant()?,
            disposition: self.text()?,
            confirmed: self.option(Self::flag)?,
            settled: self.flag()?,
            one_exchange: self.flag()?,
            answered_first: self.flag()?,
            owned: self.flag()?,
            closed: self.option(Self::instant)?,
        })
    }

    fn scores(&mut self) -> Result<Scores, String> {
        Ok(Scores {
            last: self.option(|from| {
                let (at, score) = (from.instant()?, from.number()?);
                let score = u8::try_from(score).map_err(|_| "a score is too high".to_owned())?;
                Ok(Score { at, score })
            })?,
            lows: self.list(|from| {
                Ok(Low { at: from.instant()?, opened: from.option(Self::instant)?, recovered: from.flag()? })
            })?,
            handoffs: self.list(|from| Ok(Handoff { at: from.instant()?, returned: from.flag()? }))?,
        })
    }

    fn training(&mut self) -> Result<Box<Training>, String> {
        serde_json::from_str(&self.text()?).map(Box::new).map_err(|error| error.to_string())
    }
}
