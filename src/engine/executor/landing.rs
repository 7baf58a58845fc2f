//! Owns the way of a group from the journal to its answers: launched, synced, published, answered; or taken back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{Executor, FULL_REST_MS, Message};
use crate::engine::command::CommandError;
use crate::engine::follow::Touched;
use crate::engine::group::{Answer, Group, Reply};
use crate::engine::reports;
use crate::journal::{AppendError, Fence, Position};
use crate::kernel::instance::Instance;
use crate::kernel::schedule::REPORT_WORKFLOW;

impl Executor {
    /// Sends the answer with the newest group whose state it saw.
    pub(super) fn reply(&mut self, reply: Reply, answer: Answer) {
        if !self.building.is_empty() {
            self.building.replies.push((reply, answer));
        } else if let Some((group, _)) = &mut self.flying {
            group.replies.push((reply, answer));
        } else {
            reply.send(answer).ok();
        }
    }

    /// Gives the built group to the journal where none is being written.
    pub(super) fn launch(&mut self) {
        if self.flying.is_some() || self.building.is_empty() {
            return;
        }
        let mut group = std::mem::take(&mut self.building);
        let commits = std::mem::take(&mut group.commits);
        let after = self.last - commits.len() as u64;
        let journal = self.shared.journal.clone();
        self.shared.metrics.group(commits.len());
        let append = Box::pin(async move { journal.append(Fence { epoch: 0, after }, &commits).await });
        self.flying = Some((group, append));
    }

    /// Lands the flying group where its sync is over.
    pub(super) fn land_synced(&mut self) {
        let Some((_, append)) = &mut self.flying else { return };
        // Nobody is to be woken: [`Executor::wait`] asks again and waits.
        // Not counted against what tokio lets a task poll before it yields: this one asks after each step,
        // and after 128 answers the journal would seem busy for as long as work is due.
        let asked = std::pin::pin!(tokio::task::unconstrained(append.as_mut()));
        let polled = asked.poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(done) = polled {
            self.land(done);
        }
    }

    /// Publishes a durable group and answers; otherwise answers what is known.
    pub(super) fn land(&mut self, done: Result<Position, AppendError>) {
        let Some((mut group, _)) = self.flying.take() else { return };
        match done {
            Ok(position) => self.publish(&mut group, position),
            Err(AppendError::Full(reason)) => {
                tracing::error!(reason, "disk full");
                self.shared.disk.is_full(self.shared.time.now());
                self.rests_until = self.shared.time.now().plus_millis(FULL_REST_MS);
                self.take_back(group, &CommandError::DiskFull);
            }
            Err(error) => {
                let known = !matches!(error, AppendError::Unknown(_));
                let answer = if known {
                    CommandError::Stopped(error.to_string())
                } else {
                    CommandError::CommitUnknown
                };
                self.shared.halt(&error.to_string());
                self.take_back(group, &answer);
            }
        }
    }

    pub(super) fn publish(&mut self, group: &mut Group, position: Position) {
        let published: Vec<Arc<Instance>> = group.after().cloned().collect();
        let batch = group.batch(position);
        let touched = (self.shared.followers.receiver_count() > 0).then(|| Touched::of(&batch));
        let began = std::time::Instant::now();
        if let Err(error) = self.shared.index.apply(batch) {
            // The group is durable and a restart finds it, but no read sees it now: nobody is told "done".
            self.shared.halt(&error.to_string());
            for (reply, _) in group.replies.drain(..) {
                reply.send(Err(CommandError::CommitUnknown)).ok();
            }
            return;
        }
        self.shared.metrics.applied(began.elapsed());
        self.shared.disk.has_room();
        for instance in &published {
            if self.staged.get(&instance.id).is_some_and(|staged| Arc::ptr_eq(staged, instance)) {
                self.staged.remove(&instance.id);
            }
        }
        self.shared.take_system(&published);
        if published.iter().any(|one| one.workflow == REPORT_WORKFLOW && one.state == reports::WAITING) {
            self.shared.reports.notify_one();
        }
        self.shared.recent.add(group.entries.drain(..));
        self.shared.published.send_replace(position);
        // Nobody may be left since it was asked.
        touched.map(|touched| self.shared.followers.send(touched).ok());
        for (reply, answer) in group.replies.drain(..) {
            reply.send(answer).ok();
        }
    }

    /// Forgets everything computed and not written; every waiting command gets `error`.
    pub(super) fn take_back(&mut self, flying: Group, error: &CommandError) {
        let built = std::mem::take(&mut self.building);
        let lost = (flying.size + built.size) as u64;
        self.last -= lost;
        self.staged.clear();
        for group in [flying, built] {
            for (reply, _) in group.replies {
                reply.send(Err(error.clone())).ok();
            }
        }
        if let Err(reason) = self.load() {
            self.shared.halt(&reason);
        }
    }

    /// Tells those who wait for quiet: nothing was due, and everything computed until then is published.
    pub(super) fn settle(&mut self) {
        if self.settling.is_empty() {
            return;
        }
        let now = self.shared.time.now();
        let next = self.next_work();
        let due = next.is_some_and(|at| at <= now);
        let published = *self.shared.published.borrow();
        let mut waiting = VecDeque::new();
        for (until, done) in self.settling.drain(..) {
            let until = until.or((!due).then_some(self.last));
            if until.is_some_and(|until| until <= published) {
                done.send(next).ok();
            } else {
                waiting.push_back((until, done));
            }
        }
        self.settling = waiting;
    }

    /// Refuses what still waits when the writer ends.
    pub(super) fn shed(&mut self) {
        self.queue.close();
        let reason = self.shared.stop_reason();
        let groups =
            [std::mem::take(&mut self.building), self.flying.take().map(|(g, _)| g).unwrap_or_default()];
        for (reply, _) in groups.into_iter().flat_map(|group| group.replies) {
            reply.send(Err(CommandError::CommitUnknown)).ok();
        }
        while let Ok(message) = self.queue.try_recv() {
            match message {
                Message::Command(_, reply)
                | Message::System(_, reply)
                | Message::Timer(_, reply)
                | Message::Schedule(_, reply) => {
                    reply.send(Err(CommandError::Stopped(reason.clone()))).ok();
                }
                Message::Settle(done) => {
                    done.send(None).ok();
                }
                Message::Reload(done) => {
                    done.send(()).ok();
                }
                Message::Begin | Message::Stop => {}
            }
        }
    }
}
