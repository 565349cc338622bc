//! `buttress check`: what is wrong with a configuration, or what it amounts to.

use crate::{
    cli::CheckArgs,
    config::{Config, Lookup, Options, Report, Severity},
};
use serde_json::{Value, json};
use std::io::{self, Write};

/// The configuration can be used.
pub const FINE: u8 = 0;

/// It can't; or it has warnings, and there were to be none.
pub const WRONG: u8 = 1;

/// Checks, and prints what was found. The number is what the program is to end with.
///
/// Colours are printed in any case: `out` takes them away where they are not wanted.
///
/// # Errors
///
/// When `out` can't be written to.
pub fn run(args: &CheckArgs, env: Lookup<'_>, out: &mut dyn Write) -> io::Result<u8> {
    let options = Options::new(env).keys_may_be_missing();
    show(Config::load(args.file.as_deref(), &options), args, out)
}

fn show(
    loaded: Result<(Config, Report), Report>,
    args: &CheckArgs,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let (config, report) = match loaded {
        Ok((config, report)) => (Some(config), report),
        Err(report) => (None, report),
    };
    if args.json {
        writeln!(out, "{}", describe(config.as_ref(), &report))?;
    } else {
        writeln!(out, "{}", report.styled())?;
        if let Some(config) = config {
            write!(out, "\n{config}")?;
        }
    }
    let least = if args.strict {
        Severity::Warning
    } else {
        Severity::Error
    };
    let wrong = report
        .diagnostics()
        .iter()
        .any(|found| found.severity >= least);
    Ok(if wrong { WRONG } else { FINE })
}

fn describe(config: Option<&Config>, report: &Report) -> Value {
    let diagnostics = report.diagnostics().iter().map(|found| {
        let (line, column) = report.place(found).unzip();
        json!({
            "severity": found.severity.as_str(),
            "path": found.path,
            "line": line,
            "column": column,
            "message": found.message,
            "help": found.help,
        })
    });
    let routes = config.into_iter().flat_map(|config| &config.routes);
    let routes = routes.map(|route| {
        json!({
            "name": &*route.name,
            "provider": &*route.provider.name,
            "model": route.model.as_deref(),
        })
    });
    let models = config.into_iter().flat_map(|config| {
        config.chains.iter().map(|chain| {
            let routes = chain
                .routes
                .iter()
                .filter_map(|route| config.routes.get(*route));
            let routes: Vec<&str> = routes.map(|route| &*route.name).collect();
            json!({ "model": chain.model, "routes": routes })
        })
    });
    json!({
        "ok": report.count(Severity::Error) == 0,
        "origin": report.origin(),
        "diagnostics": diagnostics.collect::<Value>(),
        "routes": routes.collect::<Value>(),
        "models": models.collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, args: &CheckArgs) -> (u8, String) {
        let env = |_: &str| None;
        let options = Options::new(&env).keys_may_be_missing();
        let mut out = Vec::new();
        let loaded = Config::parse("a.toml", source, &options);
        let code = show(loaded, args, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    const ROUTES: &str = r#"
        [[routes]]
        provider = "ollama"
        model = "llama3.3"
        [[routes]]
        provider = "vllm"
        breaker.enabled = false
        gate.enabled = false
        patience = "off"
        timeout.attempt = "off"
    "#;

    #[test]
    fn a_fine_file_is_summed_up() {
        let (code, text) = check(ROUTES, &CheckArgs::default());
        assert_eq!(code, FINE);
        let expected = "\
a.toml: no errors

listens on 127.0.0.1:8080; no key is asked for
a request may take 30m and 12 upstream calls
answers that do not follow the schema asked for are corrected up to 2 times

ROUTE            PROVIDER  MODEL         RETRIES  PATIENCE  ATTEMPT   GATE HOLDS       BREAKER OPENS AT
ollama/llama3.3  ollama    llama3.3      3        2s        10m       1000 calls, 30s  8 in a row, 55% of 60 calls
vllm             vllm      as asked for  3        no limit  no limit  off              off

MODEL  SERVED BY
*      ollama/llama3.3, then vllm
";
        assert_eq!(text, expected);
    }

    #[test]
    fn errors_end_with_one_and_warnings_only_if_asked_to() {
        let strict = CheckArgs {
            strict: true,
            ..CheckArgs::default()
        };
        let warned = "[server]\nlisten = \"[::]:80\"\n[[routes]]\nprovider = \"ollama\"";
        assert_eq!(check("", &CheckArgs::default()).0, WRONG);
        assert_eq!(check(warned, &CheckArgs::default()).0, FINE);
        assert_eq!(check(warned, &strict).0, WRONG);
        assert_eq!(check(ROUTES, &strict).0, FINE);
    }

    /// The file can't help it where it is checked.
    #[test]
    fn what_is_not_set_here_is_shown_and_not_held_against_the_file() {
        let strict = CheckArgs {
            strict: true,
            ..CheckArgs::default()
        };
        let source = "[server]\nclient_key_env = \"KEY\"\n\
                      [[routes]]\nprovider = \"openai\"\nmodel = \"${MODEL}\"";
        let (code, text) = check(source, &strict);
        assert_eq!(code, FINE, "{text}");
        for variable in ["KEY", "MODEL", "OPENAI_API_KEY"] {
            assert!(text.contains(&format!("{variable} is not set")), "{text}");
        }
        assert!(text.contains("a.toml: 3 notes"), "{text}");
    }

    #[test]
    fn json_has_it_all() {
        let json = CheckArgs {
            json: true,
            ..CheckArgs::default()
        };
        let told = |source| -> Value { serde_json::from_str(&check(source, &json).1).unwrap() };
        let fine = told(ROUTES);
        assert_eq!(fine["ok"], true);
        assert_eq!(fine["routes"][0]["name"], "ollama/llama3.3");
        assert_eq!(fine["models"][0]["routes"][1], "vllm");
        let expected = json!({
            "severity": "error",
            "path": "routes[0].modle",
            "line": 2,
            "column": 1,
            "message": "unknown field",
            "help": "did you mean `model`?",
        });
        let wrong = told("[[routes]]\nmodle = 1\nprovider = \"ollama\"");
        assert_eq!(
            (&wrong["ok"], &wrong["diagnostics"]),
            (&json!(false), &json!([expected]))
        );
    }
}
