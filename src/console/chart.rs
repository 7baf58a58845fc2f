//! Owns the small charts of reports: bars with a line at the target, and what they say in words.
//!
//! # Why
//! plotters draws them: it has three small crates behind it once everything but its SVG backend is off, is
//! kept up, and writes presentation attributes only, so that a policy without inline styles lets its
//! drawings through. charts-rs and kuva bring fonts and rasters, charming writes scripts for ECharts,
//! poloto puts a style sheet into each drawing. Colours are those of the light theme; the style sheet
//! gives each of them the colour of the theme that is on.

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::drawing::{DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle};
use plotters::style::{Color, RGBColor};

use super::lang::Lang;

/// Width of a drawing, in its own units.
pub const WIDTH: u32 = 160;
/// Height of a drawing.
pub const HEIGHT: u32 = 32;
/// `--accent` of the light theme; named in the style sheet.
const BAR: RGBColor = RGBColor(0x0f, 0x5c, 0x8c);
/// `--dim` of the light theme.
const BASE: RGBColor = RGBColor(0x51, 0x60, 0x6d);
/// `--bad` of the light theme.
const TARGET: RGBColor = RGBColor(0xb3, 0x20, 0x1b);
/// Free room at each side of a bar whose place is 1 wide.
const GAP: f64 = 0.14;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What it stands for: a month, a channel.
    pub label: String,
    /// Its height; absent where nothing counts.
    pub value: Option<f64>,
    /// The value as people read it.
    pub text: String,
}

/// A drawing and what it shows in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// The elements of an SVG document of [`WIDTH`] by [`HEIGHT`].
    pub drawing: String,
    /// Every value with its label, and the target.
    pub words: String,
}

impl Chart {
    /// The chart of `bars`, with a line at `target`; none where no bar has a value.
    pub fn new(bars: &[Bar], target: Option<(f64, &str)>, lang: Lang) -> Option<Self> {
        bars.iter().find(|bar| bar.value.is_some())?;
        let drawing = draw(bars, target.map(|(height, _)| height)).ok()?;
        Some(Self { drawing, words: words(bars, target.map(|(_, text)| text), lang) })
    }
}

fn words(bars: &[Bar], target: Option<&str>, lang: Lang) -> String {
    let bars = bars.iter().map(|bar| format!("{}{}{}", bar.label, lang.t(": ", "："), bar.text));
    let target = target.map(|text| format!("{}{text}", lang.t("target: ", "目标：")));
    bars.chain(target).collect::<Vec<_>>().join(lang.t("; ", "；"))
}

fn draw(bars: &[Bar], target: Option<f64>) -> Result<String, DrawingAreaErrorKind<std::io::Error>> {
    let heights = bars.iter().filter_map(|bar| bar.value).chain(target);
    let (low, high) = heights.fold((0.0_f64, 0.0_f64), |(low, high), at| (low.min(at), high.max(at)));
    let high = if high > low { high } else { low + 1.0 };
    let end = bars.len() as f64;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root).margin(2).build_cartesian_2d(0.0..end, low..high)?;
        let places = bars.iter().enumerate().filter_map(|(at, bar)| Some((at as f64, bar.value?)));
        let bar = |(at, height): (f64, f64)| {
            Rectangle::new([(at + GAP, 0.0), (at + 1.0 - GAP, height)], BAR.filled())
        };
        chart.draw_series(places.map(bar))?;
        let line = |height: f64, colour: RGBColor, width: u32| {
            PathElement::new([(0.0, height), (end, height)], colour.stroke_width(width))
        };
        chart.draw_series([line(0.0, BASE, 1)])?;
        chart.draw_series(target.map(|height| line(height, TARGET, 2)))?;
        root.present()?;
    }
    // What the elements are without these attributes too: a report has hundreds of them.
    Ok(inner(&text).replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", ""))
}

/// What stands within the outermost element of `document`.
fn inner(document: &str) -> &str {
    let from = document.find('>').map_or(0, |at| at + 1);
    let until = document.rfind("</svg>").unwrap_or(document.len());
    document.get(from..until).unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: Option<f64>) -> Bar {
        let text = value.map_or_else(|| "none".to_owned(), |value| format!("{value} %"));
        Bar { label: label.to_owned(), value, text }
    }

    #[test]
    fn a_chart_says_every_value_and_the_target_in_words() {
        let bars = [bar("2026-01", Some(97.5)), bar("2026-02", None)];
        let chart = Chart::new(&bars, Some((95.0, "95 %")), Lang::EN).unwrap();
        assert_eq!(chart.words, "2026-01: 97.5 %; 2026-02: none; target: 95 %");
        let chart = Chart::new(&bars, None, Lang::ZH).unwrap();
        assert_eq!(chart.words, "2026-01：97.5 %；2026-02：none");
    }

    #[test]
    fn a_chart_has_a_bar_for_each_value_and_no_style_of_its_own() {
        let bars = [bar("a", Some(1.0)), bar("b", None), bar("c", Some(-3.0))];
        let drawing = Chart::new(&bars, Some((2.0, "2")), Lang::EN).unwrap().drawing;
        assert_eq!(drawing.matches("<rect").count(), 2, "{drawing}");
        assert_eq!(drawing.matches("fill=\"#0F5C8C\"").count(), 2, "{drawing}");
        assert_eq!(drawing.matches("stroke=\"#B3201B\"").count(), 1, "{drawing}");
        assert!(!drawing.contains("style") && !drawing.contains("<svg"), "{drawing}");
    }

    #[test]
    fn a_chart_of_nothing_is_none_and_one_of_zeros_is_flat() {
        assert_eq!(Chart::new(&[bar("a", None)], Some((95.0, "95")), Lang::EN), None);
        assert!(Chart::new(&[bar("a", Some(0.0))], None, Lang::EN).is_some());
    }
}
