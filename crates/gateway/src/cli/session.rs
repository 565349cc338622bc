use super::{ConfigArgs, Listing};
use clap::{Args, Subcommand};

pub(super) const EXAMPLES: &str = r#"Examples:
  buttress session list
  buttress session show order-1729              Which steps were paid for, and when
  buttress session export order-1729 > steps.jsonl
  buttress session drop order-1729              Forget it: its steps will be paid for again"#;

/// Which journal, and what to do.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct SessionArgs {
    /// Where it is told
    #[command(flatten)]
    pub from: ConfigArgs,

    /// What to do
    #[command(subcommand)]
    pub command: SessionCommand,
}

/// What to do with sessions.
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum SessionCommand {
    /// List the sessions
    List(Listing),
    /// Show the steps of one, without what was asked and answered
    Show(SessionShowArgs),
    /// Write the steps of one as JSON lines, with what was answered, and what was asked if that is kept
    Export(SessionNameArgs),
    /// Remove one
    Drop(SessionNameArgs),
}

/// Which session to show.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct SessionShowArgs {
    /// Its name
    #[arg(value_name = "SESSION")]
    pub name: String,

    /// Print one JSON object per step
    #[arg(long)]
    pub json: bool,
}

/// Which session.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct SessionNameArgs {
    /// Its name
    #[arg(value_name = "SESSION")]
    pub name: String,
}
