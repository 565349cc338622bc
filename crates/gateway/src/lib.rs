//! The buttress program: LLM error recovery in front of OpenAI, Anthropic and Gemini clients.
//!
//! It is a library with a thin program around it, so that tests can use its parts:
//! [`config`] reads what it is to do, [`cli`] the command line, and each subcommand has a module.
//! Outside of this workspace only the program is meant to be used: what is public here may change
//! with any version.
//!
//! ```
//! use buttress_gateway::cli::{self, Command};
//!
//! let (command, _) = cli::parse(["buttress", "check", "buttress.toml"])?;
//! assert!(matches!(command, Command::Check(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod check;
pub mod cli;
mod command;
pub mod config;
pub mod explain;
mod files;
mod http;
pub mod journey;
mod logging;
pub mod queue;
pub mod schema;
pub mod serve;
pub mod session;
mod signature;
pub mod status;
pub mod translate;

pub use self::logging::log;
