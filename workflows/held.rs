//! Owns holding the folded KPIs of some histories to those computed again. For the tests of flows.

use super::naive::{Naive, Number};
use crate::kernel::entry::Entry;
use crate::kernel::instance::Instance;
use crate::kernel::kpi::fold::{Behind, Grouping, Line, Part, fold};
use crate::kernel::kpi::measure::{Frame, Measure};
use crate::kernel::kpi::{self, Record};

/// Holds the folded numbers of `measures` over the instances of `drives` to those that their histories give.
pub(crate) fn assert_equal<'d>(
    measures: &[Measure],
    drives: impl IntoIterator<Item = (&'d Instance, &'d [Entry])>,
    frame: Frame,
) -> Vec<Line> {
    let (mut histories, mut records) = (Vec::new(), Vec::new());
    for (instance, entries) in drives {
        histories.push(Naive::new(entries));
        records.extend(kpi::record(instance));
    }
    for record in &records {
        assert_eq!(&Record::decode(record.id.clone(), &record.encode()).unwrap(), record);
    }
    let lines = fold(&records, measures, frame, Some(Grouping::Agent));
    for line in &lines {
        let mut number = Number::default();
        number.take(&line.measure, &histories, &frame);
        number.assert_is(line, "of these lives");
        let Line { measure, total, groups } = line;
        assert_eq!(groups.values().map(|figure| figure.denominator).sum::<u64>(), total.denominator);
        let behind =
            Behind { measure: *measure, frame, part: Part::Denominator, group: None, asked: Vec::new() };
        let moments: usize = records.iter().map(|record| behind.moments(record).len()).sum();
        assert_eq!(moments as u64, total.denominator);
        for record in &records {
            let (begin, end) = record.span();
            let moments = behind.moments(record);
            assert!(moments.iter().all(|at| (begin..=end).contains(at)), "{} {}", measure.kpi, measure.name);
        }
    }
    lines
}
