//! The OpenAPI document, made of the operations.

use poem_openapi::{LicenseObject, OpenApiService};
use serde_json::{Value, json};

use crate::{attachment, avatar, block, chat, directory, export, member, message, reaction, search, session, sync, user};

/// One for each noun of the API.
pub(crate) type Apis = (
    session::SessionApi,
    user::UserApi,
    directory::DirectoryApi,
    block::BlockApi,
    chat::ChatApi,
    member::MemberApi,
    message::MessageApi,
    reaction::ReactionApi,
    attachment::AttachmentApi,
    avatar::AvatarApi,
    search::SearchApi,
    export::ExportApi,
    sync::SyncApi,
);

pub(crate) fn service() -> OpenApiService<Apis, ()> {
    let apis: Apis = (
        session::SessionApi,
        user::UserApi,
        directory::DirectoryApi,
        block::BlockApi,
        chat::ChatApi,
        member::MemberApi,
        message::MessageApi,
        reaction::ReactionApi,
        attachment::AttachmentApi,
        avatar::AvatarApi,
        search::SearchApi,
        export::ExportApi,
        sync::SyncApi,
    );
    OpenApiService::new(apis, "Carrier", env!("CARGO_PKG_VERSION"))
        .description(
            "A self-hosted messaging backend that answers from memory and loses nothing.\n\nRegister or log in, then send the token as \
             `Authorization: Bearer`. Every error is `application/problem+json` with a stable `code`. What is limited tells in \
             `RateLimit` how much is left.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
        .server("/v1")
}

/// The document, as it is committed in `openapi.json`.
pub fn openapi() -> String {
    // serde_json keeps no order of its own, so the text is the same at every run.
    let mut document: Value = serde_json::from_str(&service().spec()).expect("the document is JSON");
    for operations in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in operations.as_object_mut().into_iter().flat_map(|operations| operations.values_mut()) {
            // What needs no session says so; absent, it could have been forgotten.
            if operation.get("security").is_none() {
                operation["security"] = json!([]);
            }
        }
    }
    let mut text = serde_json::to_string_pretty(&document).expect("JSON can be printed");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    /// `make openapi` writes it anew; a change of the contract shows in the diff.
    #[test]
    fn the_committed_document_is_the_one_we_serve() {
        let committed = include_str!("../openapi.json");
        assert!(committed == super::openapi(), "api/openapi.json is out of date; run `make openapi`");
    }
}
