//! Owns in which language a page is: the reader's choice, else what the browser asks for, else English.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};

use crate::api::workflows::TitleView;
use crate::kernel::diagram::Language;
use crate::kernel::title::Title;

/// The cookie that holds the reader's choice.
pub const COOKIE_NAME: &str = "careflow_lang";

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lang(pub Language);

impl Lang {
    /// English.
    pub const EN: Self = Self(Language::En);
    /// 中文
    pub const ZH: Self = Self(Language::Zh);

    /// What a request asks for.
    pub fn of_request(headers: &HeaderMap) -> Self {
        match cookie(headers, COOKIE_NAME) {
            Some("zh") => Self::ZH,
            Some("en") => Self::EN,
            Some(_) | None => asked(headers),
        }
    }

    /// The one of two texts that is in this language.
    pub const fn t<'t>(self, en: &'t str, zh: &'t str) -> &'t str {
        match self.0 {
            Language::En => en,
            Language::Zh => zh,
        }
    }

    /// The text of `title` in this language.
    pub fn of(self, title: &Title) -> &str {
        self.0.of(title)
    }

    /// The text of the API's `title` in this language.
    pub fn view(self, title: &TitleView) -> &str {
        self.t(&title.en, &title.zh)
    }

    /// Its BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        self.0.tag()
    }

    /// Its short name, as cookies and queries have it.
    pub const fn name(self) -> &'static str {
        self.t("en", "zh")
    }
}

/// The value of the cookie `name`.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The language of `Accept-Language` with the highest weight that there are pages in.
fn asked(headers: &HeaderMap) -> Lang {
    let text = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut best = (0.0, Lang::EN);
    for part in text.split(',') {
        let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
        let weight = weight.trim().parse::<f32>().unwrap_or(0.0);
        let lang = match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("zh") => Lang::ZH,
            Some("en") => Lang::EN,
            Some(_) | None => continue,
        };
        if weight > best.0 {
            best = (weight, lang);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &'static str, cookie: &'static str) -> &'static str {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
        headers.insert(COOKIE, cookie.parse().unwrap());
        Lang::of_request(&headers).name()
    }

    #[test]
    fn the_heaviest_known_language_is_taken_and_a_choice_comes_first() {
        assert_eq!(of("zh-CN,zh;q=0.9,en;q=0.8", ""), "zh");
        assert_eq!(of("en-US,en;q=0.9,zh;q=0.8", ""), "en");
        assert_eq!(of("fr, zh;q=0.3, en;q=0.2", ""), "zh");
        assert_eq!(of("fr", ""), "en");
        assert_eq!(of("zh;q=x, 汉".split(',').next().unwrap(), ""), "en");
        assert_eq!(of("zh", "a=b; careflow_lang=en"), "en");
        assert_eq!(of("en", "careflow_lang=zh"), "zh");
        assert_eq!(of("zh", "careflow_lang=fr"), "zh");
    }
}
