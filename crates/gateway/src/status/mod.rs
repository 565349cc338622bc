//! `buttress status`: how a gateway stands, in a terminal.

mod fetch;
mod table;

use crate::{
    cli::StatusArgs,
    command::{BoxError, FAILED, FINE, in_full},
    config::Lookup,
};
use buttress_client::Secret;
use http::Uri;
use serde_json::Value;
use std::{
    fmt::Write as _,
    io::{self, Write},
    time::Duration,
};
use tokio::time::sleep;

/// How often it is asked anew.
const EACH: Duration = Duration::from_secs(1);

/// Home, and nothing below it.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Shows it, and goes on showing it where it is shown in a terminal.
///
/// What it ends with is what the program is to end with: 0 when it was shown, 1 when it could not
/// be.
///
/// # Errors
/// Output could not be written.
pub fn run(
    args: &StatusArgs,
    env: Lookup<'_>,
    terminal: bool,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let key = env("BUTTRESS_ADMIN_KEY").map(Secret::new);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let again = terminal && !args.once && !args.json;
    let state = async || fetch::state(&args.url, key.as_ref()).await;
    runtime.block_on(show(args, again, state, out))
}

async fn show(
    args: &StatusArgs,
    again: bool,
    mut state: impl AsyncFnMut() -> Result<Value, BoxError>,
    out: &mut dyn Write,
) -> io::Result<u8> {
    loop {
        let state = state().await;
        if again {
            out.write_all(CLEAR.as_bytes())?;
        }
        match (&state, again) {
            (Ok(state), _) => write(out, args, state)?,
            (Err(error), true) => writeln!(out, "{}: {}", args.url, in_full(&**error))?,
            (Err(error), false) => {
                anstream::eprintln!("buttress: {}: {}", args.url, in_full(&**error));
                return Ok(FAILED);
            }
        }
        out.flush()?;
        if !again {
            return Ok(FINE);
        }
        sleep(EACH).await;
    }
}

fn write(out: &mut dyn Write, args: &StatusArgs, state: &Value) -> io::Result<()> {
    match args.json {
        true => writeln!(out, "{}", escaped(state)),
        false => out.write_all(table::of(&args.url, state).as_bytes()),
    }
}

/// As JSON. The control characters beyond ASCII need no escape there, and move some terminals.
fn escaped(state: &Value) -> String {
    let json = state.to_string();
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_control() {
            // They can only stand in a text.
            true => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            false => escaped.push(c),
        }
    }
    escaped
}

/// Reads the address of a gateway.
pub(crate) fn parse_url(text: &str) -> Result<Uri, String> {
    let with_scheme = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let uri: Uri = with_scheme.parse().map_err(|error| format!("{error}"))?;
    match uri.authority() {
        Some(_) => Ok(uri),
        None => Err("write it as http://HOST:PORT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::time::Instant;

    /// A terminal that is closed once so much was flushed to it.
    struct Terminal {
        shown: Vec<u8>,
        left: usize,
    }

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.shown.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            let left = self.left.checked_sub(1);
            self.left = left.ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_terminal_it_is_shown_anew_each_second() {
        let args = StatusArgs {
            url: Uri::from_static("http://localhost:1"),
            once: false,
            json: false,
        };
        let mut asked = 0;
        let state = async || {
            asked += 1;
            match asked {
                // It starts again.
                2 => Err("it does not answer".into()),
                _ => Ok(json!({"up_s": asked})),
            }
        };
        let mut terminal = Terminal {
            shown: Vec::new(),
            left: 2,
        };
        let began = Instant::now();
        let ended = show(&args, true, state, &mut terminal).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(began.elapsed(), EACH * 2);
        let shown = String::from_utf8(terminal.shown).unwrap();
        let screens: Vec<_> = shown.split(CLEAR).collect();
        let [before, first, second, third] = *screens else {
            panic!("{screens:?}");
        };
        assert_eq!(before, "");
        assert!(first.contains("up for 1.0 s"), "{first}");
        assert_eq!(second, "http://localhost:1/: it does not answer\n");
        assert!(third.contains("up for 3.0 s"), "{third}");
    }

    #[test]
    fn json_moves_no_terminal_and_says_the_same() {
        let state = json!({"version": "\u{9b}2J\u{7f}\u{1b}é\n"});
        let text = escaped(&state);
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(text.parse::<Value>().unwrap(), state);
    }
}
