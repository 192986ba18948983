//! The frames of a WebSocket as if they were an operation: the OpenAPI document gets their schemas
//! by it.

use model::ServerEvent;
use poem_openapi::{OpenApi, payload::Json};

use crate::live::ClientCommand;

/// An operation that is documented and never routed.
pub(crate) struct Frames;

#[OpenApi]
impl Frames {
    #[oai(path = "/frames", method = "post")]
    async fn frames(&self, _command: Json<ClientCommand>) -> Json<ServerEvent> {
        unreachable!("it is never routed")
    }
}
