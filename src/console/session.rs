//! Owns who is signed in: sessions in memory, each opened with a token and ended with it.
//!
//! # Why
//! A session is no history: a restart signs everybody out and nothing is lost (invariant 8). The
//! cookie holds random bytes that mean nothing elsewhere; the token itself is never kept. A session gets
//! another id when it is opened and every [`ROTATE_AFTER`] since, so that an id that leaked ends
//! soon; the one before is taken for [`GRACE`] longer, for what was sent at the same moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::random;

/// The cookie that holds the id.
pub const COOKIE_NAME: &str = "careflow_session";
/// How long a session lasts that nobody uses: a working day with its break.
pub const IDLE_MAX: Duration = Duration::from_secs(12 * 3_600);
/// How long a session lasts at most.
pub const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// After how long a session gets another id.
pub const ROTATE_AFTER: Duration = Duration::from_secs(3_600);
/// How long the id before is taken still.
pub const GRACE: Duration = Duration::from_secs(60);
/// Most sessions at once; the one that was used longest ago makes room.
pub const SESSIONS_MAX: usize = 10_000;
/// Cases of which one session sees personal values at the same time.
const REVEALED_MAX: usize = 200;
/// How long they are seen.
pub const REVEALED_FOR: Duration = Duration::from_secs(15 * 60);
/// Random bytes of an id.
const ID_BYTES: usize = 32;

/// Somebody who is signed in.
pub struct Session {
    /// The token that opened it.
    pub token: InstanceId,
    /// What every form of its pages carries.
    pub csrf: String,
    opened: Instant,
    within: Mutex<Within>,
}

/// What changes of a session.
struct Within {
    used: Instant,
    /// When its id was given.
    named: Instant,
    flash: Option<Flash>,
    /// Until when personal values of which case are shown.
    revealed: HashMap<InstanceId, Instant>,
}

/// What is said once, on the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// Whether it is good news.
    pub good: bool,
    /// In the language of whoever caused it.
    pub text: String,
}

/// Everybody who is signed in.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<Hash, Place>>);

/// What an id leads to.
struct Place {
    session: Arc<Session>,
    /// Until when, where it is no longer the session's id.
    until: Option<Instant>,
}

impl Sessions {
    /// Opens a session; answers its id.
    pub fn open(&self, token: InstanceId, now: Instant) -> String {
        let within = Within { used: now, named: now, flash: None, revealed: HashMap::new() };
        let csrf = random::hex_of(ID_BYTES);
        let session = Arc::new(Session { token, csrf, opened: now, within: Mutex::new(within) });
        self.name(session)
    }

    fn name(&self, session: Arc<Session>) -> String {
        let id = random::hex_of(ID_BYTES);
        let mut places = self.lock();
        if places.len() >= SESSIONS_MAX {
            let oldest =
                places.iter().min_by_key(|(_, place)| place.session.lock().used).map(|(key, _)| *key);
            oldest.map(|key| places.remove(&key));
        }
        places.insert(key(&id), Place { session, until: None });
        id
    }

    /// The session that `id` leads to, used now; ended ones are forgotten.
    pub fn used(&self, id: &str, now: Instant) -> Option<Arc<Session>> {
        let mut places = self.lock();
        let place = places.get(&key(id))?;
        if place.until.is_some_and(|until| until <= now) || place.session.is_over(now) {
            places.remove(&key(id));
            return None;
        }
        place.session.lock().used = now;
        Some(place.session.clone())
    }

    /// Another id for the session of `id`, where it has had that one long enough.
    pub fn rotated(&self, id: &str, now: Instant) -> Option<String> {
        let session = {
            let mut places = self.lock();
            places.retain(|_, place| place.until.is_none_or(|until| until > now));
            let place = places.get_mut(&key(id)).filter(|place| place.until.is_none())?;
            if now.duration_since(place.session.lock().named) < ROTATE_AFTER {
                return None;
            }
            place.until = Some(now + GRACE);
            place.session.clone()
        };
        session.lock().named = now;
        Some(self.name(session))
    }

    /// Ends the session of `id`, under every id it has.
    pub fn end(&self, id: &str) {
        let mut places = self.lock();
        if let Some(ended) = places.remove(&key(id)) {
            places.retain(|_, place| !Arc::ptr_eq(&place.session, &ended.session));
        }
    }

    /// How many ids lead to a session.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Hash, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.opened) >= AGE_MAX || now.duration_since(self.lock().used) >= IDLE_MAX
    }

    /// Whether `given` is what its forms carry.
    pub fn is_own_form(&self, given: &str) -> bool {
        bool::from(self.csrf.as_bytes().ct_eq(given.as_bytes()))
    }

    /// Says `flash` on the next page.
    pub fn say(&self, flash: Flash) {
        self.lock().flash = Some(flash);
    }

    /// What is to be said now, once.
    pub fn said(&self) -> Option<Flash> {
        self.lock().flash.take()
    }

    /// From now on personal values of `case` are shown, for [`REVEALED_FOR`].
    pub fn reveal(&self, case: InstanceId, now: Instant) {
        let revealed = &mut self.lock().revealed;
        revealed.retain(|_, until| *until > now);
        if revealed.len() >= REVEALED_MAX {
            let first = revealed.iter().min_by_key(|(_, until)| **until).map(|(case, _)| case.clone());
            first.map(|case| revealed.remove(&case));
        }
        revealed.insert(case, now + REVEALED_FOR);
    }

    /// Whether personal values of `case` are shown.
    pub fn sees(&self, case: &InstanceId, now: Instant) -> bool {
        self.lock().revealed.get(case).is_some_and(|until| *until > now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Within> {
        self.within.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept of an id: looked up by its digest, the time that takes tells nothing about it.
fn key(id: &str) -> Hash {
    random::digest_of(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> InstanceId {
        InstanceId::derive("$token", &["one"])
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_when_it_is_old() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let id = sessions.open(token(), now);
        assert!(sessions.used(&id, now + IDLE_MAX - Duration::from_secs(1)).is_some());
        assert!(sessions.used(&id, now + IDLE_MAX + Duration::from_secs(1)).is_some(), "it was used since");
        assert!(sessions.used(&id, now + AGE_MAX).is_none());
        assert_eq!(sessions.count(), 0);
        let id = sessions.open(token(), now);
        assert!(sessions.used(&id, now + IDLE_MAX).is_none());
        assert!(sessions.used("made up", now).is_none());
    }

    #[test]
    fn an_id_is_replaced_and_taken_for_a_moment_longer() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.open(token(), now);
        assert_eq!(sessions.rotated(&first, now + ROTATE_AFTER - Duration::from_secs(1)), None);
        let later = now + ROTATE_AFTER;
        let second = sessions.rotated(&first, later).unwrap();
        assert_ne!(first, second);
        assert_eq!(sessions.rotated(&first, later), None, "it has another already");
        let (one, two) = (sessions.used(&first, later).unwrap(), sessions.used(&second, later).unwrap());
        assert!(Arc::ptr_eq(&one, &two));
        assert!(sessions.used(&first, later + GRACE).is_none());
        assert!(sessions.used(&second, later + GRACE).is_some());
    }

    #[test]
    fn who_signs_out_is_out_under_every_id() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.open(token(), now);
        let second = sessions.rotated(&first, now + ROTATE_AFTER).unwrap();
        sessions.end(&second);
        assert!(sessions.used(&first, now + ROTATE_AFTER).is_none());
        assert_eq!(sessions.count(), 0);
    }

    #[test]
    fn what_is_revealed_is_hidden_again() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let session = sessions.used(&sessions.open(token(), now), now).unwrap();
        let case = InstanceId::derive("consultation", &["case"]);
        assert!(!session.sees(&case, now));
        session.reveal(case.clone(), now);
        assert!(session.sees(&case, now + REVEALED_FOR - Duration::from_secs(1)));
        assert!(!session.sees(&case, now + REVEALED_FOR));
    }

    #[test]
    fn the_session_used_longest_ago_makes_room() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.open(token(), now);
        for _ in 1..SESSIONS_MAX {
            sessions.open(token(), now + Duration::from_secs(1));
        }
        assert!(sessions.used(&first, now + Duration::from_secs(2)).is_some());
        sessions.open(token(), now + Duration::from_secs(3));
        assert_eq!(sessions.count(), SESSIONS_MAX);
        assert!(sessions.used(&first, now + Duration::from_secs(3)).is_some(), "another was used longer ago");
    }
}
