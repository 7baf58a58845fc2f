//! Owns the colours of a picture, in the light and in the dark.

/// Colours of one family of states: fill, line.
struct Family {
    light: (&'static str, &'static str),
    dark: (&'static str, &'static str),
}

/// In the order in which superstates appear; text on every fill has a contrast above 7:1.
const FAMILIES: [Family; 5] = [
    Family { light: ("#dbeafe", "#1d4ed8"), dark: ("#172554", "#93c5fd") },
    Family { light: ("#dcfce7", "#15803d"), dark: ("#052e16", "#86efac") },
    Family { light: ("#e5e7eb", "#4b5563"), dark: ("#1f2937", "#cbd5e1") },
    Family { light: ("#fef3c7", "#b45309"), dark: ("#451a03", "#fcd34d") },
    Family { light: ("#f3e8ff", "#7e22ce"), dark: ("#3b0764", "#d8b4fe") },
];

/// Which colours the family with this number has.
pub(super) const fn family(number: usize) -> usize {
    number % FAMILIES.len()
}

/// Class of the picture's outermost element.
pub(super) const SCOPE: &str = "careflow-diagram";

struct Ground {
    paper: &'static str,
    ink: &'static str,
    line: &'static str,
    accent: &'static str,
}

const LIGHT: Ground = Ground { paper: "#ffffff", ink: "#111827", line: "#4b5563", accent: "#c2410c" };
const DARK: Ground = Ground { paper: "#0b1220", ink: "#f3f4f6", line: "#9ca3af", accent: "#fdba74" };

/// Shapes and letters, the same in the light and in the dark: selectors, declarations.
const RULES: [(&str, &str); 15] = [
    (
        "text",
        "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','PingFang SC','Microsoft YaHei',\
         'Noto Sans CJK SC',sans-serif;text-anchor:middle;dominant-baseline:central",
    ),
    (".state", "font-size:14px"),
    (
        ".super",
        "font-size:12px;font-weight:600;text-anchor:start;paint-order:stroke;stroke-width:4;stroke-linejoin:round",
    ),
    (".label", "font-size:12px"),
    (".box", "stroke-width:1.5"),
    (".area", "fill-opacity:.45;stroke-opacity:.55;stroke-width:1"),
    (".inner", "fill:none;stroke-width:1.5"),
    (".line", "fill:none;stroke-width:1.25"),
    (".back", "stroke:none;fill-opacity:.85"),
    (".taken .line", "stroke-width:3"),
    (".taken .label", "font-weight:600"),
    (".current .box", "stroke-width:4"),
    (".current .state", "font-weight:600"),
    (".faint", "opacity:.35"),
    (".start", "stroke:none"),
];

/// The style sheet: the light colours, and the dark ones where the reader prefers them.
///
/// Every rule holds inside of the picture only, so that it may stand in a page.
pub fn sheet() -> String {
    let mut text = String::new();
    for (selectors, declarations) in RULES {
        rule(&mut text, selectors, declarations);
    }
    colours(&mut text, &LIGHT, |family| family.light);
    text.push_str("@media (prefers-color-scheme:dark){");
    colours(&mut text, &DARK, |family| family.dark);
    text.push('}');
    text
}

fn colours(text: &mut String, ground: &Ground, of: fn(&Family) -> (&'static str, &'static str)) {
    let Ground { paper, ink, line, accent } = ground;
    rule(text, ".paper,.back", &format!("fill:{paper}"));
    rule(text, "text", &format!("fill:{ink}"));
    rule(text, ".super", &format!("stroke:{paper}"));
    rule(text, ".line", &format!("stroke:{line}"));
    rule(text, ".head,.start", &format!("fill:{line}"));
    for (number, family) in FAMILIES.iter().enumerate() {
        let (fill, stroke) = of(family);
        rule(text, &format!(".f{number}"), &format!("fill:{fill};stroke:{stroke}"));
        rule(text, &format!(".i{number}"), &format!("stroke:{stroke}"));
    }
    rule(text, ".taken .line,.current .box,.current .inner", &format!("stroke:{accent}"));
    rule(text, ".headtaken", &format!("fill:{accent}"));
}

fn rule(text: &mut String, selectors: &str, declarations: &str) {
    let scoped: Vec<String> = selectors.split(',').map(|selector| format!(".{SCOPE} {selector}")).collect();
    text.push_str(&format!("{}{{{declarations}}}", scoped.join(",")));
}
