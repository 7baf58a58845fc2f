//! Owns the style sheet, the script and the sign of the console: in the binary, named by their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};

use crate::api::error::{ApiError, Code};
use crate::kernel::hash::Hash;

/// Hex digits of a file's digest in its name.
const DIGITS: usize = 16;

/// A file that pages load.
struct Asset {
    /// Its name with its digest: another content has another name.
    name: String,
    media_type: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, text: &'static str) -> Self {
        let digest = Hash::of(&[text.as_bytes()]).to_string();
        Self { name: format!("{stem}-{}.{ending}", &digest[..DIGITS]), media_type, text }
    }
}

static ALL: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css")),
        Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("assets/console.js")),
        Asset::new("sign", "svg", "image/svg+xml", include_str!("assets/sign.svg")),
    ]
});

/// Path of the style sheet.
pub fn style() -> String {
    format!("/assets/{}", ALL[0].name)
}

/// Path of the script.
pub fn script() -> String {
    format!("/assets/{}", ALL[1].name)
}

/// Path of the sign.
pub fn sign() -> String {
    format!("/assets/{}", ALL[2].name)
}

/// Answers a file; kept by browsers for good, since its name changes with its content.
///
/// # Errors
/// `unknown_route`.
pub async fn asset(Path(file): Path<String>) -> Result<Response, ApiError> {
    let found = ALL.iter().find(|asset| asset.name == file).ok_or_else(|| {
        ApiError::new(
            Code::UnknownRoute,
            format!("there is no file `{file}`; the page names the current ones"),
        )
    })?;
    let headers = [
        (CONTENT_TYPE, found.media_type),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, found.text).into_response())
}
