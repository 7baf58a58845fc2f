//! Owns the counters of the HTTP side: answers and their times by route, problems by code, what is under way.
//!
//! Labels are path templates that the router knows, the methods that it answers there, and codes; nothing of
//! them is taken from a request, so that nobody outside can make the text grow.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};

use super::error::Code;
use crate::metrics::families::{self, Queue};
use crate::metrics::{Counter, Gauge, HTTP_SECONDS, Histogram, Text};

/// What a request is counted under that meets no route.
const OTHER: &str = "other";
/// Classes of status by first digit, 1 to 5.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters of answers.
pub struct Meter {
    /// Routes that were called by path template, each with its methods.
    routes: RwLock<HashMap<String, Methods>>,
    other: Route,
    problems: Vec<Counter>,
    /// Open connections.
    pub connections: Arc<Gauge>,
    /// Requests under way.
    pub requests: Gauge,
    /// Readers of the feed that wait.
    pub feed: Gauge,
}

/// The methods of a path that were called.
type Methods = Vec<(Method, Arc<Route>)>;

struct Route {
    classes: [Counter; CLASSES.len()],
    seconds: Histogram,
}

impl Default for Route {
    fn default() -> Self {
        Self { classes: Default::default(), seconds: Histogram::new(&HTTP_SECONDS) }
    }
}

impl Route {
    fn count(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        self.classes[class].one();
        self.seconds.time(took);
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            routes: RwLock::default(),
            other: Route::default(),
            problems: Code::ALL.iter().map(|_| Counter::default()).collect(),
            connections: Arc::default(),
            requests: Gauge::default(),
            feed: Gauge::default(),
        }
    }
}

impl Meter {
    /// Counts one answer; `path` is the template that the request met.
    pub fn count(&self, method: &Method, path: Option<&str>, status: u16, took: Duration) {
        // axum answers HEAD with what GET says.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        // A method that the path has not is whatever the request says.
        let path = path.filter(|_| status != StatusCode::METHOD_NOT_ALLOWED.as_u16());
        match path {
            Some(path) => self.route(method, path).count(status, took),
            None => self.other.count(status, took),
        }
    }

    fn route(&self, method: &Method, path: &str) -> Arc<Route> {
        let known = |methods: &Methods| {
            methods.iter().find(|(known, _)| known == method).map(|(_, route)| route.clone())
        };
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(path).and_then(known) {
            return route;
        }
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let methods = routes.entry(path.to_owned()).or_default();
        known(methods).unwrap_or_else(|| {
            let route = Arc::<Route>::default();
            methods.push((method.clone(), route.clone()));
            route
        })
    }

    /// Counts one problem document.
    pub fn problem(&self, code: Code) {
        self.problems[code as usize].one();
    }

    /// What waits or is under way.
    pub fn waiting(&self, connections_max: usize) -> [(Queue, u64, Option<u64>); 3] {
        [
            (Queue::Connections, self.connections.get(), Some(connections_max as u64)),
            (Queue::Requests, self.requests.get(), None),
            (Queue::Feed, self.feed.get(), None),
        ]
    }

    /// Writes the counters; routes that nobody has called yet are left out.
    pub fn measure(&self, text: &mut Text) {
        let called = self.called();
        let mut routes: Vec<(&str, &str, &Route)> =
            called.iter().map(|(method, path, route)| (method.as_str(), path.as_str(), &**route)).collect();
        if self.other.seconds.count() > 0 {
            routes.push((OTHER, OTHER, &self.other));
        }
        routes.sort_unstable_by_key(|(method, path, _)| (*path, *method));
        text.family(families::HTTP_REQUESTS);
        for (method, path, route) in &routes {
            for (class, count) in CLASSES.iter().zip(&route.classes) {
                if count.get() > 0 {
                    text.sample(&[method, path, class], count.get());
                }
            }
        }
        text.family(families::HTTP_SECONDS);
        for (method, path, route) in &routes {
            text.histogram(&[method, path], &route.seconds);
        }
        text.family(families::HTTP_PROBLEMS);
        for (code, count) in Code::ALL.iter().zip(&self.problems) {
            text.sample(&[code.says().code], count.get());
        }
    }

    /// Routes that were called.
    fn called(&self) -> Vec<(Method, String, Arc<Route>)> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let called = routes.iter().flat_map(|(path, methods)| {
            methods.iter().map(move |(method, route)| (method.clone(), path.clone(), route.clone()))
        });
        called.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(meter: &Meter) -> String {
        let mut text = Text::default();
        meter.measure(&mut text);
        text.done()
    }

    #[test]
    fn answers_are_counted_by_route_and_class_and_time() {
        let meter = Meter::default();
        meter.count(&Method::GET, Some("/v1/things/{id}"), 200, Duration::from_millis(3));
        meter.count(&Method::HEAD, Some("/v1/things/{id}"), 404, Duration::from_secs(3));
        meter.count(&Method::PUT, Some("/v1/things/{id}"), 405, Duration::ZERO);
        meter.count(&Method::GET, None, 404, Duration::ZERO);
        let text = text(&meter);
        let of = |labels: &str, count: u64| {
            let line = format!("careflow_http_requests_total{{{labels}}} {count}\n");
            assert!(text.contains(&line), "{line}{text}");
        };
        of("method=\"GET\",route=\"/v1/things/{id}\",class=\"2xx\"", 1);
        of("method=\"GET\",route=\"/v1/things/{id}\",class=\"4xx\"", 1);
        of("method=\"other\",route=\"other\",class=\"4xx\"", 2);
        let sum = "careflow_http_request_seconds_sum{method=\"GET\",route=\"/v1/things/{id}\"} 3.003\n";
        assert!(text.contains(sum), "{text}");
    }

    #[test]
    fn problems_are_counted_by_their_own_code() {
        let meter = Meter::default();
        Code::ALL.iter().for_each(|code| meter.problem(*code));
        meter.problem(Code::RateLimited);
        let text = text(&meter);
        for code in Code::ALL {
            let count = if *code == Code::RateLimited { 2 } else { 1 };
            let line = format!("careflow_http_problems_total{{code=\"{}\"}} {count}\n", code.says().code);
            assert!(text.contains(&line), "{line}{text}");
        }
    }

    #[test]
    fn what_is_under_way_is_counted_until_it_ends() {
        let meter = Meter::default();
        let held = (meter.requests.hold(), meter.requests.hold());
        assert_eq!(meter.waiting(7)[1], (Queue::Requests, 2, None));
        drop(held);
        assert_eq!(meter.waiting(7)[1], (Queue::Requests, 0, None));
        assert_eq!(meter.waiting(7)[0], (Queue::Connections, 0, Some(7)));
    }
}
