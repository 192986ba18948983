//! The log of what was refused.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response};

use crate::{
    request::{asker::Asker, client_address, refusals},
    response::problem::Problem,
    state::State,
};

/// Runs a request, and logs it if it is refused.
pub(crate) async fn log<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
) -> poem::Result<Response> {
    let asker = Asker::default();
    request.set_data(asker.clone());
    let address = client_address::of(&request, &State::of(&request).config.trusted_proxies);
    let outcome = endpoint.call(request).await;
    if let Err(error) = &outcome
        && let Some(problem) = error.downcast_ref::<Problem>()
    {
        refusals::report(problem, asker.account(), &address);
    }
    Ok(outcome?.into_response())
}
