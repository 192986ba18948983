//! The stores and the settings that all handlers share.

use std::sync::Arc;

use files::Files;
use poem::Request;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::{
    bounds::{answers::Answers, debts::Debts, turns::Turns},
    config::Config,
    hook::Hook,
    identity::Provider,
};

/// The stores and the settings of one API server.
pub(crate) struct State {
    /// Redis and SQL.
    pub(crate) store: Store,
    /// Attachments and avatars.
    pub(crate) files: Files,
    /// The operator's hook, which judges each text; `None` when there is none.
    pub(crate) hook: Option<Hook>,
    /// The settings of the API.
    pub(crate) config: Config,
    /// The identity provider whose tokens log in, if there is one.
    pub(crate) provider: Option<Provider>,
    /// The debts of cost of the sessions that this server serves.
    pub(crate) debts: Debts,
    /// The costly work that accounts have done now.
    pub(crate) turns: Turns,
    /// The answers that are under way.
    pub(crate) answers: Answers,
    /// The turns at compressing large answers.
    pub(crate) compression: fair::Turns,
    /// Cancelled when the process is asked to stop.
    pub(crate) shutdown: CancellationToken,
}

impl State {
    /// Returns the state that `lib.rs` puts into every request.
    pub(crate) fn of(request: &Request) -> Arc<Self> {
        Arc::clone(
            request
                .data::<Arc<Self>>()
                .expect("the endpoint carries its state"),
        )
    }
}
