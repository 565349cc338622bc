//! `buttress session`: what is recorded of sessions.

mod open;

pub(crate) use self::open::{OpenJournal, open};

use crate::{
    cli::{Listing, SessionArgs, SessionCommand},
    command::{self, BoxError, FAILED, FINE},
    config::{Config, Lookup},
    files::Files,
};
use buttress::journal::{SessionInfo, Sessions, Step};
use jiff::Timestamp;
use serde_json::Value;
use std::io::{self, Write};

/// What to do where nothing is recorded.
const NOT_CONFIGURED: &str = "no journal is configured: write [journal] with \
    url = \"sqlite:buttress.db\" into the configuration, or set BUTTRESS_JOURNAL_URL";

/// How many records are read at a time, with and without what is in them.
const PAGE: usize = 500;
const WHOLE: usize = 8;

/// Does what is asked for. The number is what the program is to end with.
///
/// # Errors
///
/// When `out` can't be written to.
pub fn run(args: &SessionArgs, env: Lookup<'_>, out: &mut dyn Write) -> io::Result<u8> {
    command::run(args.from.config.as_deref(), env, async |config| {
        act(args, &config, out).await
    })
}

async fn act(args: &SessionArgs, config: &Config, out: &mut dyn Write) -> Result<u8, BoxError> {
    let Some(OpenJournal { sessions, .. }) = open(&config.journal, &mut Files::default()).await?
    else {
        return Err(NOT_CONFIGURED.into());
    };
    match &args.command {
        SessionCommand::List(listing) => list(listing, &sessions, out).await,
        SessionCommand::Show(args) => show(&args.name, args.json, &sessions, out).await,
        SessionCommand::Export(args) => export(&args.name, &sessions, out).await,
        SessionCommand::Drop(args) => match sessions.remove(&args.name).await? {
            true => {
                writeln!(
                    out,
                    "{} dropped: its steps will be paid for again",
                    args.name
                )?;
                Ok(FINE)
            }
            false => Ok(unknown(&args.name)),
        },
    }
}

async fn list(
    &Listing { limit, json }: &Listing,
    sessions: &Sessions,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    let (mut after, mut left) = (None, limit);
    let mut head = !json;
    while left > 0 {
        let page = sessions.list(after.as_deref(), PAGE.min(left)).await?;
        left -= page.items.len();
        for info in page.items {
            if std::mem::take(&mut head) {
                writeln!(
                    out,
                    "STEPS  BRANCHES     BYTES  LAST RECORD           SESSION"
                )?;
            }
            match json {
                true => writeln!(out, "{}", about(&info))?,
                false => writeln!(
                    out,
                    "{:>5}  {:>8}  {:>8}  {}  {}",
                    info.records,
                    info.branch + 1,
                    info.bytes,
                    date(info.last),
                    info.id
                )?,
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if head {
        writeln!(out, "no session is recorded")?;
    }
    Ok(FINE)
}

async fn show(
    name: &str,
    as_lines: bool,
    sessions: &Sessions,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    if sessions.get(name).await?.is_none() {
        return Ok(unknown(name));
    }
    if !as_lines {
        writeln!(
            out,
            "STEP   BRANCH  WHEN                  MODEL                 TOKENS IN/OUT  REQUEST"
        )?;
    }
    let mut after = None;
    loop {
        let page = sessions.steps(name, after, PAGE).await?;
        for record in &page.items {
            if as_lines {
                writeln!(out, "{}", record.to_json())?;
                continue;
            }
            let step = match record.key.step {
                Step::Given(number) => format!("#{number}"),
                Step::Derived(messages) => messages.to_string(),
            };
            let tokens =
                |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |n| n.to_string());
            let tokens = format!(
                "{}/{}",
                tokens(record.about.input),
                tokens(record.about.output)
            );
            let digest = record.key.digest.to_string();
            writeln!(
                out,
                "{step:<5}  {:>6}  {}  {:<20}  {tokens:>13}  {}",
                record.branch,
                date(record.at),
                record.about.model.as_deref().unwrap_or("-"),
                digest.get(..12).unwrap_or(&digest),
            )?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(FINE);
        }
    }
}

async fn export(name: &str, sessions: &Sessions, out: &mut dyn Write) -> Result<u8, BoxError> {
    if sessions.get(name).await?.is_none() {
        return Ok(unknown(name));
    }
    let mut after = None;
    loop {
        let page = sessions.export(name, after, WHOLE).await?;
        for record in &page.items {
            writeln!(out, "{}", record.to_json())?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(FINE);
        }
    }
}

fn unknown(name: &str) -> u8 {
    anstream::eprintln!("buttress: there is no session {name:?}, or none any more");
    FAILED
}

fn about(info: &SessionInfo) -> Value {
    serde_json::json!({
        "session": &*info.id,
        "first": date(info.first),
        "last": date(info.last),
        "records": info.records,
        "bytes": info.bytes,
        "branch": info.branch,
    })
}

/// To the second.
fn date(at: std::time::SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    Timestamp::from_second(at.as_second())
        .unwrap_or_default()
        .to_string()
}
