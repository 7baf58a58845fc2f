//! Owns the list of everything that is measured: name, kind, labels and what it means, each said once.
//!
//! Names are `careflow_<what>_<unit>` and stable: dashboards and alerts are written against them.

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process on.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often values fell below which bounds.
    Histogram,
}

/// One kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What its samples are told apart by.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

macro_rules! families {
    ($( $constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal; )*) => {
        $(
            #[doc = $help]
            pub const $constant: Family =
                Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// Every family, in the order in which they are told.
        pub const ALL: &[Family] = &[$( $constant ),*];
    };
}

families! {
    BUILD_INFO: Gauge "careflow_build_info" ["version"] "1, with the version of the program.";
    READY: Gauge "careflow_ready" [] "1 where commands are taken, else 0.";
    READINESS: Gauge "careflow_readiness" ["state"] "1 for the state that `/readyz` tells, 0 for the others.";
    START_COMMITS_DONE: Gauge "careflow_start_commits_done" [] "Commits that the start has applied to the index.";
    START_COMMITS: Gauge "careflow_start_commits" [] "Commits that the start must apply; 0 where none were left to do.";
    RESIDENT_MEMORY: Gauge "careflow_resident_memory_bytes" [] "Resident memory of the process.";
    CPU: Counter "careflow_cpu_seconds_total" [] "CPU time of the process.";

    QUEUE: Gauge "careflow_queue_items" ["queue"] "What waits, by queue; the queues are explained below.";
    QUEUE_MAX: Gauge "careflow_queue_items_max" ["queue"] "Most that may wait, of the queues that have a limit.";
    OVERDUE: Gauge "careflow_timer_overdue_seconds" [] "How long the earliest timer has been due and has not fired; 0 where none is due.";
    REJECTED_BYTES: Gauge "careflow_rejected_bytes" [] "Bytes of the ring of refused events.";
    REJECTED_BYTES_MAX: Gauge "careflow_rejected_bytes_max" [] "Most bytes that the ring of refused events gets.";

    COMMAND_SECONDS: Histogram "careflow_command_seconds" [] "From a command's place in the writer's queue to its answer.";
    STEP_SECONDS: Histogram "careflow_step_seconds" [] "Time to compute one commit: facts, workflow code, clocks, entries.";
    STEPS_FAILED: Counter "careflow_steps_failed_total" [] "Timers, sends and starts whose workflow code panicked and that wait for another try.";
    GROUPS: Counter "careflow_groups_total" [] "Groups of commits given to the journal, one sync each.";
    COMMITS: Counter "careflow_commits_total" [] "Commits given to the journal.";
    GROUP_COMMITS: Histogram "careflow_group_commits" [] "Commits of a group.";
    GROUP_BYTES: Histogram "careflow_group_bytes" [] "Bytes of a group in the journal.";
    SYNC_SECONDS: Histogram "careflow_sync_seconds" [] "Time of one fdatasync of the journal.";
    INDEX_APPLY_SECONDS: Histogram "careflow_index_apply_seconds" [] "Time to apply a synced group to the index, waiting for room in it included.";
    TIMERS: Counter "careflow_timers_total" [] "Timers fired.";
    TIMER_LATENESS_SECONDS: Histogram "careflow_timer_lateness_seconds" [] "From a timer's due to its firing.";
    REFUSED: Counter "careflow_commands_refused_total" ["code"] "Commands of people and services that the engine did not carry out, by problem code.";
    SHED: Counter "careflow_shed_total" [] "Commands that found the writer's queue full.";
    REJECTED: Counter "careflow_rejected_total" [] "Refused events noted in the ring.";

    POSITION: Gauge "careflow_position" [] "Position of the last published commit.";
    JOURNAL_BYTES: Gauge "careflow_journal_bytes" [] "Bytes of the journal's text.";
    JOURNAL_SEGMENTS: Gauge "careflow_journal_segments" [] "Segment files of the journal.";
    DISK_FREE_BYTES: Gauge "careflow_disk_free_bytes" [] "Bytes that the journal's disk has left for this user.";
    INDEX_BYTES: Gauge "careflow_index_bytes" [] "Bytes of the index's files.";
    INSTANCES: Gauge "careflow_instances" ["workflow", "state"] "Instances by workflow and state.";

    HTTP_REQUESTS: Counter "careflow_http_requests_total" ["method", "route", "class"] "Answers by method, route template and class of status.";
    HTTP_SECONDS: Histogram "careflow_http_request_seconds" ["method", "route"] "From the head of a request to its answer.";
    HTTP_PROBLEMS: Counter "careflow_http_problems_total" ["code"] "Problem documents by code (`rate_limited`, `busy`, `disk_full` and all others).";
}

macro_rules! queues {
    ($( $variant:ident $name:literal $help:literal; )*) => {
        /// Everything that can wait.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Queue {
            $( #[doc = $help] $variant, )*
        }

        impl Queue {
            /// Every queue.
            pub const ALL: &[Self] = &[$( Self::$variant ),*];

            /// Its value of the label `queue`.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// What waits in it.
            pub const fn help(self) -> &'static str {
                match self { $( Self::$variant => $help, )* }
            }
        }
    };
}

queues! {
    Connections "connections" "Open connections, the control socket's included.";
    Requests "requests" "Requests under way.";
    Feed "feed" "Readers of the feed that wait for the next change.";
    Writer "writer" "Commands that wait for the writer.";
    Group "group" "Commits computed for the next group, which waits for the sync under way.";
    Answers "answers" "Answers that wait until what they tell is published.";
    Timers "timers" "Instances with an armed timer that the writer has at hand: the earliest, at most 32,768.";
    Sends "sends" "Events between instances that are not delivered yet.";
    Links "links" "Instances with children that have not started.";
    Index "index" "Writes that the index holds in memory and its files do not have yet.";
}

/// The tables of families and queues in Markdown, for the README.
pub fn tables() -> String {
    let mut text = String::from("| metric | kind | labels | what |\n|---|---|---|---|\n");
    for Family { name, kind, labels, help } in ALL {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        text.push_str(&format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", ")));
    }
    text.push_str("\n| queue | what waits |\n|---|---|\n");
    for queue in Queue::ALL {
        text.push_str(&format!("| `{}` | {} |\n", queue.name(), queue.help()));
    }
    text
}
