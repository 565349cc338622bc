use super::{ConfigArgs, Listing};
use crate::config::parse_duration;
use buttress_queue::TaskId;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

pub(super) const EXAMPLES: &str = r#"Examples:
  buttress queue list                  What is still to be done
  buttress queue dead --json | jq -r .reason | sort | uniq -c
  buttress queue show --content 0193f5c2a7d1…
  buttress queue retry --all-dead      After what they died of has been mended
  buttress queue drain --timeout 10m   Before a machine is taken away"#;

/// Which queue, and what to do.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct QueueArgs {
    /// Where it is told
    #[command(flatten)]
    pub from: ConfigArgs,

    /// What to do
    #[command(subcommand)]
    pub command: QueueCommand,
}

/// What to do with the queue.
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum QueueCommand {
    /// List tasks: those that are still to be done, unless told otherwise
    List(ListArgs),
    /// List the dead letters
    Dead(Listing),
    /// Show one task as JSON
    Show(ShowArgs),
    /// Queue dead letters again, or make waiting tasks due now
    Retry(ChangeArgs),
    /// Remove tasks, wherever they stand: a worker that has one loses it
    Drop(ChangeArgs),
    /// Wait until the workers have done all there is, and show how far they are
    ///
    /// Ends with 1 when there is something left after --timeout.
    Drain(DrainArgs),
}

/// Which tasks to list.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct ListArgs {
    /// Those in this state alone
    #[arg(long)]
    pub state: Option<TaskState>,

    /// How much, and how
    #[command(flatten)]
    pub listing: Listing,
}

/// Which task to show.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct ShowArgs {
    /// Its name
    #[arg(value_name = "ID")]
    pub id: TaskId,

    /// Show what was asked and what was answered, too
    #[arg(long)]
    pub content: bool,
}

/// Which tasks to change.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
#[non_exhaustive]
pub struct ChangeArgs {
    /// Their names
    #[arg(value_name = "ID")]
    pub ids: Vec<TaskId>,

    /// All dead letters
    #[arg(long)]
    pub all_dead: bool,
}

/// How long to wait.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct DrainArgs {
    /// At most so long, such as 10m [default: until it is empty]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub timeout: Option<Duration>,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a number and a unit, such as 30s or 10m".to_owned())
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum TaskState {
    /// It will be given out when it is due
    Waiting,
    /// An earlier one of its session comes first
    Behind,
    /// A worker has it
    Leased,
    /// It has been done
    Done,
    /// It was given up
    Dead,
}
