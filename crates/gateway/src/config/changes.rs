//! What a configuration that is read again has otherwise, and what of it can be taken over.

use super::{
    Config, Correct, Journal, Limits, Queue, Route, Server, Shared, Telemetry, Webhook,
    path::named, provider::same_secret,
};

/// What a configuration that was read again has otherwise than the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// What holds from now on: the fields, and the routes, by their names, with ` added` or
    /// ` removed` behind those that were.
    pub taken: Vec<String>,
    /// The fields that hold from the next start on.
    pub at_start: Vec<String>,
}

impl Changes {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.at_start.is_empty()
    }
}

/// Adds the names of the fields in which two of a kind differ. A field that is forgotten here is an
/// error, be it that it is not compared.
macro_rules! differing {
    (
        $found:expr, $table:literal, $old:expr, $new:expr, $kind:ident {
            $($field:ident: $key:literal,)*
        }
        secrets { $($secret:ident: $variable:literal,)* }
        except { $($except:ident,)* }
    ) => {{
        let $kind { $($field,)* $($secret,)* $($except: _,)* } = $old;
        $(
            if *$field != $new.$field {
                $found.push(concat!($table, ".", $key).to_owned());
            }
        )*
        $(
            if !same_secret($secret.as_ref(), $new.$secret.as_ref()) {
                $found.push(concat!($table, ".", $variable).to_owned());
            }
        )*
    }};
}

impl Config {
    /// This configuration with all of a newer one that can change while it is served: what is
    /// listened on, and where things are kept, stays as it is.
    pub(crate) fn renewed(&self, new: Self) -> (Self, Changes) {
        let changes = Changes {
            taken: taken(self, &new),
            at_start: at_start(self, &new),
        };
        // What is added to a configuration is to be decided about here.
        let Self {
            mode,
            server: _,
            limits,
            queue,
            correct,
            journal: _,
            telemetry: _,
            shared: _,
            routes,
            chains,
        } = new;
        let renewed = Self {
            mode,
            server: self.server.clone(),
            limits,
            queue: Queue {
                accept: queue.accept,
                degraded: queue.degraded,
                default_model: queue.default_model,
                ..self.queue.clone()
            },
            correct,
            journal: self.journal.clone(),
            telemetry: self.telemetry.clone(),
            shared: self.shared.clone(),
            routes,
            chains,
        };
        (renewed, changes)
    }
}

fn taken(old: &Config, new: &Config) -> Vec<String> {
    let mut found = Vec::new();
    differing!(found, "limits", &old.limits, new.limits, Limits {
        deadline: "deadline",
        max_calls: "max_calls",
        continuations: "continuations",
    } secrets {} except {});
    differing!(found, "correct", &old.correct, new.correct, Correct {
        max: "max",
        repair: "repair",
        stream: "stream",
        tools: "tools",
        stronger: "stronger",
    } secrets {} except {});
    for (key, differs) in [
        ("queue.accept", old.queue.accept != new.queue.accept),
        ("queue.degraded", old.queue.degraded != new.queue.degraded),
        (
            "queue.default_model",
            old.queue.default_model != new.queue.default_model,
        ),
    ] {
        found.extend(differs.then(|| key.to_owned()));
    }
    let found_in = |config: &Config, route: &Route| {
        let mut routes = config.routes.iter();
        routes.position(|other| other.name == route.name)
    };
    for route in &new.routes {
        let path = named("routes", &route.name);
        match found_in(old, route) {
            None => found.push(format!("{path} added")),
            Some(at) if old.routes[at] != *route => found.push(path),
            Some(_) => {}
        }
    }
    let gone = old
        .routes
        .iter()
        .filter(|route| found_in(new, route).is_none());
    found.extend(gone.map(|route| format!("{} removed", named("routes", &route.name))));
    if chains(old) != chains(new) {
        found.push("models".to_owned());
    }
    found
}
/// Which routes serve which model, by their names: where a route stands may change.
fn chains(config: &Config) -> Vec<(&str, Vec<&str>)> {
    let chains = config.chains.iter().map(|chain| {
        let routes = chain.routes.iter();
        let names = routes.filter_map(|&at| Some(&*config.routes.get(at)?.name));
        (chain.model.as_str(), names.collect())
    });
    chains.collect()
}
fn at_start(old: &Config, new: &Config) -> Vec<String> {
    let mut found = Vec::new();
    differing!(found, "server", &old.server, new.server, Server {
        listen: "listen",
        max_body: "max_body",
        max_in_flight_bytes: "max_in_flight_bytes",
        max_connections: "max_connections",
        max_header: "max_header",
        header_timeout: "header_timeout",
        drain_delay: "drain_delay",
        shutdown_grace: "shutdown_grace",
        } secrets {
        client_key: "client_key_env",
        admin_key: "admin_key_env",
    } except {
        client_key_env,
        admin_key_env,
    });
    differing!(found, "queue", &old.queue, new.queue, Queue {
        store: "url",
        name: "name",
        work: "work",
        max_in_flight: "max_in_flight",
        lease: "lease",
        backoff: "backoff",
        max_backoff: "max_backoff",
        max_deliveries: "max_deliveries",
        max_tasks: "max_tasks",
        max_bytes: "max_bytes",
        max_age: "max_age",
        keep_results: "keep_results",
        keep_dead: "keep_dead",
    } secrets {
        seal_keys: "seal_keys_env",
    } except {
        url_env,
        seal_keys_env,
        accept,
        degraded,
        default_model,
        webhook,
    });
    differing!(found, "queue.webhook", &old.queue.webhook, new.queue.webhook, Webhook {
        url: "url",
    } secrets {
        secret: "secret_env",
    } except {
        secret_env,
    });
    differing!(found, "journal", &old.journal, new.journal, Journal {
        store: "url",
        on_change: "on_change",
        keep_requests: "keep_requests",
        max_age: "max_age",
        max_answer: "max_answer",
    } secrets {
        seal_keys: "seal_keys_env",
    } except {
        url_env,
        seal_keys_env,
    });
    differing!(found, "shared", &old.shared, new.shared, Shared {
        server: "url",
        name: "name",
    } secrets {} except {
        url_env,
    });
    differing!(found, "telemetry", &old.telemetry, new.telemetry, Telemetry {
        endpoint: "endpoint",
        protocol: "protocol",
        headers: "headers_env",
        service_name: "service_name",
        sample: "sample",
        content: "content",
        timeout: "timeout",
    } secrets {
    } except {
        headers_env,
    });
    found
}

#[cfg(test)]
mod tests {
    use super::{super::Options, *};

    const FILE: &str = "\
        [server]\n\
        listen = '127.0.0.1:1'\n\
        [limits]\n\
        max_calls = 5\n\
        [providers.p]\n\
        kind = 'openai'\n\
        key_env = 'ONE'\n\
        [[routes]]\n\
        name = 'a'\n\
        provider = 'p'\n\
        [[routes]]\n\
        name = 'b'\n\
        provider = 'anthropic'\n";

    fn read(file: &str) -> Config {
        let env = |name: &str| match name {
            "ONE" | "SAME" => Some("sk-one".to_owned()),
            "OTHER" => Some("sk-two".to_owned()),
            "ANTHROPIC_API_KEY" => Some("sk-three".to_owned()),
            _ => None,
        };
        let read = Config::parse("buttress.toml", file, &Options::new(&env));
        read.unwrap_or_else(|report| panic!("{report}")).0
    }

    /// What changes with a file in which this stands instead of that.
    fn changes(that: &str, this: &str) -> (Vec<String>, Vec<String>) {
        assert!(FILE.contains(that), "{that}");
        let (_, changes) = read(FILE).renewed(read(&FILE.replace(that, this)));
        (changes.taken, changes.at_start)
    }

    #[test]
    fn where_others_are_told_stays_as_it_is() {
        let with = format!("{FILE}[shared]\nurl = 'redis://127.0.0.1'\n");
        let (renewed, changes) = read(FILE).renewed(read(&with));
        assert_eq!(changes.at_start, ["shared.url"]);
        assert!(renewed.shared.server.is_none() && changes.taken.is_empty());
    }

    #[test]
    fn where_traces_go_stays_as_it_is() {
        let with = format!("{FILE}[telemetry]\nendpoint = 'http://localhost'\ncontent = true\n");
        let (renewed, changes) = read(FILE).renewed(read(&with));
        assert_eq!(
            changes.at_start,
            ["telemetry.endpoint", "telemetry.content"]
        );
        assert!(renewed.telemetry.endpoint.is_none() && !renewed.telemetry.content);
    }

    #[test]
    fn what_has_changed_is_told_by_its_name() {
        for (that, this, taken) in [
            ("max_calls = 5", "max_calls = 5", &[][..]),
            ("max_calls = 5", "max_calls = 6", &["limits.max_calls"]),
            ("'ONE'", "'SAME'", &[]),
            ("'ONE'", "'OTHER'", &["routes.a"]),
            (
                "name = 'a'",
                "name = 'a'\nretry.max_retries = 0",
                &["routes.a"],
            ),
            (
                "name = 'b'",
                "name = 'c'",
                &["routes.c added", "routes.b removed", "models"],
            ),
            (
                "[[routes]]\nname = 'a'",
                "[models]\n'*' = ['a', 'b']\n[[routes]]\nname = 'a'",
                &[],
            ),
            (
                "[[routes]]\nname = 'a'",
                "[models]\n'*' = ['b', 'a']\n[[routes]]\nname = 'a'",
                &["models"],
            ),
            (
                "[limits]",
                "[correct]\ntools = 'whole'\n[limits]",
                &["correct.tools"],
            ),
        ] {
            let (found, at_start) = changes(that, this);
            assert_eq!(found, taken, "{this}");
            assert!(at_start.is_empty(), "{at_start:?}");
        }
    }

    #[test]
    fn what_is_listened_on_stays() {
        let new = FILE.replace("'127.0.0.1:1'", "'127.0.0.1:2'\nclient_key_env = 'ONE'");
        let new = format!("{new}[queue]\naccept = 'asked'\nmax_in_flight = 3\n");
        let old = read(FILE);
        let (renewed, changes) = old.renewed(read(&new));
        assert_eq!(
            changes.at_start,
            [
                "server.listen",
                "server.client_key_env",
                "queue.max_in_flight"
            ]
        );
        assert_eq!(changes.taken, ["queue.accept"]);
        assert_eq!(renewed.server.listen, old.server.listen);
        assert!(renewed.server.client_key.is_none());
        assert_eq!(renewed.queue.max_in_flight, old.queue.max_in_flight);
        assert_ne!(renewed.queue.accept, old.queue.accept);
    }
}
