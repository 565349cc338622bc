//! What stands between here and a provider, and speaks up in its stead.

use super::Profile;
use crate::classify::{Rule, means::*};

/// An answer without `grpc-status` is no gRPC server's. gRPC has a table of what the HTTP statuses
/// then mean (`doc/http-grpc-status-mapping.md`): these are INTERNAL and UNKNOWN, since whoever
/// answered does not understand this client. A 429 keeps its own sense here.
pub(super) const GRPC: Profile = Profile::source("grpc")
    .rules(&[Rule::new(SERVER_ERROR.retry_same(false))
        .status(&[400, 405, 406, 411, 413, 414, 415, 416, 417, 418, 422])]);

pub(super) const CLOUDFLARE: Profile = Profile::source("cloudflare");

pub(super) const PROXY: Profile = Profile::source("proxy");

pub(super) const TRANSPORT: Profile = Profile::source("transport");
