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

struct Ground {
    paper: &'static str,
    ink: &'static str,
    line: &'static str,
    accent: &'static str,
}

const LIGHT: Ground = Ground { paper: "#ffffff", ink: "#111827", line: "#4b5563", accent: "#c2410c" };
const DARK: Ground = Ground { paper: "#0b1220", ink: "#f3f4f6", line: "#9ca3af", accent: "#fdba74" };

/// The style sheet: the light colours, and the dark ones where the reader prefers them.
pub(super) fn sheet() -> String {
    let mut text = String::from(
        "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','PingFang SC','Microsoft YaHei',\
         'Noto Sans CJK SC',sans-serif;text-anchor:middle;dominant-baseline:central}\
         .state{font-size:14px}.super{font-size:12px;font-weight:600;text-anchor:start;paint-order:stroke;stroke-width:4;stroke-linejoin:round}.label{font-size:12px}\
         .box{stroke-width:1.5}.area{fill-opacity:.45;stroke-opacity:.55;stroke-width:1}.inner{fill:none;stroke-width:1.5}\
         .line{fill:none;stroke-width:1.25}.back{stroke:none;fill-opacity:.85}\
         .taken .line{stroke-width:3}.taken .label{font-weight:600}.current .box{stroke-width:4}\
         .faint{opacity:.35}",
    );
    text.push_str(&ground(&LIGHT));
    for (number, family) in FAMILIES.iter().enumerate() {
        text.push_str(&colours(number, family.light));
    }
    text.push_str("@media (prefers-color-scheme:dark){");
    text.push_str(&ground(&DARK));
    for (number, family) in FAMILIES.iter().enumerate() {
        text.push_str(&colours(number, family.dark));
    }
    text.push('}');
    text
}

fn ground(ground: &Ground) -> String {
    let Ground { paper, ink, line, accent } = ground;
    format!(
        ".paper,.back{{fill:{paper}}}.super{{stroke:{paper}}}text{{fill:{ink}}}.line{{stroke:{line}}}.head,.start{{fill:{line}}}\
         .taken .line{{stroke:{accent}}}.headtaken{{fill:{accent}}}.current .box,.current .inner{{stroke:{accent}}}"
    )
}

fn colours(number: usize, (fill, line): (&str, &str)) -> String {
    format!(".f{number}{{fill:{fill};stroke:{line}}}.i{number}{{stroke:{line}}}")
}
