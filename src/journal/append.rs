//! Owns what an append is checked against, and the bytes of a group before any is written.

use super::line::{self, Place};
use super::segment::Extent;
use super::{
    AppendError, COMMIT_ENTRIES_MAX, Commit, Fence, GROUP_COMMITS_MAX, LINE_BYTES_MAX, Position, Tail,
};

/// Room for one commit's line when a group's buffer is made; longer ones let it grow.
const LINE_BYTES_USUAL: usize = 2 * 1024;

/// The end of a journal as its writer knows it.
#[derive(Debug)]
pub(super) struct Head {
    /// The durable end.
    pub tail: Tail,
    /// Whether it takes appends.
    pub state: State,
    epoch: u64,
    epoch_since: Position,
}

/// Whether a journal takes appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It does.
    Open,
    /// It was ended cleanly.
    Closed,
    /// An append failed in a way that leaves its outcome open; why.
    Unknown(String),
}

impl Head {
    /// The head of a journal that ends at `tail`.
    pub(super) const fn new(tail: Tail) -> Self {
        Self { tail, state: State::Open, epoch: 0, epoch_since: 0 }
    }

    /// Lets the owner of `fence` append, or refuses.
    ///
    /// # Errors
    /// [`AppendError::Unknown`] and [`AppendError::Refused`] by the state,
    /// [`AppendError::Fenced`] where another owner was here.
    pub(super) fn admit(&mut self, fence: Fence) -> Result<(), AppendError> {
        match &self.state {
            State::Open => {}
            State::Closed => return Err(AppendError::Refused("it is closed".into())),
            State::Unknown(reason) => return Err(AppendError::Unknown(reason.clone())),
        }
        if fence.epoch < self.epoch {
            return Err(AppendError::Fenced(self.epoch_since));
        }
        if fence.after != self.tail.last {
            return Err(AppendError::Fenced(fence.after.min(self.tail.last) + 1));
        }
        if fence.epoch > self.epoch {
            self.epoch = fence.epoch;
            self.epoch_since = self.tail.last + 1;
        }
        Ok(())
    }

    /// The end, where it is known.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn known_tail(&self) -> Result<Tail, String> {
        match &self.state {
            State::Open | State::Closed => Ok(self.tail),
            State::Unknown(reason) => Err(format!("its end is not known until it is opened anew: {reason}")),
        }
    }
}

/// A group as it will stand in the journal.
#[derive(Debug)]
pub(super) struct Group {
    /// Its lines.
    pub bytes: Vec<u8>,
    /// Where each lies in `bytes`.
    pub extents: Vec<Extent>,
    /// The journal's end after it.
    pub tail: Tail,
}

impl Group {
    /// The lines of `commits`, of which there is at least one, after `tail`.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`] and [`AppendError::Refused`].
    pub(super) fn write(tail: Tail, commits: &[Commit]) -> Result<Self, AppendError> {
        if commits.len() > GROUP_COMMITS_MAX {
            let reason = format!("{} commits are over the limit of {GROUP_COMMITS_MAX}", commits.len());
            return Err(AppendError::Refused(reason));
        }
        let first = tail.last + 1;
        let mut bytes = Vec::with_capacity(commits.len() * LINE_BYTES_USUAL);
        let mut extents = Vec::with_capacity(commits.len());
        let mut tail = tail;
        for commit in commits {
            let entries = commit.entries.len();
            if entries == 0 || entries > COMMIT_ENTRIES_MAX {
                let reason = format!("a commit of {entries} entries; it has 1 to {COMMIT_ENTRIES_MAX}");
                return Err(AppendError::Refused(reason));
            }
            let chain = line::chain(&tail.chain, commit.entries.iter().map(|stored| stored.hash));
            tail = Tail { last: tail.last + 1, chain };
            let start = bytes.len();
            line::write_commit(&mut bytes, &Place { position: tail.last, group: first, chain }, commit);
            let length = bytes.len() - start;
            if length > LINE_BYTES_MAX {
                return Err(AppendError::TooLarge { bytes: length });
            }
            if memchr::memchr(b'\n', &bytes[start..]) != Some(length - 1) {
                let reason = "an entry with a line break is not in canonical form".into();
                return Err(AppendError::Refused(reason));
            }
            extents.push(Extent { at: offset(start), bytes: offset(length - 1) });
        }
        Ok(Self { bytes, extents, tail })
    }
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a group is at most GROUP_COMMITS_MAX * LINE_BYTES_MAX = 512 MiB")
}
