//! Owns answers that take long: while they are made they tell how far they are, and end with the page.
//!
//! What is told first is a comment for each look, `<!--37-->` at 37 percent, then the page itself: a browser
//! shows it as it would any page, the console's script moves a bar meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use futures_util::stream;

use super::page::protect;
use crate::api::error::ApiError;

/// So long nothing is told: most answers are there by then, with a status of their own.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often it is told how far an answer is.
const LOOK: Duration = Duration::from_millis(200);

/// How far an answer is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Steps that are done.
    pub done: Arc<AtomicU64>,
    /// Steps there are, about.
    pub of: u64,
}

impl Progress {
    /// A whole that is not finished is never told as such.
    fn percent(&self) -> u64 {
        let done = self.done.load(Ordering::Relaxed);
        done.saturating_mul(100).checked_div(self.of).unwrap_or(0).min(99)
    }
}

/// The answer in the making.
type Making = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

/// The answer that `making` comes to; where that takes long, how far it is comes first.
///
/// # Errors
/// What `making` fails with at once.
pub async fn told(
    progress: Progress,
    making: impl Future<Output = Result<Response, ApiError>> + Send + 'static,
) -> Result<Response, ApiError> {
    let mut making: Making = Box::pin(making);
    match tokio::time::timeout(PATIENCE, &mut making).await {
        Ok(answer) => answer,
        Err(_) => Ok(telling(progress, making, LOOK)),
    }
}

fn telling(progress: Progress, making: Making, look: Duration) -> Response {
    let parts = stream::unfold(Some(making), move |making| {
        let progress = progress.clone();
        async move {
            let mut making = making?;
            match tokio::time::timeout(look, &mut making).await {
                Ok(answer) => Some((whole(answer).await, None)),
                Err(_) => Some((Ok(format!("<!--{}-->\n", progress.percent()).into()), Some(making))),
            }
        }
    });
    let mut response = Response::new(Body::from_stream(parts));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    protect(response.headers_mut());
    response
}

/// The page; what went wrong this late is told in its place.
async fn whole(answer: Result<Response, ApiError>) -> Result<Bytes, axum::Error> {
    match answer {
        Ok(page) => to_bytes(page.into_body(), usize::MAX).await,
        Err(error) => {
            let problem = error.into_problem();
            let text = page_text(&format!("{}: {}", problem.title, problem.detail));
            Ok(format!("<!doctype html><main><p role=\"alert\">{text}</p></main>").into())
        }
    }
}

/// `text` as HTML shows it.
fn page_text(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map(|text| text.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt;
    use tokio::sync::oneshot;

    use super::*;
    use crate::api::error::Code;

    async fn next(body: &mut Body) -> Option<String> {
        let frame = body.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn how_far_it_is_is_told_until_the_page_is_there() {
        let progress = Progress { done: Arc::new(AtomicU64::new(0)), of: 8 };
        let (end, ended) = oneshot::channel::<Result<Response, ApiError>>();
        let making = Box::pin(async move { ended.await.unwrap() });
        let mut body = telling(progress.clone(), making, Duration::ZERO).into_body();
        assert_eq!(next(&mut body).await.unwrap(), "<!--0-->\n");
        progress.done.store(3, Ordering::Relaxed);
        assert_eq!(next(&mut body).await.unwrap(), "<!--37-->\n");
        progress.done.store(9, Ordering::Relaxed);
        assert_eq!(next(&mut body).await.unwrap(), "<!--99-->\n", "what is not finished is not whole");
        assert!(end.send(Ok("<main>42</main>".into_response())).is_ok());
        assert_eq!(next(&mut body).await.unwrap(), "<main>42</main>");
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test]
    async fn what_is_there_soon_has_its_own_status_and_what_fails_late_says_so() {
        let progress = Progress { done: Arc::default(), of: 0 };
        let refused = || ApiError::new(Code::Storage, "the index of <a> cannot be read");
        assert_eq!(
            told(progress.clone(), async move { Err(refused()) }).await.unwrap_err().code(),
            Code::Storage
        );
        let mut body = telling(progress, Box::pin(async move { Err(refused()) }), LOOK).into_body();
        let text = next(&mut body).await.unwrap();
        assert!(text.contains("role=\"alert\"") && text.contains("&#60;a&#62;"), "{text}");
    }
}
