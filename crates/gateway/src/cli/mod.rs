//! The command line.

mod queue;
mod session;

pub use self::{
    queue::{ChangeArgs, DrainArgs, ListArgs, QueueArgs, QueueCommand, ShowArgs, TaskState},
    session::{SessionArgs, SessionCommand, SessionNameArgs, SessionShowArgs},
};

use crate::{config::parse_listen, logging::parse_filter, status::parse_url, translate::Side};
use buttress_llm::{Dialect, Provider};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, error::ErrorKind};
use http::Uri;
use std::{net::SocketAddr, path::PathBuf};

/// Error recovery for LLM calls, in front of any client that speaks to OpenAI, Anthropic or Gemini.
///
/// Calls that fail are retried, wait for their limits, or go to another route, within one budget
/// of time and calls. Point a client's base URL at it, and change nothing else.
#[derive(Debug, Parser)]
#[command(name = "buttress", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServeArgs,

    #[command(flatten)]
    log: LogArgs,
}

const EXAMPLES: &str = "\
Examples:
  buttress                       Serve: from ./buttress.toml, or with the keys in the environment,
                                 or, with neither, from a sandbox whose providers fail on purpose
  OPENAI_API_KEY=… ANTHROPIC_API_KEY=… buttress
                                 Serve with these two providers, each standing in for the other
  buttress serve --config prod.toml --listen 0.0.0.0:8080
  buttress check prod.toml       Say what is wrong with a file, and what it amounts to
  buttress schema                Write the JSON Schema of such a file, for editors
  curl -sSi … 2>&1 | buttress explain
                                 Say what a failing answer means, and what would be done
  buttress translate --from openai --to anthropic --kind request < request.json
                                 Write what one dialect says in another
  BUTTRESS_QUEUE_URL=sqlite:buttress.db buttress
                                 Serve, and keep what nobody can answer until somebody can
  buttress queue list            Say what is kept
  buttress status                Say how the gateway on this machine stands

Environment:
  BUTTRESS_CONFIG      The file to read, where --config is not given
  BUTTRESS_CLIENT_KEY  The key that callers have to present, if it is set
  BUTTRESS_ADMIN_KEY   The key of whoever operates it: opens the live page and changes by hand
  BUTTRESS_LOG         What --log takes
  BUTTRESS_QUEUE_URL, BUTTRESS_JOURNAL_URL
                       Where requests are kept that nobody could answer, and sessions recorded:
                       sqlite:FILE or redis://HOST
  BUTTRESS_SEAL_KEYS   The keys that seal both, where they are to be sealed
  BUTTRESS_SHARED_URL  The server over which gateways share circuits and keys: redis://HOST
  BUTTRESS_WEBHOOK_SECRET
                       What signs what the webhook of the queue is told, where a file has one
  OTEL_EXPORTER_OTLP_ENDPOINT
                       The collector that traces go to, such as http://localhost:4318
  X_API_KEY            The keys of the providers: OPENAI_API_KEY, ANTHROPIC_API_KEY, …
  X_BASE_URL, X_MODEL  Without a file: where to find them, and the model to stand in with";

const EXPLAIN_EXAMPLES: &str = r#"Examples:
  curl -sSi … 2>&1 | buttress explain --provider groq
  curl -sSiN … 2>&1 | buttress explain --stream
  buttress explain --json answers.jsonl
  echo '{"id": 1, "provider": "openai", "status": 429, "headers": {"retry-after": "7"}}' |
    buttress explain --json
  buttress explain --delays --json < answers.jsonl

A line of JSON has the fields id, provider, status (null: no answer came), headers (a value may be
a list), body (JSON, a text or null) and now (RFC 3339; otherwise the present). Only status has to
be there. --json prints on each line:
  {id, class, retry_same, fallback, counts_toward_breaker, delay_ms}
  {id, delay_ms}                                                      with --delays
  {id, error}                                                         for a line that can't be read"#;

const TRANSLATE_EXAMPLES: &str = r#"Examples:
  buttress translate --from openai --to anthropic --kind request < request.json
  buttress translate --from anthropic --to openai --kind response < answer.json
  echo '{"tool_choice": "required"}' |
    buttress translate --from openai --to anthropic --kind request
  echo '"end_turn"' | buttress translate --from anthropic --to openai --kind stop_reason
  echo '{"status": 529, "body": {"type": "error", "error": {"type": "overloaded_error",
    "message": "Overloaded"}}}' | buttress translate --from anthropic --to openai --kind error

NAME is a dialect (openai.chat, openai.responses, anthropic.messages, gemini.generateContent), its
vendor (openai, anthropic, gemini), whoever speaks one (mistral, groq, openai-compatible, …),
anthropic-thinking for a model that thinks, or bedrock, of which only reasons for stopping are
known.

KIND    the input, or a part of it that is enough
request      a request; some of its fields; a message {"role": …}; a piece of one {"type": …};
             {"schema": …}; {"id": …} of a call; {"tool_result": …, "name_of_call": …}
response     a whole answer; or, without id and model, what it says
stop_reason  "end_turn"
usage        the usage of an answer; {"message_start": …, "message_delta": […]} of a stream
stream       an event; several are one stream, and the end marker is "[DONE]"
error        {"status": 429, "body": …}

Each document of the input is a line of the output. One that can't be translated is {"error": …}."#;

/// What is to be done.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Serve callers. The default.
    ///
    /// Told to stop, it lets the calls under way finish and ends with 0; with 1 when calls were cut
    /// off, by the end of `server.shutdown_grace` or because it was told again. With 1, too, when
    /// it can't start, and with 2 when the command line is wrong.
    Serve(ServeArgs),
    /// Check a configuration, and show what it amounts to.
    ///
    /// A variable that is not set, such as one for a key, is only noted: a file may be checked on
    /// another machine than the one that has the keys. To serve, it is an error.
    ///
    /// Ends with 0 when the configuration can be used, with 1 when it has errors (or warnings,
    /// with --strict), with 2 when the command line is wrong.
    Check(CheckArgs),
    /// Write the JSON Schema of the configuration, for editors.
    ///
    /// It is made of what the program reads, so it has every key of this version.
    Schema(SchemaArgs),
    /// Explain failing answers: what each means, and what would be done.
    ///
    /// Nothing is sent anywhere, and neither bodies nor headers are printed (but the text of a
    /// stream, with --stream --json). What would be done is told for the default settings.
    ///
    /// Ends with 0 when all of the input could be read, with 1 when some of it could not, with 2
    /// when the command line is wrong.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Write a request, an answer, an event or an error of one dialect in another.
    ///
    /// JSON in, JSON out, by the rules of the gateway; nothing is sent anywhere. What was dropped
    /// or changed is told on the standard error.
    ///
    /// Ends with 0 when all of the input was translated, with 1 when some of it can't be, with 2
    /// when the command line is wrong.
    #[command(after_help = TRANSLATE_EXAMPLES)]
    Translate(TranslateArgs),
    /// Answer what is in the queue, without serving callers.
    ///
    /// Any number of them may work at one queue, beside gateways that do or do not
    /// (`queue.work`). Told to stop, it lets what is under way finish and puts the rest back.
    ///
    /// Ends with 0 when it was told to stop, with 1 when it can't start, with 2 when the command
    /// line is wrong.
    Worker(WorkerArgs),
    /// Look into the queue, and change what becomes of it.
    ///
    /// It is the queue of the configuration that `serve` would read, whether that runs or not.
    ///
    /// Ends with 0 when what was asked for was done, with 1 when it was not, with 2 when the
    /// command line is wrong.
    #[command(after_help = queue::EXAMPLES)]
    Queue(QueueArgs),
    /// Look into the journal: the sessions whose answers are recorded.
    ///
    /// Ends with 0 when what was asked for was done, with 1 when it was not, with 2 when the
    /// command line is wrong.
    #[command(after_help = session::EXAMPLES)]
    Session(SessionArgs),
    /// Show how a gateway that runs stands: its routes, calls and queue.
    ///
    /// In a terminal it goes on until it is interrupted. It asks for what the live page shows, with
    /// the key in BUTTRESS_ADMIN_KEY, if that is set.
    ///
    /// Ends with 0 when it was shown, with 1 when it could not be, with 2 when the command line is
    /// wrong.
    Status(StatusArgs),
    /// Explain what was done for a call: each step of a recorded journey, and why.
    ///
    /// The journey is a line of the log (as text or as JSON), or what `GET /admin/state` has of a
    /// call.
    ///
    /// Ends with 0 when there was a journey, with 1 when there was none, with 2 when the command
    /// line is wrong.
    ReplayJourney(JourneyArgs),
}

/// How to serve.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServeArgs {
    /// The configuration [default: $BUTTRESS_CONFIG, or ./buttress.toml if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The address to listen on, instead of the one that is configured [default: 127.0.0.1:8080]
    #[arg(short, long, value_name = "ADDRESS:PORT", value_parser = parse_listen)]
    pub listen: Option<SocketAddr>,

    /// Serve the sandbox, even if there is a file or a key
    #[arg(long, conflicts_with = "config")]
    pub sandbox: bool,
}

/// What to work with.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerArgs {
    /// The configuration [default: what `serve` would read]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Serve /metrics, /healthz and /readyz on this address, and nothing else [default: listen
    /// nowhere]
    #[arg(short, long, value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,
}

/// What to check.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckArgs {
    /// The configuration [default: what `serve` would read]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// End with 1 when there are warnings, too
    #[arg(long)]
    pub strict: bool,

    /// Print one JSON object: {ok, origin, diagnostics, routes, models}
    #[arg(long)]
    pub json: bool,
}

/// How to write the keys of the configuration.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaArgs {
    /// Write a page for people instead: every key with its default, and what it is for
    #[arg(long)]
    pub markdown: bool,
}

/// What to explain.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainArgs {
    /// The answers: what `curl -i` printed, or JSON lines; `-` is the standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,

    /// Print one JSON object per answer
    #[arg(long)]
    pub json: bool,

    /// Say only how long the answer asks to wait
    #[arg(long, conflicts_with = "stream")]
    pub delays: bool,

    /// Read the answer as a stream of events
    #[arg(long)]
    pub stream: bool,

    /// The API that a stream is of: openai.chat, openai.responses, anthropic.messages or
    /// gemini.generateContent
    /// [default: what it looks like]
    #[arg(long, value_name = "NAME")]
    pub api: Option<Dialect>,

    /// The provider that gave the answer, where the answer does not say it [default: told by its
    /// headers, if they can tell]
    #[arg(long, value_name = "NAME")]
    pub provider: Option<Provider>,
}

/// What to translate.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TranslateArgs {
    /// Whose the input is
    #[arg(long, value_name = "NAME")]
    pub from: Side,

    /// Whom the output is for
    #[arg(long, value_name = "NAME")]
    pub to: Side,

    /// What the input is
    #[arg(long)]
    pub kind: TranslateKind,

    /// The model to ask there [default: the one that the request names; one of the newest, where
    /// it names none]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// Print {output, notes} instead of the output alone
    #[arg(long)]
    pub notes: bool,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TranslateKind {
    /// A request, or a part of one
    Request,
    /// A whole answer, or a part of one
    Response,
    /// Why the model stopped
    StopReason,
    /// What an answer was counted as
    Usage,
    /// The events of a stream
    Stream,
    /// A failing answer
    Error,
}

/// Which gateway to ask, and how to show it.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct StatusArgs {
    /// Where it is
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = parse_url)]
    pub url: Uri,

    /// Show it once
    #[arg(long)]
    pub once: bool,

    /// Print all of it once, as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which journey to explain.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct JourneyArgs {
    /// Where it was recorded; `-` is the standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
}

/// Which configuration says where something is kept.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigArgs {
    /// The configuration [default: what `serve` would read]
    // Not that of `serve`, which can be given without a subcommand.
    #[arg(
        id = "config_of_store",
        short = 'c',
        long = "config",
        global = true,
        value_name = "FILE"
    )]
    pub config: Option<PathBuf>,
}

/// How much to list, and how.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct Listing {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,

    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// What to tell about oneself, on the standard error.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct LogArgs {
    /// What to log: error, warn, info, debug, trace, or filters such as info,hyper=debug
    #[arg(long = "log", global = true, value_name = "FILTER")]
    #[arg(env = "BUTTRESS_LOG", hide_env = true, default_value = "info", value_parser = parse_filter)]
    pub filter: String,

    /// How to log it
    #[arg(
        long = "log-format",
        global = true,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: LogFormat,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Reads the command line.
///
/// # Errors
///
/// What is wrong with it, or the help or version that was asked for: `exit` on it prints it, and
/// ends the program with 2, or with 0.
pub fn parse<I, T>(args: I) -> Result<(Command, LogArgs), clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let Cli {
        command,
        serve,
        log,
    } = Cli::try_parse_from(args)?;
    let alone = serve == ServeArgs::default();
    match command {
        None => Ok((Command::Serve(serve), log)),
        Some(command) if alone => Ok((command, log)),
        // Otherwise they would be accepted, and do nothing.
        Some(_) => Err(Cli::command().error(
            ErrorKind::ArgumentConflict,
            "the options of `serve` stand behind its name, or alone",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(Command, LogArgs), clap::Error> {
        super::parse(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_variable_of_its_own() {
        let help = Cli::command().render_long_help().to_string();
        for variable in [
            "CONFIG",
            "CLIENT_KEY",
            "ADMIN_KEY",
            "LOG",
            "QUEUE_URL",
            "JOURNAL_URL",
            "SEAL_KEYS",
            "SHARED_URL",
            "WEBHOOK_SECRET",
        ] {
            assert!(help.contains(&format!("BUTTRESS_{variable}")), "{variable}");
        }
    }

    #[test]
    fn serving_is_the_default() {
        for line in [
            "buttress --listen 127.0.0.1:0 --config a.toml",
            "buttress serve --listen 127.0.0.1:0 -c a.toml",
        ] {
            let (command, log) = parse(line).unwrap();
            let Command::Serve(args) = command else {
                panic!("{line}: {command:?}");
            };
            assert_eq!(args.config, Some("a.toml".into()));
            assert_eq!(args.listen, Some(([127, 0, 0, 1], 0).into()));
            assert_eq!((log.filter.as_str(), log.format), ("info", LogFormat::Text));
        }
    }

    #[test]
    fn an_address_is_read_as_in_a_file() {
        let (command, _) = parse("buttress --listen localhost:8083").unwrap();
        let Command::Serve(args) = command else {
            panic!("{command:?}");
        };
        assert_eq!(args.listen, Some(([127, 0, 0, 1], 8083).into()));
        let error = parse("buttress --listen 8081").map(|_| ()).unwrap_err();
        let example = "8081 is no address; write the address as well: \"127.0.0.1:8081\"";
        assert!(error.to_string().contains(example), "{error}");
    }

    #[test]
    fn logging_can_be_set_on_either_side() {
        for line in [
            "buttress --log debug --log-format json check a.toml",
            "buttress check --log debug --log-format json a.toml",
        ] {
            let (command, log) = parse(line).unwrap();
            assert!(matches!(command, Command::Check(args) if args.file == Some("a.toml".into())));
            assert_eq!(
                (log.filter.as_str(), log.format),
                ("debug", LogFormat::Json)
            );
        }
    }

    #[test]
    fn what_to_log_is_a_level_or_a_target_with_one() {
        for filter in [
            "warn",
            "OFF",
            "info,hyper=debug",
            "buttress_gateway=trace,warn",
        ] {
            let (_, log) = parse(&format!("buttress --log {filter}")).unwrap();
            assert_eq!(log.filter, filter);
        }
        for (filter, says) in [
            ("nonsense", "nonsense=debug"),
            ("info,hyper", "hyper=debug"),
            ("debgu", "did you mean debug?"),
            ("info=hyper", "`info=hyper`"),
        ] {
            let error = parse(&format!("buttress --log {filter}")).map(|_| ());
            let error = error.unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn where_something_is_kept_can_be_told_on_either_side() {
        for line in ["-c a.toml list", "list --config a.toml"] {
            let (command, _) = parse(&format!("buttress queue {line}")).unwrap();
            assert!(
                matches!(command, Command::Queue(args) if args.from.config == Some("a.toml".into()))
            );
            let (command, _) = parse(&format!("buttress session {line}")).unwrap();
            assert!(
                matches!(command, Command::Session(args) if args.from.config == Some("a.toml".into()))
            );
        }
    }

    #[test]
    fn answers_come_from_the_standard_input() {
        let (command, _) = parse("buttress explain --delays --json").unwrap();
        let Command::Explain(args) = command else {
            panic!("{command:?}");
        };
        assert_eq!(args.file, PathBuf::from("-"));
        assert!(args.delays && args.json && !args.stream);
    }

    #[test]
    fn options_that_would_do_nothing_are_refused() {
        for line in [
            "buttress --listen 127.0.0.1:0 check",
            "buttress serve --sandbox --config a.toml",
            "buttress explain --delays --stream",
            "buttress explain --provider nobody",
            "buttress explain --stream --api nothing",
            "buttress translate --from openai --to anthropic",
            "buttress translate --from openai --to nobody --kind request",
            "buttress translate --from openai --to anthropic --kind nothing",
            "buttress serve --listen 8080",
            "buttress nothing",
        ] {
            assert_eq!(
                parse(line).map(|_| ()).unwrap_err().exit_code(),
                2,
                "{line}"
            );
        }
    }
}
