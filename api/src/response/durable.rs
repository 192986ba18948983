//! Marks on the answers of operations that write: how durable the write must be before the answer
//! is sent.
//!
//! Every operation that writes answers with [`Acknowledged`] or [`Permanent`]; a test of the
//! OpenAPI document finds one that has neither. `middleware::durability` does the waiting.

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

/// The durability that a write waits for; travels with the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    /// The durability that CARRIER_ACK asks for; the request fails without it.
    Acknowledgement,
    /// The best durability that Redis is capable of, and then the one that CARRIER_ACK asks for.
    Permanence,
}

impl WaitFor {
    /// Returns the sentence that the document says of an answer with this mark.
    pub(crate) const fn promise(self) -> &'static str {
        match self {
            Self::Acknowledgement => "Sent once the write is as durable as `CARRIER_ACK` asks for.",
            Self::Permanence => "Sent once the write is as durable as Redis can make it.",
        }
    }
}

/// The answer of an operation that writes.
pub(crate) struct Acknowledged<T>(pub(crate) T);

/// The answer of an operation that must not be undone by a crash: a deletion, a removal, the end
/// of a session, a block, a new password.
pub(crate) struct Permanent<T>(pub(crate) T);

macro_rules! marks {
    ($($mark:ident $wait:ident),*) => {$(
        impl<T: IntoResponse> IntoResponse for $mark<T> {
            fn into_response(self) -> Response {
                let mut response = self.0.into_response();
                response.set_data(WaitFor::$wait);
                response
            }
        }

        impl<T: ApiResponse> ApiResponse for $mark<T> {
            fn meta() -> MetaResponses {
                with_promise(T::meta(), WaitFor::$wait.promise())
            }

            fn register(registry: &mut Registry) {
                T::register(registry);
            }
        }
    )*};
}

marks!(Acknowledged Acknowledgement, Permanent Permanence);

/// Adds a sentence to the descriptions of all responses.
fn with_promise(mut meta: MetaResponses, promise: &'static str) -> MetaResponses {
    for response in &mut meta.responses {
        // The document is made a few times in the life of a process, so little is leaked.
        response.description = match response.description {
            "" => promise,
            description => format!("{description} {promise}").leak(),
        };
    }
    meta
}

#[cfg(test)]
mod tests {
    use poem::http::StatusCode;

    use super::*;
    use crate::response::no_content::NoContent;

    #[test]
    fn a_mark_travels_with_the_response() {
        let response = Permanent(NoContent::Done).into_response();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(response.data(), Some(&WaitFor::Permanence));
        let response = Acknowledged(NoContent::Done).into_response();
        assert_eq!(response.data(), Some(&WaitFor::Acknowledgement));
    }

    #[test]
    fn a_mark_is_a_sentence_of_the_document() {
        let described = |meta: MetaResponses| meta.responses[0].description;
        assert_eq!(
            described(Permanent::<NoContent>::meta()),
            format!("Done. {}", WaitFor::Permanence.promise())
        );
        let bare = poem_openapi::payload::Json::<String>::meta;
        assert_eq!(
            described(with_promise(bare(), "Promise.")),
            "Promise.",
            "an empty description is replaced"
        );
    }
}
